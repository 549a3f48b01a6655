"""Deviate from the core, one function at a time; some as known software does."""

from collections.abc import Iterable
from dataclasses import replace

from fleetpolicy.simcore.access import COMPLETES, Access, Outcome, Translation, access_outcome
from fleetpolicy.simcore.alias import Alias, Mismatch, Property, mismatch
from fleetpolicy.simcore.attributes import (
    Allocation,
    Cacheability,
    CpuFeatures,
    Device,
    DeviceType,
    Hints,
    MemoryAttributes,
    Normal,
    Reserved,
    Shareability,
)
from fleetpolicy.simcore.boot import BootTrace, HostConfig, simulate_boot
from fleetpolicy.simcore.combine import ImpDef, combine
from fleetpolicy.simcore.kvm import (
    ERA_B,
    Fault,
    KernelBehaviour,
    Refused,
    Stage2Choice,
    Stage2Type,
    kvm_stage2,
)
from fleetpolicy.simcore.stage1 import decode_mair
from fleetpolicy.simcore.stage2 import FwbOverride, Levels, Stage2Attributes
from fleetpolicy.simcore.topology import Bar, BarMapping, Group, PciTree, map_bars
from fleetpolicy.simcore.vma import MemoryKind, Vma, VmFlag


def q1(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Let a Normal stage lend its low nibble as a Device subtype."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    if fwb or not isinstance(right, Device):
        return right
    if isinstance(s1, Device) and isinstance(s2.memory, Levels):
        return replace(right, type=min(s1.type, DeviceType(s2.memory.inner + 1)))
    if isinstance(s1, Normal) and isinstance(s2.memory, DeviceType):
        return replace(right, type=min(s2.memory, DeviceType(s1.inner + 1)))
    return right


def q2(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Let stage-2 Device replace stage 1 under FWB."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    if fwb and isinstance(right, Device) and isinstance(s2.memory, DeviceType):
        return replace(right, type=s2.memory)
    return right


def _lowered(s1: MemoryAttributes, right: MemoryAttributes) -> bool:
    """Tell whether stage 2 made write-through of stage 1's transient write-back."""
    return (
        isinstance(s1, Normal)
        and isinstance(right, Normal)
        and s1.inner is Cacheability.WB
        and s1.inner_hints.transient
        and right.inner is Cacheability.WT
    )


def q3(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Drop the transient hint where write-back becomes write-through."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    if isinstance(right, Normal) and not fwb and _lowered(s1, right):
        return replace(right, inner_hints=replace(right.inner_hints, transient=False))
    return right


def l1(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Keep write-back transient where stage 2 says write-through."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    if isinstance(right, Normal) and not fwb and _lowered(s1, right):
        return replace(right, inner=Cacheability.WB)
    return right


def l4(attr: int, sh: int, features: CpuFeatures) -> MemoryAttributes | Reserved:
    """Read the encodings of FEAT_XS and FEAT_MTE2 nibble by nibble."""
    right = decode_mair(attr, sh, features)
    if not isinstance(right, Normal) or attr not in {0x40, 0xA0, 0xF0}:
        return right
    transient = Hints(Allocation.NO, transient=True)
    return replace(right, inner=Cacheability.WT, inner_hints=transient, xs=True)


def narrower(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Forget Outer Shareable."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    return replace(right, shareability=min(Shareability.ISH, right.shareability))


def force_spares_device(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Leave a Device request alone under force write-back."""
    if s2.memory is FwbOverride.FORCE_WRITE_BACK and isinstance(s1, Device):
        return s1
    return combine(s1, s2, fwb=fwb, impdef=impdef)


def more_cacheable(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    """Take the more cacheable of two inner levels."""
    right = combine(s1, s2, fwb=fwb, impdef=impdef)
    if isinstance(right, Normal) and isinstance(s1, Normal) and isinstance(s2.memory, Levels):
        return replace(right, inner=max(s1.inner, s2.memory.inner))
    return right


def without_dic(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Ask for FWB alone."""
    return kvm_stage2(kernel, vma, replace(features, dic=features.dic or features.fwb), fault)


def consent_dropped(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Overlook the driver's consent."""
    bare = replace(vma, flags=vma.flags - {VmFlag.ALLOW_ANY_UNCACHED})
    return kvm_stage2(kernel, bare, features, fault)


def consent_assumed(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Take every driver for consenting."""
    flagged = replace(vma, flags=vma.flags | {VmFlag.ALLOW_ANY_UNCACHED})
    return kvm_stage2(kernel, flagged, features, fault)


def era_forgotten(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Follow the consent in kernels that do not know it."""
    chosen = kernel if kernel.normal_nc_by_consent else ERA_B
    return kvm_stage2(chosen, vma, features, fault)


def executable(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Map everything executable."""
    right = kvm_stage2(kernel, vma, features, replace(fault, exec_fault=False))
    return right if isinstance(right, Refused) else replace(right, executable=True)


def weakened(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Install Normal-NC where KVM should refuse."""
    right = kvm_stage2(kernel, vma, features, fault)
    if isinstance(right, Refused) and vma.pgprot.is_cacheable:
        return Stage2Choice(Stage2Type.NORMAL_NC, executable=False)
    return right


def gic_relaxed(
    kernel: KernelBehaviour, vma: Vma, features: CpuFeatures, fault: Fault
) -> Stage2Choice | Refused:
    """Treat the GICv2 vCPU interface as any device."""
    kind = vma.kind
    if kind is MemoryKind.GICV2_VCPU:
        vma = replace(vma, kind=MemoryKind.PLATFORM_MMIO)
    return kvm_stage2(kernel, vma, features, fault)


def early_ack_lost(a: Alias, b: Alias, features: CpuFeatures) -> Mismatch:
    """Count early acknowledgement as a lost property."""
    right = mismatch(a, b, features)
    if right.is_mismatched and a.attributes.early_ack is not b.attributes.early_ack:
        strong = b if a.attributes.early_ack else a
        lost = (*right.lost, (strong.agent, frozenset({Property.NO_REORDERING})))
        return replace(right, lost=lost)
    return right


def never_mild(a: Alias, b: Alias, features: CpuFeatures) -> Mismatch:
    """Put no mismatch under the second restricted case."""
    right = mismatch(a, b, features)
    return replace(right, restricted=None)


def unaligned_device(access: Access, t: Translation, features: CpuFeatures) -> Outcome:
    """Let unaligned accesses to Device memory complete."""
    return COMPLETES if access is Access.UNALIGNED else access_outcome(access, t, features)


def atomic_anywhere(access: Access, t: Translation, features: CpuFeatures) -> Outcome:
    """Let atomics complete on every type."""
    return COMPLETES if access is Access.LSE_ATOMIC else access_outcome(access, t, features)


def groups_of_one(tree: PciTree) -> tuple[Group, ...]:
    """Give every function a group of its own."""
    return tuple(Group((address,), ()) for address in sorted(tree.nodes))


def pages_shared(bars: Iterable[Bar], page_size: int) -> tuple[BarMapping, ...]:
    """Map small BARs whatever else lies in the page."""
    return tuple(replace(found, why_not="") for found in map_bars(bars, page_size))


def override_ignored(config: HostConfig) -> BootTrace:
    """Boot without the rules that write driver_override."""
    initramfs = config.initramfs
    return simulate_boot(
        replace(config, udev_rules={}, initramfs=initramfs and replace(initramfs, udev_rules={}))
    )


def always(*_: MemoryAttributes) -> bool:
    """Say yes."""
    return True


def never(*_: MemoryAttributes) -> bool:
    """Say no."""
    return False
