import pytest

from fleetpolicy.lab.hardware import Function, Hardware, Kernel
from fleetpolicy.lab.modules import list_builtin, list_modules


def kernel(release: str, *modules: str, builtin: tuple[str, ...] = ()) -> Kernel:
    return Kernel(
        release, 4, has_marker=True, knows_cacheable=True, builtin=builtin, modules=modules
    )


def machine(*drivers: tuple[str, str, str]) -> Hardware:
    functions = tuple(
        Function(
            address=f"0000:0{index}:00.0",
            vendor=number[:4],
            device=number[5:],
            subvendor="0000",
            subdevice="0000",
            class_code=class_code,
            native_driver=driver,
            iommu_group=None,
            numa_node=0,
            used_by=(),
            serial=None,
            regions=(),
        )
        for index, (driver, number, class_code) in enumerate(drivers)
    )
    return Hardware(
        name="host",
        arch="aarch64",
        kernels={},
        cpu="Neoverse-N1",
        fwb=None,
        dic=None,
        vendor="",
        product="",
        command_line=(),
        loader="grub",
        initramfs="none",
        versions=None,
        functions=functions,
    )


@pytest.mark.parametrize(
    ("release", "ids"),
    [
        ("6.9.0", ["2342", "2345"]),
        ("6.14.0-37", ["2342", "2345", "2348", "2941"]),
        ("7.0", ["2342", "2345", "2348", "2941", "31C2"]),
        ("custom", ["2342", "2345"]),
    ],
)
def test_grace_driver_knows_the_gpus_of_its_kernel(release: str, ids: list[str]) -> None:
    found = list_modules(machine(), kernel(release, "nvgrace_gpu_vfio_pci"))

    aliases = found["nvgrace_gpu_vfio_pci"].aliases
    assert aliases == tuple(f"vfio_pci:v000010DEd0000{number}sv*sd*bc*sc*i*" for number in ids)


def test_modules_bring_along_what_they_need() -> None:
    assert list(list_modules(machine(), kernel("6.12", "mlx5_vfio_pci"))) == [
        "mlx5_core",
        "mlx5_vfio_pci",
        "vfio",
        "vfio_pci_core",
    ]


def test_module_of_a_site_is_taken_for_a_vfio_driver_by_its_name() -> None:
    found = list_modules(machine(), kernel("6.12", "nc-optout-vfio-pci", "site_tuning"))

    driver, other = found["nc_optout_vfio_pci"], found["site_tuning"]
    assert (driver.path, driver.driver) == (
        "drivers/vfio/pci/nc-optout-vfio-pci",
        "nc_optout_vfio_pci",
    )
    assert (driver.needs, driver.aliases) == (("vfio_pci_core",), ())
    assert (other.path, other.driver) == ("extra/site-tuning", None)


def test_native_drivers_take_the_functions_of_the_model() -> None:
    hardware = machine(
        ("nvme", "144d:a80a", "010802"),
        ("wonder", "abcd:1234", "020000"),
        ("wonder", "abcd:1235", "020000"),
        ("gadget", "abcd:1236", "ff0000"),
        ("pcieport", "10de:22b1", "060400"),
    )

    found = list_modules(hardware, kernel("6.12"))

    assert list(found) == ["gadget", "nvme", "nvme_core", "wonder"]
    assert found["nvme"].aliases == ("pci:v*d*sv*sd*bc01sc08i02*",)
    assert found["wonder"].path == "drivers/net/ethernet/wonder/wonder"
    assert found["wonder"].aliases == (
        "pci:v0000ABCDd00001234sv*sd*bc*sc*i*",
        "pci:v0000ABCDd00001235sv*sd*bc*sc*i*",
    )
    assert found["gadget"].path == "drivers/misc/gadget/gadget"


def test_what_a_built_in_module_needs_is_built_in_too() -> None:
    described = kernel("6.12", "iommufd", builtin=("vfio-pci",))

    found = list_builtin(described, list_modules(machine(), described))

    assert found == {"vfio", "vfio_pci", "vfio_pci_core"}
