"""Compare KVM's stage-2 choice with the tables of its three eras."""

from itertools import product

import pytest

from fleetpolicy.simcore import (
    ERA_A,
    ERA_B,
    ERA_C,
    ERAS,
    GUEST_RAM,
    VFIO_PCI_BAR,
    CpuFeatures,
    Fault,
    KernelBehaviour,
    MemoryKind,
    Pgprot,
    Refused,
    Stage2Choice,
    Stage2Type,
    Vma,
    VmFlag,
    kvm_stage2,
    pgprot_attributes,
    reachable,
    reachable_types,
    reports_cacheable_pfnmap,
    stage2_attributes,
    stage2_memattr,
    type_name,
)
from fleetpolicy.simcore.attributes import Shareability

CPUS = {(fwb, dic): CpuFeatures(fwb=fwb, dic=dic) for fwb, dic in product((False, True), repeat=2)}
BOTH, NEITHER = CPUS[True, True], CPUS[False, False]
INCAPABLE = [CPUS[False, False], CPUS[False, True], CPUS[True, False]]
EVERY_CPU = list(CPUS.values())
DEVICE = Stage2Choice(Stage2Type.DEVICE_nGnRE, executable=False)
NC = Stage2Choice(Stage2Type.NORMAL_NC, executable=False)
NORMAL = Stage2Choice(Stage2Type.NORMAL, executable=False)
NORMAL_X = Stage2Choice(Stage2Type.NORMAL, executable=True)
NOT_EXECUTABLE = Refused("ENOEXEC", "fault", "device memory is never executable")
SLOT_CACHEABLE = Refused(
    "EINVAL", "memslot creation", "cacheable VM_PFNMAP memory needs FWB and DIC"
)
SLOT_DIRTY = Refused("EINVAL", "memslot creation", "VM_PFNMAP memory cannot be dirty-logged")
SLOT_MTE = Refused("EINVAL", "memslot creation", "an MTE guest needs VM_MTE_ALLOWED memory")
FAULT_CACHEABLE = Refused("EFAULT", "fault", "cacheable device memory needs FWB and DIC")
FAULT_MTE = Refused("EFAULT", "fault", "an MTE guest needs VM_MTE_ALLOWED memory")
VENDOR = KernelBehaviour(
    "vendor", normal_nc_by_consent=True, cacheable_pfnmap=False, pgprot_decides=True
)

PFNMAP, MIXEDMAP, CONSENT = VmFlag.PFNMAP, VmFlag.MIXEDMAP, VmFlag.ALLOW_ANY_UNCACHED
MMIO, RAM = MemoryKind.PCIE_MMIO, MemoryKind.SYSTEM_RAM
COHERENT, ZONE = MemoryKind.COHERENT_DEVICE_MEMORY, MemoryKind.ZONE_DEVICE
UNCACHED = [Pgprot.NONCACHED, Pgprot.DEVICE, Pgprot.WRITECOMBINE]
CACHED = [Pgprot.CACHED, Pgprot.TAGGED]
DEV_KINDS = [MMIO, COHERENT, ZONE, MemoryKind.PLATFORM_MMIO]


def vma(pgprot: Pgprot, kind: MemoryKind, *flags: VmFlag) -> Vma:
    return Vma(pgprot, frozenset(flags), kind)


LATER = Fault(mapped_after_slot=True)
EXEC = Fault(exec_fault=True)
EXEC_LATER = Fault(exec_fault=True, mapped_after_slot=True)


@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize(
    ("pgprot", "kind", "flags"),
    list(product(Pgprot, DEV_KINDS, [(), (PFNMAP,), (PFNMAP, CONSENT)])),
)
def test_era_a_maps_what_is_not_ram_as_device_whatever_the_vma_says(
    features: CpuFeatures, pgprot: Pgprot, kind: MemoryKind, flags: tuple[VmFlag, ...]
) -> None:
    mapping = vma(pgprot, kind, *flags)

    assert kvm_stage2(ERA_A, mapping, features) == DEVICE
    assert kvm_stage2(ERA_A, mapping, features, EXEC) == NOT_EXECUTABLE


@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize(("pgprot", "kind"), list(product(Pgprot, DEV_KINDS)))
def test_era_b_goes_by_the_flag_alone(
    features: CpuFeatures, pgprot: Pgprot, kind: MemoryKind
) -> None:
    consenting, silent = vma(pgprot, kind, PFNMAP, CONSENT), vma(pgprot, kind, PFNMAP)

    assert kvm_stage2(ERA_B, consenting, features) == NC
    assert kvm_stage2(ERA_B, silent, features) == DEVICE
    assert kvm_stage2(ERA_B, consenting, features, EXEC) == NOT_EXECUTABLE
    assert kvm_stage2(ERA_B, silent, features, EXEC) == NOT_EXECUTABLE


@pytest.mark.parametrize("kernel", ERAS)
@pytest.mark.parametrize("features", EVERY_CPU)
def test_ram_is_normal_and_executable_with_dic_or_on_an_exec_fault(
    kernel: KernelBehaviour, features: CpuFeatures
) -> None:
    expected = NORMAL_X if features.dic else NORMAL

    assert kvm_stage2(kernel, GUEST_RAM, features) == expected
    assert kvm_stage2(kernel, GUEST_RAM, features, EXEC) == NORMAL_X


@pytest.mark.parametrize("fault", [Fault(), LATER])
@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize(("pgprot", "kind"), list(product(Pgprot, DEV_KINDS)))
def test_era_c_takes_a_vma_without_pfnmap_for_ordinary_memory(
    fault: Fault, features: CpuFeatures, pgprot: Pgprot, kind: MemoryKind
) -> None:
    found = kvm_stage2(ERA_C, vma(pgprot, kind), features, fault)

    assert found == (NORMAL_X if features.dic else NORMAL)


@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize("pgprot", UNCACHED)
@pytest.mark.parametrize("flag", [PFNMAP, MIXEDMAP])
def test_era_c_takes_ram_behind_pfnmap_for_ordinary_memory(
    features: CpuFeatures, pgprot: Pgprot, flag: VmFlag
) -> None:
    found = kvm_stage2(ERA_C, vma(pgprot, RAM, flag), features)

    assert found == (NORMAL_X if features.dic else NORMAL)


@pytest.mark.parametrize("fault", [Fault(), LATER, EXEC, EXEC_LATER])
@pytest.mark.parametrize(("pgprot", "kind"), list(product(CACHED, DEV_KINDS)))
@pytest.mark.parametrize("flags", [(PFNMAP,), (MIXEDMAP,), (PFNMAP, CONSENT)])
def test_era_c_with_fwb_and_dic_honours_a_cacheable_mapping(
    fault: Fault, pgprot: Pgprot, kind: MemoryKind, flags: tuple[VmFlag, ...]
) -> None:
    assert kvm_stage2(ERA_C, vma(pgprot, kind, *flags), BOTH, fault) == NORMAL_X


@pytest.mark.parametrize("features", INCAPABLE)
@pytest.mark.parametrize(("pgprot", "kind"), list(product(CACHED, DEV_KINDS)))
def test_era_c_without_fwb_or_dic_refuses_a_cacheable_mapping(
    features: CpuFeatures, pgprot: Pgprot, kind: MemoryKind
) -> None:
    pfnmap, mixed = vma(pgprot, kind, PFNMAP), vma(pgprot, kind, MIXEDMAP)

    assert kvm_stage2(ERA_C, pfnmap, features) == SLOT_CACHEABLE
    assert kvm_stage2(ERA_C, pfnmap, features, LATER) == FAULT_CACHEABLE
    assert kvm_stage2(ERA_C, pfnmap, features, EXEC_LATER) == FAULT_CACHEABLE
    # The check at memslot creation looks at VM_PFNMAP only.
    assert kvm_stage2(ERA_C, mixed, features) == FAULT_CACHEABLE


@pytest.mark.parametrize("features", INCAPABLE)
def test_era_c_without_fwb_or_dic_refuses_cacheable_pfnmap_ram_that_older_kernels_took(
    features: CpuFeatures,
) -> None:
    ram = vma(Pgprot.CACHED, RAM, PFNMAP)

    assert kvm_stage2(ERA_C, ram, features) == SLOT_CACHEABLE
    assert kvm_stage2(ERA_C, ram, features, LATER) == (NORMAL_X if features.dic else NORMAL)
    assert kvm_stage2(ERA_B, ram, features) == (NORMAL_X if features.dic else NORMAL)


@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize(("pgprot", "kind"), list(product(UNCACHED, DEV_KINDS)))
@pytest.mark.parametrize("flag", [PFNMAP, MIXEDMAP])
def test_era_c_goes_by_the_flag_where_the_vma_is_uncached(
    features: CpuFeatures, pgprot: Pgprot, kind: MemoryKind, flag: VmFlag
) -> None:
    consenting, silent = vma(pgprot, kind, flag, CONSENT), vma(pgprot, kind, flag)

    assert kvm_stage2(ERA_C, consenting, features) == NC
    assert kvm_stage2(ERA_C, silent, features) == DEVICE
    assert kvm_stage2(ERA_C, consenting, features, EXEC) == NOT_EXECUTABLE
    assert kvm_stage2(ERA_C, silent, features, EXEC_LATER) == NOT_EXECUTABLE


def test_zone_device_memory_changed_class_with_era_c() -> None:
    zone = vma(Pgprot.CACHED, ZONE)

    found = [kvm_stage2(kernel, zone, BOTH) for kernel in ERAS]

    assert found == [DEVICE, DEVICE, NORMAL_X]


@pytest.mark.parametrize("kernel", [*ERAS, VENDOR])
@pytest.mark.parametrize("features", EVERY_CPU)
def test_dirty_logging_is_refused_for_pfnmap_only(
    kernel: KernelBehaviour, features: CpuFeatures
) -> None:
    logged = Fault(dirty_logging=True)

    assert kvm_stage2(kernel, VFIO_PCI_BAR, features, logged) == SLOT_DIRTY
    assert kvm_stage2(kernel, GUEST_RAM, features, logged) == (NORMAL_X if features.dic else NORMAL)


@pytest.mark.parametrize("kernel", ERAS)
def test_mte_guest_takes_no_bar_into_a_slot(kernel: KernelBehaviour) -> None:
    mte = Fault(mte_guest=True)

    assert kvm_stage2(kernel, VFIO_PCI_BAR, BOTH, mte) == SLOT_MTE
    assert kvm_stage2(kernel, GUEST_RAM, BOTH, mte) == NORMAL_X


def test_mte_guest_faults_on_disallowed_cacheable_memory_and_skips_tags_for_the_rest() -> None:
    later = Fault(mte_guest=True, mapped_after_slot=True)

    assert kvm_stage2(ERA_C, vma(Pgprot.CACHED, COHERENT, PFNMAP), BOTH, later) == FAULT_MTE
    assert kvm_stage2(ERA_C, VFIO_PCI_BAR, BOTH, later) == NC
    assert kvm_stage2(ERA_A, VFIO_PCI_BAR, BOTH, later) == DEVICE


@pytest.mark.parametrize("kernel", [*ERAS, VENDOR])
@pytest.mark.parametrize("features", EVERY_CPU)
def test_gicv2_vcpu_interface_is_device_always(
    kernel: KernelBehaviour, features: CpuFeatures
) -> None:
    interface = vma(Pgprot.CACHED, MemoryKind.GICV2_VCPU, PFNMAP, CONSENT)

    assert kvm_stage2(kernel, interface, features) == DEVICE


@pytest.mark.parametrize("features", EVERY_CPU)
@pytest.mark.parametrize("pgprot", UNCACHED)
def test_vendor_kernel_goes_by_the_flag_for_an_uncached_vma(
    features: CpuFeatures, pgprot: Pgprot
) -> None:
    assert kvm_stage2(VENDOR, vma(pgprot, MMIO, PFNMAP, CONSENT), features) == NC
    assert kvm_stage2(VENDOR, vma(pgprot, MMIO, PFNMAP), features) == DEVICE


@pytest.mark.parametrize("pgprot", CACHED)
def test_vendor_kernel_needs_fwb_for_cacheable_memory_without_struct_page(pgprot: Pgprot) -> None:
    memory = vma(pgprot, COHERENT, PFNMAP)
    refused = Refused("EINVAL", "fault", "cacheable memory without struct page needs FWB")

    assert kvm_stage2(VENDOR, memory, BOTH) == NORMAL_X
    assert kvm_stage2(VENDOR, memory, CPUS[True, False]) == NORMAL
    assert kvm_stage2(VENDOR, memory, CPUS[False, True]) == refused
    assert kvm_stage2(VENDOR, vma(pgprot, ZONE), CPUS[False, True]) == NORMAL_X


@pytest.mark.parametrize(
    ("kernel", "reported"),
    [(ERA_A, []), (ERA_B, []), (VENDOR, []), (ERA_C, [(True, True)])],
)
def test_capability_243_is_reported_in_era_c_with_fwb_and_dic_only(
    kernel: KernelBehaviour, reported: list[tuple[bool, bool]]
) -> None:
    found = [key for key, features in CPUS.items() if reports_cacheable_pfnmap(kernel, features)]

    assert found == reported


@pytest.mark.parametrize(
    ("choice", "fwb", "memattr"),
    [
        (NORMAL, False, 0xF),
        (NORMAL, True, 0x6),
        (NC, False, 0x5),
        (NC, True, 0x5),
        (DEVICE, False, 0x1),
        (DEVICE, True, 0x1),
    ],
)
def test_memattr_is_what_kvm_writes(choice: Stage2Choice, memattr: int, *, fwb: bool) -> None:
    features = CpuFeatures(fwb=fwb, dic=False)

    attributes = stage2_attributes(choice, features)

    assert stage2_memattr(choice, features) == memattr
    assert attributes.shareability is Shareability.ISH
    assert attributes.xs


DEVICES = ("Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE")
NORMALS = (
    "Normal-NC",
    "Normal-iNC-oWT",
    "Normal-iWT-oNC",
    "Normal-iNC-oWB",
    "Normal-WT",
    "Normal-iWB-oNC",
    "Normal-iWT-oWB",
    "Normal-iWB-oWT",
    "Normal-WB",
)
FEATURE_SETS = [
    {"xs": xs, "mte2": mte2, "mte_perm": mte_perm}
    for xs, mte2, mte_perm in product((False, True), repeat=3)
]


@pytest.mark.parametrize("extensions", FEATURE_SETS)
@pytest.mark.parametrize(
    ("choice", "fwb", "expected"),
    [
        (DEVICE, False, DEVICES[:2]),
        (DEVICE, True, DEVICES[:2]),
        (NC, False, (*DEVICES, "Normal-NC")),
        (NC, True, (*DEVICES, "Normal-NC")),
        (NORMAL, False, (*DEVICES, *NORMALS)),
        (NORMAL, True, ("Normal-WB",)),
    ],
)
def test_reachable_types_over_every_guest_choice_are_few(
    extensions: dict[str, bool], choice: Stage2Choice, expected: tuple[str, ...], *, fwb: bool
) -> None:
    features = CpuFeatures(fwb=fwb, dic=True, **extensions)

    assert reachable_types(choice, features) == expected
    assert {type_name(attrs) for attrs in reachable(choice, features)} == set(expected)


def test_reachable_under_force_write_back_has_both_legal_shareabilities() -> None:
    found = {attrs.shareability for attrs in reachable(NORMAL, BOTH)}

    assert found == {Shareability.ISH, Shareability.OSH}


@pytest.mark.parametrize(
    ("pgprot", "name", "cacheable"),
    [
        (Pgprot.NONCACHED, "Device-nGnRnE", False),
        (Pgprot.DEVICE, "Device-nGnRE", False),
        (Pgprot.WRITECOMBINE, "Normal-NC", False),
        (Pgprot.CACHED, "Normal-WB", True),
        (Pgprot.TAGGED, "Normal-WB", True),
    ],
)
def test_pgprot_means_the_type_of_its_mair_index(
    pgprot: Pgprot, name: str, *, cacheable: bool
) -> None:
    assert type_name(pgprot_attributes(pgprot)) == name
    assert pgprot.is_cacheable is cacheable
