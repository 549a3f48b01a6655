"""Know the kernel modules that simulated hosts have: where they lie, what they take and need."""

import re
from dataclasses import dataclass, replace

from fleetpolicy.lab.hardware import Function, Hardware, Kernel

BRIDGES = "pci:v*d*sv*sd*bc06sc04i00*"
_VFIO = "drivers/vfio/pci"
_NET = "drivers/net/ethernet"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A module's parameter.

    Args:
        default: As /sys/module shows it; None where the parameter is not shown there.
    """

    name: str
    kind: str
    default: str | None


@dataclass(frozen=True, slots=True)
class Module:
    """A kernel module.

    Args:
        path: Its file below the folder of the kernel's modules, without the suffix.
        needs: What must be loaded before it.
        driver: Its PCI driver in /sys/bus/pci/drivers, None for the module's own name.
        post: What its own softdep asks for afterwards.
    """

    name: str
    path: str
    needs: tuple[str, ...] = ()
    driver: str | None = None
    parameters: tuple[Parameter, ...] = ()
    aliases: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


def _bools(*names: str) -> tuple[Parameter, ...]:
    return tuple(Parameter(name, "bool", "N") for name in names)


def _variants(module: str, *ids: str, folder: str = "") -> Module:
    """Return a variant driver; its file has dashes where the module has underscores."""
    aliases = tuple(_by_id("vfio_pci", *number.split(":")) for number in ids)
    path = f"{_VFIO}/{folder}{module.replace('_', '-')}"
    return Module(module, path, ("vfio_pci_core",), module, (), aliases)


def _by_id(prefix: str, vendor: str, device: str) -> str:
    return f"{prefix}:v0000{vendor.upper()}d0000{device.upper()}sv*sd*bc*sc*i*"


# Source: Linux, drivers/vfio (Makefiles, module_param, MODULE_SOFTDEP and id tables); kernel/.
_KNOWN = {
    module.name: module
    for module in (
        Module("vfio", "drivers/vfio/vfio", post=("vfio_iommu_type1",)),
        Module("vfio_virqfd", "drivers/vfio/vfio_virqfd"),
        Module(
            "vfio_iommu_type1",
            "drivers/vfio/vfio_iommu_type1",
            ("vfio",),
            parameters=(
                *_bools("allow_unsafe_interrupts", "disable_hugepages"),
                Parameter("dma_entry_limit", "int", "65535"),
            ),
        ),
        Module("vfio_pci_core", f"{_VFIO}/vfio-pci-core", ("vfio",)),
        Module(
            "vfio_pci",
            f"{_VFIO}/vfio-pci",
            ("vfio_pci_core",),
            "vfio-pci",
            (
                *_bools("disable_denylist", "disable_idle_d3", "enable_sriov", "nointxmask"),
                Parameter("ids", "string", None),
            ),
            ("vfio_pci:v*d*sv*sd*bc*sc*i*",),
        ),
        Module(
            "optout_vfio_pci",
            "updates/dkms/optout_vfio_pci",
            ("vfio_pci_core",),
            "optout_vfio_pci",
            (
                *_bools("disable_denylist", "disable_idle_d3", "enable_sriov", "nointxmask"),
                Parameter("devices", "string", ""),
                Parameter("stage2", "string", "device"),
            ),
        ),
        _variants("nvgrace_gpu_vfio_pci", "10de:2342", "10de:2345", folder="nvgrace-gpu/"),
        replace(
            _variants("mlx5_vfio_pci", "15b3:101e", folder="mlx5/"),
            needs=("vfio_pci_core", "mlx5_core"),
        ),
        _variants("hisi_acc_vfio_pci", "19e5:a251", "19e5:a256", "19e5:a259", folder="hisilicon/"),
        _variants("pds_vfio_pci", "1dd8:1003", folder="pds/"),
        _variants("virtio_vfio_pci", "1af4:1041", folder="virtio/"),
        _variants("qat_vfio_pci", "8086:4941", "8086:4943", "8086:4945", folder="qat/"),
        Module(
            "iommufd",
            "drivers/iommu/iommufd/iommufd",
            parameters=_bools("allow_unsafe_interrupts"),
        ),
        Module(
            "nvme",
            "drivers/nvme/host/nvme",
            ("nvme_core",),
            aliases=("pci:v*d*sv*sd*bc01sc08i02*",),
        ),
        Module("nvme_core", "drivers/nvme/host/nvme-core"),
        Module(
            "nvidia",
            "updates/dkms/nvidia",
            aliases=("pci:v000010DEd*sv*sd*bc03sc02i00*", "pci:v000010DEd*sv*sd*bc03sc00i00*"),
        ),
        Module(
            "nouveau",
            "drivers/gpu/drm/nouveau/nouveau",
            aliases=("pci:v000010DEd*sv*sd*bc03sc*i*",),
        ),
        Module("ahci", "drivers/ata/ahci", ("libahci",), aliases=("pci:v*d*sv*sd*bc01sc06i01*",)),
        Module("libahci", "drivers/ata/libahci"),
        Module("mlx5_core", f"{_NET}/mellanox/mlx5/core/mlx5_core"),
        Module("ixgbe", f"{_NET}/intel/ixgbe/ixgbe"),
        Module("i40e", f"{_NET}/intel/i40e/i40e"),
        Module("igb", f"{_NET}/intel/igb/igb"),
    )
}
# Source: Linux, commits 12cd88a9116a, 2bb447540e71 and 407aa63018d1.
_LATER = {(6, 14): ("10de:2348", "10de:2941"), (7, 0): ("10de:31c2",)}
_FOLDERS = {"01": "drivers/scsi", "02": _NET, "03": "drivers/gpu/drm"}


def list_modules(hardware: Hardware, kernel: Kernel) -> dict[str, Module]:
    """Return the modules that a kernel has, built in or not, with all that they need."""
    named = {name.replace("-", "_") for name in (*kernel.builtin, *kernel.modules)}
    found = {name: _module(name, kernel) for name in sorted(named)}
    for function in hardware.functions:
        # Every kernel has pcieport built in, and lists it nowhere.
        if function.native_driver and function.native_driver != "pcieport":
            name = function.native_driver.replace("-", "_")
            found[name] = _native(found.get(name) or _module(name, kernel), function)
    missing = [name for module in found.values() for name in module.needs]
    while missing:
        name = missing.pop()
        if name not in found:
            found[name] = _module(name, kernel)
            missing += found[name].needs
    return dict(sorted(found.items()))


def list_builtin(kernel: Kernel, modules: dict[str, Module]) -> frozenset[str]:
    """Return the modules that are built in: those that the model names, with all they need."""
    found: set[str] = set()
    pending = [name.replace("-", "_") for name in kernel.builtin]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += modules[name].needs
    return frozenset(found)


def _module(name: str, kernel: Kernel) -> Module:
    known = _KNOWN.get(name)
    if known is None:
        folder = _VFIO if name.endswith("_vfio_pci") else "extra"
        known = Module(name, f"{folder}/{name.replace('_', '-')}")
        if name.endswith("_vfio_pci"):
            known = replace(known, needs=("vfio_pci_core",), driver=name)
    version = _version(kernel.release)
    if name == "nvgrace_gpu_vfio_pci":
        later = [number for since, ids in _LATER.items() if version >= since for number in ids]
        aliases = tuple(_by_id("vfio_pci", *number.split(":")) for number in later)
        return replace(known, aliases=known.aliases + aliases)
    # Source: Linux 6.2, drivers/vfio/Makefile: from there on vfio_virqfd is a part of vfio.
    if name == "vfio_pci_core" and version < (6, 2):
        return replace(known, needs=("vfio", "vfio_virqfd"))
    return known


def _native(module: Module, function: Function) -> Module:
    """Return a native driver that takes a function."""
    pattern = _by_id("pci", function.vendor, function.device)
    if module.name in _KNOWN and _KNOWN[module.name].aliases:
        return module
    path = module.path
    if path.startswith("extra/"):
        folder = _FOLDERS.get(function.class_code[:2], "drivers/misc")
        path = f"{folder}/{module.name}/{module.name}"
    aliases = tuple(sorted({*module.aliases, pattern}))
    return replace(module, path=path, aliases=aliases)


def _version(release: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else (0, 0)
