"""Decide kernels, drivers, mappings, the opt-out and fallbacks (FP211 to FP220, FP223)."""

from collections.abc import Callable
from typing import Any

import pytest

from fleetpolicy.model.policy import MappingMode

Make = Callable[..., Any]
GPU, DISK, NIC = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
ON_GPU = {"match": {"device": {"id": "10de:2342"}}}
ON_DISK = {"match": {"device": {"id": "144d:a808"}}}
OPT_OUT = {"memoryMapping": {"globalOptOut": True}}
STRICT = {"modules": {"vfio_pci": "module", "strict_vfio_pci": "module"}}
ASK = (
    "collect the facts as root on the running kernel, with /dev/kvm and "
    "/sys/kernel/btf/vmlinux present"
)


@pytest.mark.shows("FP211")
@pytest.mark.parametrize(
    ("kernel", "questions"),
    [
        ({"normalNcMarker": None}, "KVM_PGTABLE_PROT_NORMAL_NC in BTF"),
        ({"capabilityOnKvm": None}, "capability 243 on /dev/kvm"),
        (
            {"normalNcMarker": None, "capabilityOnKvm": None},
            "KVM_PGTABLE_PROT_NORMAL_NC in BTF, capability 243 on /dev/kvm",
        ),
    ],
)
def test_kernel_whose_probes_gave_no_answer_is_fp211(
    site: Make, kernel: dict[str, Any], questions: str
) -> None:
    assert site(change={"kernel": kernel}).says() == [
        f"fleet#spec.memoryMapping: FP211 [n1] kernel 6.17.0 did not answer: {questions} -> {ASK}"
    ]


@pytest.mark.shows("FP211")
def test_kernel_with_evidence_that_no_profile_has_is_fp211(site: Make) -> None:
    assert site(change={"kernel": {"normalNcMarker": False}}).says() == [
        (
            "fleet#spec.memoryMapping: FP211 [n1] kernel 6.17.0: no KernelProfile has its evidence "
            "-> add a KernelProfile with match.evidence as the host showed it"
        )
    ]


@pytest.mark.accepts("FP211")
@pytest.mark.parametrize("era", ["a", "b", "c"])
def test_kernel_is_known_by_its_evidence(site: Make, era: str) -> None:
    kernel = site(era=era).only_class().kernel

    assert (kernel.profile, kernel.behaviour.name) == (f"era-{era}", f"era-{era}")
    assert kernel.behaviour.normal_nc_by_consent is (era != "a")
    assert kernel.behaviour.cacheable_pfnmap is (era == "c")


def test_kernel_is_known_by_a_capability_that_answers_one(site: Make) -> None:
    found = site(change={"kernel": {"capabilityOnKvm": "1"}}).only_class()

    assert found.kernel.profile == "era-c"


def test_kernel_on_x86_is_not_asked(site: Make) -> None:
    change = {"arch": "x86_64", "kernel": {"normalNcMarker": None, "capabilityOnKvm": None}}

    found = site(change=change, policies={"p": ON_DISK}, fleet=OPT_OUT).only_class()

    assert found.kernel is None
    assert found.opt_out is None
    assert [item.mapping for item in found.assignments] == [MappingMode.NORMAL_NC]


def vendor_kernel(cacheable: str, **more: Any) -> dict[str, Any]:
    return {
        "vendor": {
            "match": {"release": "6.12.*"},
            "stage2": {"vfioPci": "normal-nc", "cacheablePfnmap": cacheable},
            "source": "the vendor",
            **more,
        }
    }


def test_kernel_profile_that_disagrees_with_the_probes_is_fp212(site: Make) -> None:
    assert site(era="b", kernels=vendor_kernel("true")).says() == [
        (
            "vendor#spec.stage2: FP212 [n1] vendor says vfioPci: normal-nc, cacheablePfnmap: true; "
            "the probes of 6.12.107 say vfioPci: normal-nc, cacheablePfnmap: false (era-b) -> "
            "correct spec.stage2, or the release that it matches"
        )
    ]


def test_kernel_profile_that_agrees_with_the_probes_is_taken(site: Make) -> None:
    found = site(era="b", kernels=vendor_kernel("false")).only_class()

    assert (found.kernel.profile, found.kernel.source) == ("vendor", "the vendor")


def test_kernel_whose_vendor_lets_the_mapping_decide_honours_cacheable_memory(site: Make) -> None:
    kernels = vendor_kernel("false")
    kernels["vendor"]["stage2"]["pgprotDecides"] = "true"
    policy = {**ON_GPU, "mapping": "cacheable", "onUnsupported": "trapped"}

    found = site(era="b", kernels=kernels, policies={"p": policy}).only_class()

    assert found.kernel.behaviour.pgprot_decides
    assert [item.mapping.value for item in found.assignments] == ["cacheable"]


def test_auto_driver_without_an_alias_is_fp214(site: Make, device: Make) -> None:
    change: dict[str, Any] = {"vfioAliases": []}
    modalias = device(DISK, "144d:a808", "010802", 2)["modalias"]

    assert site(policies={"p": ON_DISK}, change=change).says() == [
        (
            f"p#spec.driver: FP214 [n1 {DISK}] modules.alias of kernel 6.17.0 has no "
            f"vfio_pci: line for {DISK} ({modalias}) -> "
            "install the kernel's vfio-pci module and run depmod, or name the driver"
        )
    ]


@pytest.mark.parametrize(
    ("driver", "why", "fix"),
    [
        (
            "vfoi-pci",
            "no DriverProfile knows vfoi-pci: there are nvgrace_gpu_vfio_pci, vfio-pci",
            "correct the name, or add a DriverProfile for it",
        ),
        (
            "vfio-platform",
            "vfio-platform binds no PCI device",
            "use driver: auto or vfio-pci",
        ),
        (
            "nvgrace-gpu-vfio-pci",
            "nvgrace_gpu_vfio_pci takes 10de:2342, not 144d:a808",
            "use driver: auto or vfio-pci",
        ),
        (
            "mlx5-vfio-pci",
            "kernel 6.17.0 has no module mlx5_vfio_pci",
            "install a kernel that has it, or choose another driver",
        ),
    ],
)
def test_named_driver_that_cannot_own_the_device_is_fp214(
    site: Make, driver: str, why: str, fix: str
) -> None:
    drivers = {
        "mlx5": {"module": "mlx5_vfio_pci", "driver": "mlx5_vfio_pci", "source": "Linux"},
        "platform": {
            "module": "vfio_platform",
            "driver": "vfio-platform",
            "bus": "platform",
            "source": "Linux",
        },
    }
    known = {"mlx5": drivers["mlx5"]} if driver.startswith("mlx5") else {}
    known |= {"platform": drivers["platform"]} if driver == "vfio-platform" else {}

    found = site(policies={"p": {**ON_DISK, "driver": driver}}, drivers=known).says()

    assert found == [f"p#spec.driver: FP214 [n1 {DISK}] {why} -> {fix}"]


@pytest.mark.accepts("FP223")
@pytest.mark.parametrize(
    ("policy", "driver"),
    [
        ({}, "nvgrace_gpu_vfio_pci"),
        ({"driver": "vfio-pci"}, "vfio-pci"),
        ({"driver": "vfio_pci"}, "vfio-pci"),
        ({"mapping": "cacheable"}, "nvgrace_gpu_vfio_pci"),
        ({"mapping": "device"}, "vfio-pci"),  # the variant would map the memory cacheable
    ],
)
def test_driver_of_a_coherent_gpu(site: Make, policy: dict[str, Any], driver: str) -> None:
    fleet, _ = site(policies={"p": {**ON_GPU, **policy}}).resolve()

    (item,) = fleet.classes[0].assignments
    assert item.driver.name == driver


@pytest.mark.shows("FP223")
def test_device_without_regions_is_fp223(site: Make, device: Make) -> None:
    devices = [device(DISK, "144d:a808", "010802", 2, regions=[])]

    assert site(policies={"p": ON_DISK}, change={"devices": devices}).says() == [
        (
            f"p#spec.match.device: FP223 [n1 {DISK}] {DISK} (144d:a808) showed no memory BAR -> "
            "collect the facts again as root; a device without memory BARs cannot be mapped, so "
            "leave it out of the match"
        )
    ]


# The opt-out, mechanism by mechanism.


def mechanism(found: Any) -> tuple[str, str]:
    return found.opt_out.mechanism.value, found.opt_out.detail


def test_opt_out_by_the_kernels_parameter_comes_first(
    site: Make, withholding: dict[str, Any]
) -> None:
    kernels = vendor_kernel("false", optOut={"parameter": "kvm-arm.vfio_device_map=device"})

    found = site(
        era="b",
        kernels=kernels,
        drivers={"strict": withholding},
        change=STRICT,
        fleet=OPT_OUT,
        policies={"p": ON_DISK},
    ).only_class()

    assert mechanism(found) == ("cmdline", "kvm-arm.vfio_device_map=device")
    assert [(s.token, str(s.origin)) for s in found.settings] == [
        ("kvm-arm.vfio_device_map=device", "fleet#spec.memoryMapping.globalOptOut")
    ]
    assert not found.kernel.behaviour.normal_nc_by_consent
    assert [item.driver.name for item in found.assignments] == ["vfio-pci"]
    assert [item.mapping.value for item in found.assignments] == ["device"]


def test_opt_out_by_the_era_needs_nothing(site: Make, withholding: dict[str, Any]) -> None:
    found = site(
        era="a",
        drivers={"strict": withholding},
        change=STRICT,
        fleet=OPT_OUT,
        policies={"p": {**ON_DISK, "driver": "vfio-pci"}},
    ).only_class()

    assert mechanism(found) == ("era", "kernel profile era-a maps every device as Device-nGnRE")
    assert found.settings == ()
    assert [item.driver.name for item in found.assignments] == ["vfio-pci"]


def test_opt_out_by_the_driver_that_withholds_beats_a_named_driver(
    site: Make, withholding: dict[str, Any]
) -> None:
    found = site(
        era="b",
        drivers={"strict": withholding},
        change=STRICT,
        fleet=OPT_OUT,
        policies={"p": {**ON_DISK, "driver": "vfio-pci", "mapping": "normal-nc"}},
    ).only_class()

    (item,) = found.assignments
    assert mechanism(found) == ("driver", "strict_vfio_pci")
    assert (item.driver.name, item.driver.consent) == ("strict-vfio-pci", False)
    assert (item.mapping.value, item.declared.value) == ("device", "normal-nc")
    assert str(item.mapping_origin) == "fleet#spec.memoryMapping.globalOptOut"


def test_opt_out_by_trapping_where_policy_allows_it(site: Make) -> None:
    fleet = {"memoryMapping": {"globalOptOut": True, "onUnsupported": "trapped"}}

    found = site(era="b", fleet=fleet, policies={"p": ON_DISK}).only_class()

    assert mechanism(found) == ("trapped", "onUnsupported: trapped lets QEMU emulate each access")
    assert [item.mapping.value for item in found.assignments] == ["trapped"]


@pytest.mark.parametrize("era", ["b", "c"])
def test_opt_out_without_a_mechanism_is_fp215(site: Make, era: str) -> None:
    release = {"b": "6.12.107", "c": "6.17.0"}[era]

    assert site(era=era, fleet=OPT_OUT, policies={"p": ON_DISK}).says() == [
        (
            f"fleet#spec.memoryMapping.globalOptOut: FP215 [n1] kernel {release} (era-{era}) gives "
            "Normal-NC and has no parameter against it, and no driver that withholds it is "
            "installed -> install the driver optout_vfio_pci (docs/opt-out.md), or another that "
            "withholds the consent, with its DriverProfile (consent: false); boot a kernel whose "
            "KernelProfile has optOut.parameter, or an era A kernel; or allow "
            "spec.memoryMapping.onUnsupported: trapped"
        )
    ]


def test_opt_out_on_a_host_that_gives_nothing_away_is_accepted(site: Make) -> None:
    found = site(era="b", fleet=OPT_OUT).only_class()

    assert found.opt_out is None
    assert found.assignments == ()


def test_opt_out_keeps_a_trapped_device_trapped(site: Make) -> None:
    found = site(
        era="a", fleet=OPT_OUT, policies={"p": {**ON_DISK, "mapping": "trapped"}}
    ).only_class()

    assert [item.mapping.value for item in found.assignments] == ["trapped"]


def test_withholding_driver_serves_a_device_policy_without_the_opt_out(
    site: Make, withholding: dict[str, Any]
) -> None:
    found = site(
        era="b",
        drivers={"strict": withholding},
        change=STRICT,
        policies={"p": {**ON_DISK, "mapping": "device"}},
    ).only_class()

    (item,) = found.assignments
    assert item.driver.name == "strict-vfio-pci"
    assert found.opt_out is None


# Precedence and fallbacks.


def test_fleet_default_speaks_where_no_policy_does(site: Make) -> None:
    guests = {"g": {"host": "n1", "devices": [{"device": {"address": NIC, "id": "15b3:1021"}}]}}

    found = site(fleet={"memoryMapping": {"default": "trapped"}}, guests=guests).only_class()

    (item,) = found.assignments
    assert (item.policy, item.mapping.value) == ("", "trapped")
    assert str(item.mapping_origin) == "fleet#spec.memoryMapping.default"
    assert str(item.driver_origin) == "g#spec.devices.0"


def test_device_policy_beats_the_fleet_default(site: Make) -> None:
    found = site(
        fleet={"memoryMapping": {"default": "trapped"}},
        policies={"p": {**ON_DISK, "mapping": "normal-nc"}},
    ).only_class()

    (item,) = found.assignments
    assert item.mapping.value == "normal-nc"
    assert str(item.mapping_origin) == "p#spec.mapping"


CANNOT = (
    f"{DISK} cannot have cacheable: driver vfio-pci maps no coherent memory of 144d:a808 -> "
    "give the host what it lacks, or ask for a mapping that it has"
)


def test_unsupported_mapping_with_fail_is_left_to_the_simulation(site: Make) -> None:
    found = site(policies={"p": {**ON_DISK, "mapping": "cacheable"}}).only_class()

    assert [item.mapping.value for item in found.assignments] == ["cacheable"]


@pytest.mark.parametrize(
    ("fleet", "policy"),
    [
        ({}, {"onUnsupported": "trapped"}),
        ({"memoryMapping": {"onUnsupported": "trapped"}}, {}),
        ({"memoryMapping": {"onUnsupported": "fail"}}, {"onUnsupported": "trapped"}),
    ],
)
def test_unsupported_mapping_with_trapped_is_fp220(
    site: Make, fleet: dict[str, Any], policy: dict[str, Any]
) -> None:
    asked = site(fleet=fleet, policies={"p": {**ON_DISK, "mapping": "cacheable", **policy}})

    fleet_found, _ = asked.resolve()

    assert asked.says() == [f"p#spec.mapping: FP220 [n1 {DISK}] {CANNOT}"]
    (item,) = fleet_found.classes[0].assignments
    assert (item.mapping.value, item.declared.value) == ("trapped", "cacheable")


def test_unsupported_mapping_with_skip_host_is_fp219(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts("b"), "n2": host_facts("b"), "n3": host_facts("c")}
    policy = {**ON_GPU, "mapping": "cacheable", "onUnsupported": "skip-host"}
    asked = site(hosts=hosts, policies={"p": policy})
    why = (
        f"{GPU} cannot have cacheable: usemem gets Device-nGnRE; "
        "kernel 6.12.107 (era-b) has no cacheable mapping of device memory"
    )

    fleet, _ = asked.resolve()

    assert asked.says() == [
        (
            f"p#spec.mapping: FP219 [n1 n2 {GPU}] {why} -> "
            "give the host what it lacks, or ask for a mapping that it has"
        )
    ]
    assert [host.name for host in fleet.hosts] == ["n3"]
    assert fleet.skipped == {"n1": why, "n2": why}


def test_supported_mapping_needs_no_fallback(site: Make) -> None:
    policy = {**ON_GPU, "mapping": "cacheable", "onUnsupported": "skip-host"}

    found = site(policies={"p": policy}).only_class()

    assert [item.mapping.value for item in found.assignments] == ["cacheable"]


def test_platform_is_the_first_profile_that_firmware_fits(site: Make) -> None:
    known = site().only_class().platform
    unknown = site(change={"firmware": {"vendor": "Ampere", "product": "x"}}).only_class()

    assert (known.profile, known.attested, known.by) == ("grace", True, "the vendor")
    assert unknown.platform is None
