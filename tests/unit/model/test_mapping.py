"""Say what a guest gets for a region, and which fact is missing where it is not what was asked."""

from dataclasses import replace
from typing import Any

import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.fleet import Assignment, Kernel, Region, VfioDriver
from fleetpolicy.model.mapping import features_of, map_region, shortfalls, wanted_stage2
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostFacts
from fleetpolicy.model.simulation import RegionMapping
from fleetpolicy.simcore.attributes import CpuFeatures
from fleetpolicy.simcore.kvm import (
    ERA_A,
    ERA_B,
    ERA_C,
    VFIO_PCI_BAR,
    KernelBehaviour,
    MemoryKind,
    Pgprot,
    Vma,
    VmFlag,
)

PFNMAP = frozenset({VmFlag.PFNMAP, VmFlag.SHARED})
BAR0 = Region(0, "bar0", VFIO_PCI_BAR)
SILENT = Region(0, "bar0", Vma(Pgprot.NONCACHED, PFNMAP, MemoryKind.PCIE_MMIO))
USEMEM = Region(4, "usemem", Vma(Pgprot.CACHED, PFNMAP, MemoryKind.COHERENT_DEVICE_MEMORY))
PLAIN = VfioDriver("vfio_pci", "vfio-pci", consent=True)
VARIANT = VfioDriver("nvgrace_gpu_vfio_pci", "nvgrace_gpu_vfio_pci", consent=True)
STRICT = VfioDriver("strict_vfio_pci", "strict-vfio-pci", consent=False)
NC, DEVICE = MappingMode.NORMAL_NC, MappingMode.DEVICE
CACHEABLE, TRAPPED = MappingMode.CACHEABLE, MappingMode.TRAPPED
GRACE = CpuFeatures(fwb=True, dic=True)
DEVICE_TYPES = ("Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE")


def facts(*, fwb: bool | None = True, dic: bool | None = True) -> HostFacts:
    tree: dict[str, Any] = {
        "arch": "aarch64",
        "kernel": {
            "release": "6.x",
            "pageSizeKib": 4,
            "normalNcMarker": True,
            "capabilityOnKvm": "0",
            "capabilityOnVm": None,
        },
        "cpu": {"model": "Neoverse X", "fwb": fwb, "dic": dic},
        "firmware": {"vendor": "", "product": ""},
        "boot": {"loader": None, "initramfs": None},
        "libvirt": None,
        "modules": {},
        "vfioAliases": [],
        "devices": [
            {
                "address": "0000:01:00.0",
                "id": "10de:2342",
                "subsystem": None,
                "class": "0302",
                "modalias": "",
                "iommuGroup": 1,
                "numaNode": 0,
                "nativeDriver": None,
                "usedBy": [],
                "regions": [],
            }
        ],
    }
    return HostFacts.model_validate(tree)


def kernel(behaviour: KernelBehaviour) -> Kernel:
    return Kernel(f"era-{behaviour.name.lower()}", behaviour, "", "the tests")


def assignment(mode: MappingMode, driver: VfioDriver, *regions: Region) -> Assignment:
    nowhere = Span("p")
    return Assignment(
        device=facts().devices[0],
        driver=driver,
        driver_origin=nowhere,
        mapping=mode,
        mapping_origin=nowhere,
        declared=mode,
        policy="p",
        companion=False,
        rom_bar=False,
        regions=regions,
    )


def test_unknown_cpu_features_count_as_absent() -> None:
    assert features_of(facts(fwb=None, dic=None)) == CpuFeatures(fwb=False, dic=False)
    assert features_of(facts()) == GRACE


@pytest.mark.parametrize(
    ("mode", "behaviour", "region", "expected"),
    [
        (TRAPPED, ERA_C, BAR0, RegionMapping("bar0", "not mapped", "trapped", ())),
        (
            NC,
            ERA_A,
            BAR0,
            RegionMapping("bar0", "Device-nGnRnE", "Device-nGnRE", DEVICE_TYPES[:2]),
        ),
        (
            NC,
            ERA_B,
            BAR0,
            RegionMapping("bar0", "Device-nGnRnE", "Normal-NC", (*DEVICE_TYPES, "Normal-NC")),
        ),
        (
            CACHEABLE,
            ERA_C,
            USEMEM,
            RegionMapping("usemem", "Normal-WB", "Normal", ("Normal-WB",)),
        ),
        (
            CACHEABLE,
            ERA_B,
            USEMEM,
            RegionMapping("usemem", "Normal-WB", "Device-nGnRE", DEVICE_TYPES[:2]),
        ),
    ],
)
def test_region_gets_what_the_era_gives(
    mode: MappingMode, behaviour: KernelBehaviour, region: Region, expected: RegionMapping
) -> None:
    assert map_region(region, mode, kernel(behaviour), GRACE) == expected


def test_region_on_x86_has_no_stage_2_choice() -> None:
    assert map_region(BAR0, NC, None, GRACE) == RegionMapping(
        "bar0", "Device-nGnRnE", "not applicable on x86", ()
    )


def test_region_that_kvm_refuses_says_where() -> None:
    features = CpuFeatures(fwb=True, dic=False)

    assert map_region(USEMEM, CACHEABLE, kernel(ERA_C), features) == RegionMapping(
        "usemem", "Normal-WB", "refused: EINVAL at memslot creation", ()
    )


@pytest.mark.parametrize(
    ("mode", "region", "stage2"),
    [
        (NC, BAR0, "Normal-NC"),
        (NC, USEMEM, "Normal-NC"),
        (DEVICE, BAR0, "Device-nGnRE"),
        (CACHEABLE, BAR0, "Normal-NC"),
        (CACHEABLE, USEMEM, "Normal"),
        (TRAPPED, USEMEM, "trapped"),
    ],
)
def test_mode_promises_a_stage_2_type(mode: MappingMode, region: Region, stage2: str) -> None:
    assert wanted_stage2(region, mode) == stage2


@pytest.mark.parametrize(
    ("mode", "driver", "regions", "behaviour"),
    [
        (NC, PLAIN, (BAR0,), ERA_B),
        (NC, PLAIN, (BAR0,), ERA_C),
        (DEVICE, PLAIN, (BAR0,), ERA_A),
        (DEVICE, STRICT, (SILENT,), ERA_B),
        (DEVICE, STRICT, (SILENT,), ERA_C),
        (CACHEABLE, VARIANT, (BAR0, USEMEM), ERA_C),
        (TRAPPED, PLAIN, (BAR0,), ERA_A),
        (TRAPPED, VARIANT, (BAR0, USEMEM), ERA_B),
    ],
)
def test_honoured_mapping_has_no_shortfall(
    mode: MappingMode, driver: VfioDriver, regions: tuple[Region, ...], behaviour: KernelBehaviour
) -> None:
    assert shortfalls(assignment(mode, driver, *regions), kernel(behaviour), facts()) == ()


OPTED_OUT = replace(ERA_B, normal_nc_by_consent=False)
NO_COHERENT = "driver vfio-pci maps no coherent memory of 10de:2342"
NOT_ALLOWED = "the driver maps coherent memory cacheable, which this mode does not allow"
NO_CACHEABLE = "kernel 6.x (era-{}) has no cacheable mapping of device memory"
ALL_DEVICE = "kernel 6.x (era-{}) maps every device as Device-nGnRE"
REFUSED = "usemem gets refused: EINVAL at memslot creation"


@pytest.mark.parametrize(
    ("asked", "behaviour", "cpu", "expected"),
    [
        (
            assignment(NC, PLAIN, BAR0),
            ERA_A,
            {},
            ("bar0 gets Device-nGnRE", ALL_DEVICE.format("a")),
        ),
        (
            assignment(NC, PLAIN, BAR0),
            OPTED_OUT,
            {},
            ("bar0 gets Device-nGnRE", ALL_DEVICE.format("b")),
        ),
        (
            assignment(NC, STRICT, SILENT),
            ERA_B,
            {},
            (
                "bar0 gets Device-nGnRE",
                "driver strict-vfio-pci withholds the consent for bar0",
            ),
        ),
        (
            assignment(NC, VARIANT, BAR0, USEMEM),
            ERA_C,
            {},
            ("usemem gets Normal", NOT_ALLOWED),
        ),
        (
            assignment(NC, VARIANT, BAR0, USEMEM),
            ERA_B,
            {},
            ("usemem gets Device-nGnRE", NOT_ALLOWED),
        ),
        (
            assignment(DEVICE, PLAIN, BAR0),
            ERA_C,
            {},
            (
                "bar0 gets Normal-NC",
                "kernel 6.x (era-c) gives Normal-NC to every region whose driver consents",
            ),
        ),
        (
            assignment(DEVICE, VARIANT, BAR0, USEMEM),
            ERA_C,
            {},
            (
                "bar0 gets Normal-NC, usemem gets Normal",
                NOT_ALLOWED,
                "kernel 6.x (era-c) gives Normal-NC to every region whose driver consents",
            ),
        ),
        (assignment(CACHEABLE, PLAIN, BAR0), ERA_C, {}, (NO_COHERENT,)),
        (
            assignment(CACHEABLE, VARIANT, BAR0, USEMEM),
            ERA_B,
            {},
            ("usemem gets Device-nGnRE", NO_CACHEABLE.format("b")),
        ),
        (
            assignment(CACHEABLE, VARIANT, BAR0, USEMEM),
            ERA_A,
            {"fwb": False},
            (
                "bar0 gets Device-nGnRE, usemem gets Device-nGnRE",
                NO_CACHEABLE.format("a"),
                "the CPU (Neoverse X) has no FWB",
                ALL_DEVICE.format("a"),
            ),
        ),
        (
            assignment(CACHEABLE, VARIANT, BAR0, USEMEM),
            ERA_C,
            {"fwb": False},
            (REFUSED, "the CPU (Neoverse X) has no FWB"),
        ),
        (
            assignment(CACHEABLE, VARIANT, BAR0, USEMEM),
            ERA_C,
            {"fwb": None, "dic": None},
            (
                REFUSED,
                "FWB is unknown: the host did not show it",
                "DIC is unknown: the host did not show it",
            ),
        ),
    ],
)
def test_shortfall_names_every_missing_fact(
    asked: Assignment,
    behaviour: KernelBehaviour,
    cpu: dict[str, bool | None],
    expected: tuple[str, ...],
) -> None:
    assert shortfalls(asked, kernel(behaviour), facts(**cpu)) == expected


@pytest.mark.parametrize("mode", [DEVICE, CACHEABLE])
def test_x86_host_has_no_choice_to_honour(mode: MappingMode) -> None:
    assert shortfalls(assignment(mode, PLAIN, BAR0), None, facts()) == (
        "the host is x86_64: its stage 2 has no such choice",
    )
    assert shortfalls(assignment(NC, PLAIN, BAR0), None, facts()) == ()
