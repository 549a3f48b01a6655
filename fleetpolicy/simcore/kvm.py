"""Tell what KVM on arm64 installs at stage 2 for a guest's page, or that it refuses."""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final, Literal

from fleetpolicy.simcore.attributes import (
    CpuFeatures,
    MemoryAttributes,
    Reserved,
    type_name,
    type_order,
)
from fleetpolicy.simcore.choices import guest_choices
from fleetpolicy.simcore.combine import IMPDEF_CHOICES, combine
from fleetpolicy.simcore.stage2 import Stage2Attributes, decode_s2
from fleetpolicy.simcore.vma import GUEST_RAM, VFIO_PCI_BAR, MemoryKind, Pgprot, Vma, VmFlag

__all__ = [
    "DATA_FAULT",
    "ERAS",
    "ERA_A",
    "ERA_B",
    "ERA_C",
    "GUEST_RAM",
    "VFIO_PCI_BAR",
    "Fault",
    "KernelBehaviour",
    "MemoryKind",
    "Pgprot",
    "Refused",
    "Stage2Choice",
    "Stage2Type",
    "VmFlag",
    "Vma",
    "kvm_stage2",
    "reachable",
    "reachable_types",
    "reports_cacheable_pfnmap",
    "stage2_attributes",
    "stage2_memattr",
    "supports_cacheable_pfnmap",
]


class Stage2Type(StrEnum):
    """Name the memory types KVM installs at stage 2."""

    NORMAL = "Normal"
    NORMAL_NC = "Normal-NC"
    DEVICE_nGnRE = "Device-nGnRE"


@dataclass(frozen=True, slots=True)
class KernelBehaviour:
    """Describe a kernel by what it does with device mappings.

    Args:
        name: "A", "B", "C", or a vendor kernel's name.
        normal_nc_by_consent: Whether VM_ALLOW_ANY_UNCACHED earns Normal-NC.
        cacheable_pfnmap: Whether a cacheable PFNMAP mapping is honoured or refused.
        pgprot_decides: Whether the VMA's type alone decides, as in some out-of-tree kernels.
    """

    name: str
    normal_nc_by_consent: bool
    cacheable_pfnmap: bool
    pgprot_decides: bool = False


ERA_A = KernelBehaviour("A", normal_nc_by_consent=False, cacheable_pfnmap=False)
ERA_B = KernelBehaviour("B", normal_nc_by_consent=True, cacheable_pfnmap=False)
ERA_C = KernelBehaviour("C", normal_nc_by_consent=True, cacheable_pfnmap=True)
ERAS = (ERA_A, ERA_B, ERA_C)

AT_MEMSLOT: Final = "memslot creation"
AT_FAULT: Final = "fault"


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe the circumstances under which KVM chooses.

    Args:
        mte_guest: The VM was created with KVM_CAP_ARM_MTE.
        dirty_logging: The slot has KVM_MEM_LOG_DIRTY_PAGES.
        exec_fault: The guest fetches instructions from the page.
        mapped_after_slot: The VMA appeared after the slot, which checked nothing then.
    """

    mte_guest: bool = False
    dirty_logging: bool = False
    exec_fault: bool = False
    mapped_after_slot: bool = False


DATA_FAULT = Fault()


@dataclass(frozen=True, slots=True)
class Refused:
    """Report that KVM installs nothing.

    Args:
        errno: What KVM's code returns; ENOEXEC becomes an instruction abort in the guest.
        where: "memslot creation" or "fault".
        why: The condition that failed.
    """

    errno: Literal["EINVAL", "EFAULT", "ENOEXEC"]
    where: Literal["memslot creation", "fault"]
    why: str


@dataclass(frozen=True, slots=True)
class Stage2Choice:
    """Describe what KVM installs."""

    type: Stage2Type
    executable: bool


def supports_cacheable_pfnmap(features: CpuFeatures) -> bool:
    """Tell what `kvm_supports_cacheable_pfnmap()` tells: FWB and DIC on every CPU."""
    return features.fwb and features.dic


def reports_cacheable_pfnmap(kernel: KernelBehaviour, features: CpuFeatures) -> bool:
    """Tell whether a VM answers 1 to KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED.

    Source:
        Linux, Documentation/virt/kvm/api.rst 7.43; arch/arm64/kvm/arm.c.
    """
    return kernel.cacheable_pfnmap and supports_cacheable_pfnmap(features)


def kvm_stage2(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault = DATA_FAULT
) -> Stage2Choice | Refused:
    """Return what the kernel installs for a page of the VMA.

    Source:
        Linux, arch/arm64/kvm/mmu.c: `kvm_arch_prepare_memory_region()`, `user_mem_abort()`.
    """
    if vma.kind is MemoryKind.GICV2_VCPU:
        return Stage2Choice(Stage2Type.DEVICE_nGnRE, executable=False)
    refused = None if fault.mapped_after_slot else _refuse_memslot(kernel, vma, features, fault)
    chosen = refused or _choose_type(kernel, vma, features)
    return chosen if isinstance(chosen, Refused) else _install(chosen, vma, features, fault)


def _install(
    chosen: Stage2Type, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Return the mapping, unless tags or an instruction fetch forbid it."""
    if chosen is Stage2Type.NORMAL:
        if fault.mte_guest and VmFlag.MTE_ALLOWED not in vma.flags:
            return Refused("EFAULT", AT_FAULT, "an MTE guest needs VM_MTE_ALLOWED memory")
        return Stage2Choice(chosen, executable=features.dic or fault.exec_fault)
    if fault.exec_fault:
        return Refused("ENOEXEC", AT_FAULT, "device memory is never executable")
    return Stage2Choice(chosen, executable=False)


def _refuse_memslot(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Refused | None:
    """Return why the memory slot cannot be created, if it cannot."""
    if fault.mte_guest and VmFlag.MTE_ALLOWED not in vma.flags:
        return Refused("EINVAL", AT_MEMSLOT, "an MTE guest needs VM_MTE_ALLOWED memory")
    if VmFlag.PFNMAP not in vma.flags:
        return None
    if fault.dirty_logging:
        return Refused("EINVAL", AT_MEMSLOT, "VM_PFNMAP memory cannot be dirty-logged")
    cacheable = kernel.cacheable_pfnmap and vma.pgprot.is_cacheable
    if cacheable and not supports_cacheable_pfnmap(features):
        return Refused("EINVAL", AT_MEMSLOT, "cacheable VM_PFNMAP memory needs FWB and DIC")
    return None


def _choose_type(kernel: KernelBehaviour, vma: Vma, features: CpuFeatures) -> Stage2Type | Refused:
    """Return the stage-2 type that a fault on the page leads to."""
    if kernel.pgprot_decides:
        return _choose_by_pgprot(kernel, vma, features)
    if vma.kind.is_map_memory:
        return Stage2Type.NORMAL
    if kernel.cacheable_pfnmap:
        if not vma.flags & {VmFlag.PFNMAP, VmFlag.MIXEDMAP}:
            return Stage2Type.NORMAL
        if vma.pgprot.is_cacheable:
            if supports_cacheable_pfnmap(features):
                return Stage2Type.NORMAL
            return Refused("EFAULT", AT_FAULT, "cacheable device memory needs FWB and DIC")
    return _choose_uncached(kernel, vma)


def _choose_uncached(kernel: KernelBehaviour, vma: Vma) -> Stage2Type:
    """Return Normal-NC where the driver consents and the kernel knows of it."""
    if kernel.normal_nc_by_consent and VmFlag.ALLOW_ANY_UNCACHED in vma.flags:
        return Stage2Type.NORMAL_NC
    return Stage2Type.DEVICE_nGnRE


def _choose_by_pgprot(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures
) -> Stage2Type | Refused:
    """Return the type under a kernel that looks at the VMA's type alone.

    Source:
        linux-nvidia 6.11 and early 6.14, reverted by NVIDIA/NV-Kernels pull request 157.
    """
    if not vma.pgprot.is_cacheable:
        return _choose_uncached(kernel, vma)
    has_struct_page = vma.kind in {MemoryKind.SYSTEM_RAM, MemoryKind.ZONE_DEVICE}
    if not features.fwb and not has_struct_page:
        return Refused("EINVAL", AT_FAULT, "cacheable memory without struct page needs FWB")
    return Stage2Type.NORMAL


_MEMATTR = {
    Stage2Type.NORMAL: 0b1111,
    Stage2Type.NORMAL_NC: 0b0101,
    Stage2Type.DEVICE_nGnRE: 0b0001,
}
_MEMATTR_FWB = {**_MEMATTR, Stage2Type.NORMAL: 0b0110}
_SH_ISH = 0b11


def stage2_memattr(choice: Stage2Choice, features: CpuFeatures) -> int:
    """Return the MemAttr[3:0] value KVM writes.

    Source:
        Linux, arch/arm64/include/asm/memory.h: MT_S2_NORMAL, MT_S2_FWB_NORMAL and so on.
    """
    return (_MEMATTR_FWB if features.fwb else _MEMATTR)[choice.type]


def stage2_attributes(choice: Stage2Choice, features: CpuFeatures) -> Stage2Attributes:
    """Return the stage-2 attributes KVM writes: always Inner Shareable, FnXS never set."""
    decoded = decode_s2(stage2_memattr(choice, features), _SH_ISH, features.fwb, features)
    match decoded:
        case Stage2Attributes():
            return decoded
        case Reserved():
            raise ValueError(f"{decoded.field} {decoded.encoding:#06b} is reserved")


def reachable(choice: Stage2Choice, features: CpuFeatures) -> frozenset[MemoryAttributes]:
    """Return every final result over all guest and IMPLEMENTATION DEFINED choices.

    DIC decides over what KVM installs, and no more over what becomes of it.
    """
    return _finals(stage2_attributes(choice, features), replace(features, dic=False))


@cache
def _finals(s2: Stage2Attributes, features: CpuFeatures) -> frozenset[MemoryAttributes]:
    return frozenset(
        combine(s1, s2, fwb=features.fwb, impdef=impdef)
        for s1 in guest_choices(features)
        for impdef in IMPDEF_CHOICES
    )


@cache
def reachable_types(choice: Stage2Choice, features: CpuFeatures) -> tuple[str, ...]:
    """Return the names of the reachable types, the strongest Device first, write-back last."""
    results = sorted(reachable(choice, features), key=type_order)
    return tuple(dict.fromkeys(type_name(attrs) for attrs in results))
