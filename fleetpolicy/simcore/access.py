"""Tell what becomes of an access that asks more of memory than an aligned load or store."""

from dataclasses import dataclass
from enum import Enum

from fleetpolicy.simcore.attributes import (
    CpuFeatures,
    Device,
    DeviceType,
    MemoryAttributes,
    Shareability,
    is_cacheable,
    is_write_back,
)
from fleetpolicy.simcore.stage2 import NON_CACHEABLE, FwbOverride, Levels, Stage2Attributes


class Access(Enum):
    """Name the accesses whose outcome depends on the memory type."""

    ALIGNED = "aligned load or store"
    UNALIGNED = "unaligned load or store"
    DC_ZVA = "DC ZVA"
    EXCLUSIVE = "load- or store-exclusive"
    LSE_ATOMIC = "LSE atomic"
    LSE2_UNALIGNED = "unaligned access that relies on FEAT_LSE2"
    LS64 = "LD64B or ST64B"
    SVE = "SVE or streaming-mode SIMD"
    SVE_NON_FAULT = "SVE non-fault load"


class Effect(Enum):
    """Name what an access may come to."""

    COMPLETES = "completes"
    BEHAVES_AS_GRE = "may be gathered and reordered as on Device-GRE"
    ALIGNMENT_FAULT_STAGE_1 = "Alignment fault, taken by the guest"
    ALIGNMENT_FAULT_STAGE_2 = "Alignment fault, taken by the hypervisor"
    UNSUPPORTED_ACCESS = "Data Abort, fault status 0b110101"
    EXTERNAL_ABORT = "synchronous External abort"
    SERROR = "SError interrupt"
    NO_OPERATION = "no operation"
    NOT_ATOMIC = "completes without atomicity"
    SUPPRESSED = "not performed, reported in FFR"


class Basis(Enum):
    """Say why an outcome is what it is."""

    ARCHITECTED = "architected"
    IMPLEMENTATION_DEFINED = "IMPLEMENTATION DEFINED"
    CONSTRAINED_UNPREDICTABLE = "CONSTRAINED UNPREDICTABLE"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold the effects an access may have and on whose authority there is a choice."""

    effects: frozenset[Effect]
    basis: Basis = Basis.ARCHITECTED

    @property
    def always_completes(self) -> bool:
        """Tell whether a program may rely on the access."""
        return self.effects == {Effect.COMPLETES}


@dataclass(frozen=True, slots=True)
class Translation:
    """Hold what both stages said of a page and what came out of it."""

    s1: MemoryAttributes
    s2: Stage2Attributes
    final: MemoryAttributes

    @property
    def overrides_device(self) -> bool:
        """Tell whether force write-back buries a Device request of the guest."""
        return isinstance(self.s1, Device) and self.s2.memory is FwbOverride.FORCE_WRITE_BACK


COMPLETES = Outcome(frozenset({Effect.COMPLETES}))


def access_outcome(  # noqa: PLR0911 - one arm for each kind of access
    access: Access, translation: Translation, features: CpuFeatures
) -> Outcome:
    """Return what the access may come to.

    Source:
        Arm DDI 0487, B2.2.6, B2.8.2, B2.10.2, B2.12.2, C3.2.8, C5.3.8, R_QBLMZ, R_RMTWN,
        R_XHFBX; `AArch64.S1HasAlignmentFault()`, `AArch64.S2HasAlignmentFault()`.
    """
    match access:
        case Access.ALIGNED:
            return COMPLETES
        case Access.UNALIGNED | Access.DC_ZVA:
            return _needs_alignment(translation, features)
        case Access.LSE2_UNALIGNED:
            return _unaligned_atomicity(translation, features)
        case Access.EXCLUSIVE | Access.LSE_ATOMIC:
            return _atomicity(access, translation)
        case Access.LS64:
            return _single_copy_64_bytes(translation, features)
        case Access.SVE:
            return _vector(translation)
        case Access.SVE_NON_FAULT:
            return _non_fault_vector(translation)


def is_shareable_write_back(attrs: MemoryAttributes) -> bool:
    """Tell whether atomics are guaranteed: write-back, Inner or Outer Shareable."""
    return is_write_back(attrs) and attrs.shareability is not Shareability.NSH


def _needs_alignment(translation: Translation, features: CpuFeatures) -> Outcome:
    """Fault at stage 1 for the guest's own Device request, else at stage 2."""
    if translation.overrides_device:
        effects = frozenset({Effect.COMPLETES, Effect.ALIGNMENT_FAULT_STAGE_1})
        return Outcome(effects, Basis.CONSTRAINED_UNPREDICTABLE)
    if isinstance(translation.s1, Device):
        return Outcome(frozenset({Effect.ALIGNMENT_FAULT_STAGE_1}))
    is_stage_2_device = isinstance(translation.s2.memory, DeviceType)
    if isinstance(translation.final, Device) if features.fwb else is_stage_2_device:
        return Outcome(frozenset({Effect.ALIGNMENT_FAULT_STAGE_2}))
    return COMPLETES


def _unaligned_atomicity(translation: Translation, features: CpuFeatures) -> Outcome:
    """Promise atomicity to unaligned accesses on shareable write-back memory only."""
    outcome = _needs_alignment(translation, features)
    if not outcome.always_completes or is_shareable_write_back(translation.final):
        return outcome
    effects = frozenset({Effect.COMPLETES, Effect.NOT_ATOMIC})
    return Outcome(effects, Basis.IMPLEMENTATION_DEFINED)


def _atomicity(access: Access, translation: Translation) -> Outcome:
    """Promise exclusives and atomics on shareable write-back memory only."""
    if is_shareable_write_back(translation.final) and not translation.overrides_device:
        return COMPLETES
    effects = {Effect.COMPLETES, Effect.UNSUPPORTED_ACCESS, Effect.NOT_ATOMIC}
    if access is Access.LSE_ATOMIC:
        effects |= {Effect.EXTERNAL_ABORT, Effect.SERROR, Effect.NO_OPERATION}
    return Outcome(frozenset(effects), Basis.IMPLEMENTATION_DEFINED)


def _single_copy_64_bytes(translation: Translation, features: CpuFeatures) -> Outcome:
    """Refuse cacheable memory: each stage is asked by itself, as Arm's pseudocode does."""
    memory = translation.s2.memory
    is_stage_2_cacheable = isinstance(memory, Levels) and memory != NON_CACHEABLE
    refused = is_cacheable(translation.final) if features.fwb else is_stage_2_cacheable
    if refused or is_cacheable(translation.s1):
        return Outcome(frozenset({Effect.UNSUPPORTED_ACCESS}))
    return COMPLETES


def _vector(translation: Translation) -> Outcome:
    """Let vector accesses to any Device type behave as on Device-GRE."""
    final = translation.final
    if not isinstance(final, Device) or final.type is DeviceType.GRE:
        return COMPLETES
    effects = frozenset({Effect.COMPLETES, Effect.BEHAVES_AS_GRE})
    return Outcome(effects, Basis.IMPLEMENTATION_DEFINED)


def _non_fault_vector(translation: Translation) -> Outcome:
    """Keep non-fault loads away from Device memory."""
    if isinstance(translation.final, Device):
        return Outcome(frozenset({Effect.SUPPRESSED}))
    if translation.overrides_device:
        effects = frozenset({Effect.COMPLETES, Effect.SUPPRESSED})
        return Outcome(effects, Basis.CONSTRAINED_UNPREDICTABLE)
    return COMPLETES
