"""State the laws of KVM's choice, of mismatches and of demanding accesses."""

from collections.abc import Iterator
from itertools import product

from fleetpolicy.simcore.access import Access, Effect
from fleetpolicy.simcore.alias import Alias, Repair, Restricted, prohibitions
from fleetpolicy.simcore.attributes import (
    Cacheability,
    CpuFeatures,
    Device,
    DeviceType,
    MemoryAttributes,
    Normal,
    Shareability,
    is_cacheable,
    type_name,
)
from fleetpolicy.simcore.kvm import (
    ERAS,
    GUEST_RAM,
    VFIO_PCI_BAR,
    Fault,
    KernelBehaviour,
    Refused,
    Stage2Choice,
    Stage2Type,
)
from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN
from fleetpolicy.simcore.prove.laws.law import Law, Verdicts
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core, Semantics
from fleetpolicy.simcore.vma import MemoryKind, Vma, VmFlag

_BASIC = tuple(CpuFeatures(fwb=fwb, dic=dic) for fwb, dic in product((False, True), repeat=2))
TYPES: tuple[MemoryAttributes, ...] = (
    *(Device(kind) for kind in DeviceType),
    *(
        Normal(inner, outer, shareability=shareability)
        for inner, outer, shareability in product(Cacheability, Cacheability, Shareability)
    ),
)

HONOURED = Law(
    "kvm-honours-what-it-can",
    "From 6.17 on, with FWB and DIC, a cacheable VMA of device memory is Normal at stage 2.",
    "Linux, arch/arm64/kvm/mmu.c, v6.17",
)
CONSENT = Law(
    "kvm-follows-consent",
    "An uncached device page is Normal-NC if and only if driver and kernel consent.",
    "Linux commit 8c47ce3e1d2c",
)
WITHHELD = Law(
    "withheld-consent-is-device",
    "A BAR whose driver withholds the consent is Device-nGnRE at stage 2 in every kernel.",
    "kernel/optout_vfio_pci.c; Linux, arch/arm64/kvm/mmu.c",
)
RAM = Law("kvm-ram-is-normal", "RAM is Normal at stage 2 in every kernel.", "Linux, mmu.c")
REFUSED = Law(
    "kvm-refuses-tags-and-logging",
    "A slot without VM_MTE_ALLOWED is refused to an MTE guest, dirty logging to VM_PFNMAP.",
    "Linux, arch/arm64/kvm/mmu.c, kvm_arch_prepare_memory_region()",
)
SYMMETRIC = Law(
    "mismatch-is-symmetric",
    "Two aliases disagree in the same way in either order, and an alias never with itself.",
    "Arm DDI 0487, B2.11",
)
LOST = Law(
    "mismatch-loses-three-properties",
    "An alias loses exactly the prohibitions that the other lacks; early acknowledgement is none.",
    "Arm DDI 0487, B2.11",
)
MILD = Law(
    "mismatch-restricted-to-uncached",
    "A mismatch is repaired by a barrier if and only if no alias is cacheable.",
    "Arm DDI 0487, B2.11",
)
ALIGNED = Law(
    "access-alignment-has-an-owner",
    "Under stage-2 Device an unaligned access to the guest's Normal memory faults at stage 2, to "
    "its Device memory at stage 1.",
    "Arm DDI 0487, AArch64.S2HasAlignmentFault()",
)


def check_mapping(semantics: Semantics) -> Verdicts:
    """Yield the verdict on each law."""
    yield HONOURED.judge(_honoured(semantics))
    yield CONSENT.judge(_consent(semantics))
    yield WITHHELD.judge(_withheld(semantics))
    yield RAM.judge(_ram(semantics))
    yield REFUSED.judge(_refused(semantics))
    yield SYMMETRIC.judge(_symmetric(semantics))
    yield LOST.judge(_lost(semantics))
    yield MILD.judge(_mild(semantics))
    yield ALIGNED.judge(_aligned(semantics))


def _device_pages() -> Iterator[tuple[KernelBehaviour, CpuFeatures, Vma]]:
    for kernel, features, vma in product(ERAS, _BASIC, DEFAULT_DOMAIN.vmas):
        point = RegionPoint("", kernel, features, vma)
        if point.is_device_page and vma.kind is not MemoryKind.GICV2_VCPU:
            yield kernel, features, vma


def _honoured(semantics: Semantics) -> Iterator[str]:
    for kernel, features, vma in _device_pages():
        able = kernel.cacheable_pfnmap and features.fwb and features.dic
        if able and vma.pgprot.is_cacheable:
            yield _expect(semantics.kvm_stage2(kernel, vma, features, Fault()), Stage2Type.NORMAL)


def _consent(semantics: Semantics) -> Iterator[str]:
    for kernel, features, vma in _device_pages():
        if vma.pgprot.is_cacheable:
            continue
        agreed = kernel.normal_nc_by_consent and VmFlag.ALLOW_ANY_UNCACHED in vma.flags
        wanted = Stage2Type.NORMAL_NC if agreed else Stage2Type.DEVICE_nGnRE
        yield _expect(semantics.kvm_stage2(kernel, vma, features, Fault()), wanted)


def _withheld(semantics: Semantics) -> Iterator[str]:
    bar = semantics.withhold(VFIO_PCI_BAR)
    for kernel, features, late in product(ERAS, _BASIC, (False, True)):
        found = semantics.kvm_stage2(kernel, bar, features, Fault(mapped_after_slot=late))
        yield _expect(found, Stage2Type.DEVICE_nGnRE)


def _ram(semantics: Semantics) -> Iterator[str]:
    for kernel, features in product(ERAS, _BASIC):
        found = semantics.kvm_stage2(kernel, GUEST_RAM, features, Fault())
        yield _expect(found, Stage2Type.NORMAL)


def _refused(semantics: Semantics) -> Iterator[str]:
    for kernel, features, fault in product(
        ERAS, _BASIC, (Fault(mte_guest=True), Fault(dirty_logging=True))
    ):
        found = semantics.kvm_stage2(kernel, VFIO_PCI_BAR, features, fault)
        refused = isinstance(found, Refused) and found.errno == "EINVAL"
        yield "" if refused else f"kernel {kernel.name} accepts {fault}"


def _expect(found: Stage2Choice | Refused, wanted: Stage2Type) -> str:
    name = found.errno if isinstance(found, Refused) else found.type.value
    return "" if name == wanted.value else f"{name} instead of {wanted.value}"


def _pairs() -> Iterator[tuple[Alias, Alias]]:
    for a, b in product(TYPES, repeat=2):
        yield Alias("a", a), Alias("b", b)


def _symmetric(semantics: Semantics) -> Iterator[str]:
    for a, b in _pairs():
        there, back = (semantics.mismatch(x, y, _BASIC[0]) for x, y in ((a, b), (b, a)))
        same = (set(there.reasons), there.repair, dict(there.lost)) == (
            set(back.reasons),
            back.repair,
            dict(back.lost),
        )
        itself = a.attributes == b.attributes and there.is_mismatched
        yield "" if same and not itself else _pair_name(a, b)


def _lost(semantics: Semantics) -> Iterator[str]:
    for a, b in _pairs():
        found = semantics.mismatch(a, b, _BASIC[0])
        own, other = prohibitions(a.attributes), prohibitions(b.attributes)
        wanted = {"a": own - other, "b": other - own}
        lost = dict(found.lost) if found.is_mismatched else {}
        right = all(lost.get(agent, frozenset()) == wanted[agent] for agent in wanted)
        yield "" if right else _pair_name(a, b)


def _mild(semantics: Semantics) -> Iterator[str]:
    for a, b in _pairs():
        found = semantics.mismatch(a, b, _BASIC[0])
        if not found.is_mismatched:
            continue
        uncached = not is_cacheable(a.attributes) and not is_cacheable(b.attributes)
        barrier = found.repair is Repair.BARRIER
        second = found.restricted is Restricted.DEVICE_OR_NON_CACHEABLE
        yield "" if barrier is uncached is second else _pair_name(a, b)


def _pair_name(a: Alias, b: Alias) -> str:
    return f"{type_name(a.attributes)} against {type_name(b.attributes)}"


def _aligned(semantics: Semantics) -> Iterator[str]:
    core = Core(semantics)
    choice = Stage2Choice(Stage2Type.DEVICE_nGnRE, executable=False)
    for features in _BASIC:
        for t in core.translations(choice, features):
            stage = (
                Effect.ALIGNMENT_FAULT_STAGE_1
                if isinstance(t.s1, Device)
                else Effect.ALIGNMENT_FAULT_STAGE_2
            )
            found = semantics.access_outcome(Access.UNALIGNED, t, features)
            yield "" if found.effects == {stage} else f"{type_name(t.s1)} under stage-2 Device"
