"""Break each invariant by one region, and see who is harmed."""

from dataclasses import replace

import pytest

from fleetpolicy.simcore import (
    ERA_A,
    ERA_B,
    ERA_C,
    NORMAL_NC,
    VFIO_PCI_BAR,
    CpuFeatures,
    Device,
    DeviceType,
    KernelBehaviour,
    MemoryAttributes,
    MemoryKind,
    Pgprot,
    Stage2Choice,
    Stage2Type,
    Vma,
    VmFlag,
)
from fleetpolicy.simcore.access import COMPLETES, Access
from fleetpolicy.simcore.combine import ImpDef, combine
from fleetpolicy.simcore.prove import (
    ARCHITECTED,
    INVARIANTS,
    Attested,
    Core,
    Harmed,
    RegionPoint,
    Semantics,
    Status,
    Surroundings,
    Verdict,
    Workload,
    attest,
    prove_fleet,
)
from fleetpolicy.simcore.prove.mutations import (
    atomic_anywhere,
    executable,
    force_spares_device,
    more_cacheable,
    never_mild,
    q1,
    weakened,
)
from fleetpolicy.simcore.stage2 import Stage2Attributes

CPU = CpuFeatures(fwb=True, dic=True)
OLD_CPU = CpuFeatures(fwb=False, dic=False)
VENDOR = KernelBehaviour(
    "vendor", normal_nc_by_consent=True, cacheable_pfnmap=False, pgprot_decides=True
)
PFNMAP = frozenset({VmFlag.PFNMAP, VmFlag.SHARED})
GPU_MEMORY = Vma(Pgprot.CACHED, PFNMAP, MemoryKind.COHERENT_DEVICE_MEMORY)
CACHED_BAR = Vma(Pgprot.CACHED, PFNMAP, MemoryKind.PCIE_MMIO)


def region(
    kernel: KernelBehaviour = ERA_C,
    vma: Vma = VFIO_PCI_BAR,
    features: CpuFeatures = CPU,
    **changes: object,
) -> RegionPoint:
    point = RegionPoint("BAR 0", kernel, features, vma, attest(vma))
    return replace(point, **changes)  # type: ignore[arg-type]


def attested(vma: Vma = VFIO_PCI_BAR, **changes: bool | None) -> Attested:
    return replace(attest(vma), **changes)


def verdict(identity: str, point: RegionPoint, semantics: Semantics = ARCHITECTED) -> Verdict:
    found = prove_fleet([point], Core(semantics))
    return next(item for item in found if item.invariant.id == identity)


GOOD = [
    region(),
    region(ERA_A),
    region(ERA_B),
    region(ERA_C, GPU_MEMORY),
    region(ERA_C, GPU_MEMORY, OLD_CPU),
]


@pytest.mark.parametrize("point", GOOD, ids=["C", "A", "B", "C coherent", "C coherent, refused"])
def test_sound_region_breaks_nothing(point: RegionPoint) -> None:
    assert [v.invariant.id for v in prove_fleet([point]) if v.status is Status.VIOLATED] == []


def late_device(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Let a guest weaken stage-2 Device to its own type."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    return s1 if isinstance(s1, Device) and isinstance(right, Device) else right


BAD: list[tuple[str, RegionPoint, Semantics, Harmed, str]] = [
    (
        "I01",
        region(vma=replace(VFIO_PCI_BAR, pgprot=Pgprot.WRITECOMBINE)),
        ARCHITECTED,
        Harmed.HOST,
        "the VMM maps the BAR as Normal-NC",
    ),
    (
        "I01",
        region(vma=replace(VFIO_PCI_BAR, flags=VFIO_PCI_BAR.flags | {VmFlag.EXEC})),
        ARCHITECTED,
        Harmed.HOST,
        "the VMM's mapping is executable",
    ),
    (
        "I02",
        region(VENDOR, GPU_MEMORY, CpuFeatures(fwb=True, dic=False)),
        ARCHITECTED,
        Harmed.HOST,
        "stage 2 is Normal without DIC, a kernel that honours it",
    ),
    (
        "I03",
        region(features=OLD_CPU),
        replace(ARCHITECTED, combine=more_cacheable),
        Harmed.HOST,
        "the guest reaches Normal-iWT-oNC",
    ),
    (
        "I04",
        region(vma=GPU_MEMORY),
        replace(ARCHITECTED, combine=force_spares_device),
        Harmed.OTHER_GUEST,
        "the guest reaches Device-nGnRnE",
    ),
    (
        "I05",
        region(vma=CACHED_BAR),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "Normal-WB over what nobody calls conventional memory",
    ),
    (
        "I06",
        region(ERA_B, replace(GPU_MEMORY, flags=PFNMAP | {VmFlag.ALLOW_ANY_UNCACHED})),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "the VMM maps Normal-WB, the guest reaches Device-nGnRnE",
    ),
    (
        "I07",
        region(vma=GPU_MEMORY, attested=attested(GPU_MEMORY, coherent=None)),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "Normal-WB over an endpoint that nobody calls coherent",
    ),
    (
        "I08",
        region(
            vma=replace(VFIO_PCI_BAR, kind=MemoryKind.PLATFORM_MMIO),
            attested=attested(audited=None),
        ),
        ARCHITECTED,
        Harmed.HOST,
        "a platform device is Normal-NC, and nobody audited it",
    ),
    (
        "I09",
        region(features=OLD_CPU),
        replace(ARCHITECTED, combine=q1),
        Harmed.SELF,
        "the guest asks for Device-nGRE and gets Device-nGnRE",
    ),
    (
        "I10",
        region(ERA_A),
        replace(ARCHITECTED, combine=late_device),
        Harmed.HOST,
        "the guest reaches Device-nGRE",
    ),
    (
        "I11",
        region(ERA_A, workload=Workload(write_combining=True)),
        ARCHITECTED,
        Harmed.SELF,
        "under stage-2 Device-nGnRE no choice of the guest combines writes",
    ),
    (
        "I12",
        region(),
        replace(ARCHITECTED, mismatch=never_mild),
        Harmed.HOST,
        "Device-nGnRnE against Device-nGnRE needs: DMB between accesses through different aliases",
    ),
    (
        "I13",
        region(attested=attested(vmm_stays_away=None)),
        ARCHITECTED,
        Harmed.SELF,
        "nobody vouches that the VMM stays away while the guest runs",
    ),
    (
        "I14",
        region(
            vma=replace(VFIO_PCI_BAR, pgprot=Pgprot.WRITECOMBINE),
            workload=Workload(read_sensitive=True),
        ),
        ARCHITECTED,
        Harmed.HOST,
        "the VMM maps it Normal-NC and may read on its own",
    ),
    (
        "I15",
        region(surroundings=Surroundings(in_linear_map=True)),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "one granule is written as Device-nGnRnE and Normal-WB",
    ),
    (
        "I16",
        region(),
        replace(ARCHITECTED, kvm_stage2=executable),
        Harmed.HOST,
        "Normal-NC is executable at stage 2",
    ),
    (
        "I17",
        region(ERA_A, workload=Workload(accesses=frozenset({Access.UNALIGNED}))),
        ARCHITECTED,
        Harmed.SELF,
        (
            "the workload uses unaligned load or store, and the guest reaches only "
            "Device-nGnRnE, Device-nGnRE"
        ),
    ),
    (
        "I17",
        region(
            workload=Workload(accesses=frozenset({Access.UNALIGNED})),
            attested=attested(unaligned=None),
        ),
        ARCHITECTED,
        Harmed.SELF,
        "the workload makes unaligned accesses, and nobody vouches for PCI_MM_03",
    ),
    (
        "I18",
        region(workload=Workload(accesses=frozenset({Access.LSE_ATOMIC}), stage_1=NORMAL_NC)),
        ARCHITECTED,
        Harmed.SELF,
        "the workload uses LSE atomic, and the guest reaches only Normal-NC",
    ),
    (
        "I18",
        region(),
        replace(ARCHITECTED, access_outcome=atomic_anywhere),
        Harmed.SELF,
        "an atomic access works on Device-nGnRnE",
    ),
    (
        "I19",
        region(vma=GPU_MEMORY, workload=Workload(accesses=frozenset({Access.LS64}))),
        ARCHITECTED,
        Harmed.SELF,
        "the workload uses LD64B or ST64B, and the guest reaches only Normal-WB",
    ),
    (
        "I20",
        region(workload=Workload(barrier_before_doorbell=False)),
        ARCHITECTED,
        Harmed.SELF,
        "the doorbell follows its descriptor without a barrier: Device-nGRE",
    ),
    (
        "I21",
        region(workload=Workload(exact_writes=True)),
        ARCHITECTED,
        Harmed.SELF,
        "each write has to arrive by itself: Device-GRE",
    ),
    (
        "I21",
        region(
            workload=Workload(
                exact_writes=True,
                stage_1=Device(DeviceType.nGnRnE),
                accesses=frozenset({Access.SVE}),
            )
        ),
        ARCHITECTED,
        Harmed.SELF,
        "each write has to arrive by itself: Device-nGnRnE",
    ),
    (
        "I21",
        region(ERA_A, workload=Workload(exact_writes=True), attested=attested(byte_enables=None)),
        ARCHITECTED,
        Harmed.SELF,
        "each write has to arrive by itself, and nobody vouches for S_PCIe_03",
    ),
    (
        "I22",
        region(workload=Workload(reads_back=False)),
        ARCHITECTED,
        Harmed.SELF,
        "the software takes a DSB for the end of a write: Device-nGnRnE",
    ),
    (
        "I23",
        region(attested=attested(errors_contained=None)),
        ARCHITECTED,
        Harmed.HOST,
        "nobody vouches that the platform contains errors of the device",
    ),
    (
        "I24",
        region(attested=attested(in_band_errors=True)),
        ARCHITECTED,
        Harmed.HOST,
        "the window answers with in-band errors, which the guest can bring about at will",
    ),
    (
        "I25",
        region(workload=Workload(expects_all_ones=True)),
        ARCHITECTED,
        Harmed.SELF,
        "the software takes the read of a failed device for all-ones: Device-nGnRnE",
    ),
    (
        "I26",
        region(vma=GPU_MEMORY, features=OLD_CPU),
        replace(ARCHITECTED, kvm_stage2=weakened),
        Harmed.OTHER_GUEST,
        "KVM installs Normal-NC under a cacheable VMA without FWB and DIC",
    ),
    (
        "I27",
        region(surroundings=Surroundings(owners=("vfio-pci", "nvme"))),
        ARCHITECTED,
        Harmed.HOST,
        "vfio-pci has to own the function, which may go to: vfio-pci, nvme",
    ),
    (
        "I27",
        region(surroundings=Surroundings(former_owners=("nouveau",))),
        ARCHITECTED,
        Harmed.HOST,
        "nouveau owned it earlier in the boot",
    ),
    (
        "I28",
        region(surroundings=Surroundings(group_blockers=("0000:01:00.1",))),
        ARCHITECTED,
        Harmed.HOST,
        "0000:01:00.1 of the IOMMU group is held by a host driver",
    ),
    (
        "I28",
        region(surroundings=Surroundings(gaps=("0000:02:00.0",))),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "0000:02:00.0 of another group reaches it past the IOMMU",
    ),
    (
        "I29",
        region(surroundings=Surroundings(neighbours=("BAR 2 of 0000:02:00.0",))),
        ARCHITECTED,
        Harmed.OTHER_GUEST,
        "its page also holds BAR 2 of 0000:02:00.0",
    ),
]


@pytest.mark.parametrize(
    ("identity", "point", "semantics", "harmed", "why"),
    BAD,
    ids=[f"{number} {case[0]}" for number, case in enumerate(BAD)],
)
def test_region_that_breaks_an_invariant_is_its_witness(
    identity: str, point: RegionPoint, semantics: Semantics, harmed: Harmed, why: str
) -> None:
    found = verdict(identity, point, semantics)

    assert found.witness is not None
    assert (found.witness.violation.why, found.witness.violation.harmed) == (why, harmed)
    assert found.status is Status.VIOLATED
    assert found.witness.region is point


def test_exclusives_through_two_types_of_one_page_break_i30() -> None:
    semantics = replace(
        ARCHITECTED, combine=force_spares_device, access_outcome=lambda *_: COMPLETES
    )

    found = verdict("I30", region(vma=GPU_MEMORY), semantics)

    assert found.witness is not None
    assert found.witness.violation.why == (
        "exclusives work through Normal-WB and through Device-nGnRnE"
    )


def test_every_invariant_has_a_region_that_breaks_it() -> None:
    broken = {case[0] for case in BAD} | {"I30"}

    assert broken == {invariant.id for invariant in INVARIANTS}
    assert len(INVARIANTS) == 30


def test_exposure_comes_with_a_trace() -> None:
    found = verdict("I06", region(ERA_B, GPU_MEMORY))

    assert found.witness is not None
    assert found.witness.violation.trace.splitlines()[-1] == (
        "=> the guest read the previous tenant's data from WORD0"
    )


def test_refused_region_is_judged_by_nobody() -> None:
    point = region(vma=GPU_MEMORY, features=OLD_CPU, attested=Attested(coherent=True))

    assert {v.invariant.id for v in prove_fleet([point]) if v.status is Status.VIOLATED} == set()


def test_unattested_region_is_refused_for_each_missing_word() -> None:
    point = region(attested=Attested())

    assert [v.invariant.id for v in prove_fleet([point]) if v.status is Status.VIOLATED] == [
        "I13",
        "I23",
        "I24",
    ]


def test_choice_of_another_kernel_is_taken_as_given() -> None:
    semantics = replace(
        ARCHITECTED,
        kvm_stage2=lambda *_: Stage2Choice(Stage2Type.NORMAL_NC, executable=False),
    )

    found = verdict("I08", region(ERA_A), semantics)

    assert found.witness is not None
    assert found.witness.violation.why == (
        "stage 2 is Normal-NC under a kernel that does not know the consent"
    )
