"""Show what goes wrong in real regions, and through which types."""

from fleetpolicy.simcore import (
    ERA_A,
    ERA_B,
    ERA_C,
    NORMAL_NC,
    VFIO_PCI_BAR,
    CpuFeatures,
    KernelBehaviour,
    MemoryKind,
    Pgprot,
    Vma,
    VmFlag,
    type_name,
)
from fleetpolicy.simcore.prove import SCENARIOS, Harmed, RegionPoint, Workload, hazards

CPU = CpuFeatures(fwb=True, dic=True)
GPU_MEMORY = Vma(Pgprot.CACHED, frozenset({VmFlag.PFNMAP}), MemoryKind.COHERENT_DEVICE_MEMORY)
STRONG = ["Device-nGnRnE", "Device-nGnRE"]
UNCACHED = [*STRONG, "Device-nGRE", "Device-GRE", "Normal-NC"]


def table(kernel: KernelBehaviour, vma: Vma) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for hazard in hazards(RegionPoint("BAR", kernel, CPU, vma)):
        found.setdefault(hazard.scenario.name, []).append(type_name(hazard.final))
    return found


def test_bar_under_normal_nc_harms_by_the_types_a_guest_chooses() -> None:
    assert table(ERA_C, VFIO_PCI_BAR) == {
        "fifo": ["Normal-NC"],
        "status": ["Normal-NC"],
        "doorbell": ["Device-nGRE", "Device-GRE", "Normal-NC"],
        "counter": ["Device-GRE", "Normal-NC"],
        "counter-vector": UNCACHED,
        "posted": UNCACHED,
        "failed-read": UNCACHED,
        "streams": UNCACHED,
    }


def test_bar_under_device_leaves_what_no_memory_type_prevents() -> None:
    assert table(ERA_A, VFIO_PCI_BAR) == {
        "counter-vector": STRONG,
        "posted": STRONG,
        "failed-read": STRONG,
        "streams": STRONG,
    }


def test_coherent_memory_exposes_the_previous_tenant_before_6_17_only() -> None:
    assert table(ERA_B, GPU_MEMORY) == {"wiped-memory": STRONG}
    assert table(ERA_C, GPU_MEMORY) == {}


def test_exposure_harms_another_guest_and_shows_how() -> None:
    found = hazards(RegionPoint("BAR", ERA_B, CPU, GPU_MEMORY))[0]

    assert found.scenario.harmed is Harmed.OTHER_GUEST
    assert str(found.counterexample) == (
        "1. VMM writes WORD0 = 0x0 through Normal-WB; the cache keeps it\n"
        "2. guest reads WORD0 through Device-nGnRnE; the coherent memory gives 0x5ec2e7\n"
        "=> the guest read the previous tenant's data from WORD0"
    )


def test_workload_with_its_own_stage_1_is_judged_by_that_alone() -> None:
    workload = Workload(stage_1=NORMAL_NC)

    found = hazards(RegionPoint("", ERA_C, CPU, VFIO_PCI_BAR, workload=workload))

    assert {type_name(hazard.final) for hazard in found} == {"Normal-NC"}


def test_scenarios_have_names_of_their_own() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
