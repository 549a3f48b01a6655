"""Combine the two stages of translation into the attributes an access really has."""

from dataclasses import dataclass, replace

from fleetpolicy.simcore.attributes import (
    NO_HINTS,
    READ_WRITE_ALLOCATE,
    Cacheability,
    Device,
    DeviceType,
    Hints,
    MemoryAttributes,
    Normal,
    Shareability,
    Tags,
    effective_shareability,
    is_write_back,
)
from fleetpolicy.simcore.stage2 import FwbOverride, Levels, Stage2Attributes

_WB = Cacheability.WB


@dataclass(frozen=True, slots=True)
class ImpDef:
    """Fix the choice that the architecture leaves to the implementation.

    Args:
        effective_s1_shareability: Whether stage 2 is handed the effective shareability of a
            stage-1 Device or iNC oNC mapping (Outer Shareable) or the value as programmed.

    Source:
        Arm DDI 0487, R_NSCNC.
    """

    effective_s1_shareability: bool = True


IMPDEF_CHOICES = (ImpDef(effective_s1_shareability=True), ImpDef(effective_s1_shareability=False))


def combine(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef = IMPDEF_CHOICES[0]
) -> MemoryAttributes:
    """Return the attributes of an access that stage 1 and stage 2 translate.

    Args:
        s1: What the guest asked for.
        s2: What the hypervisor installed, decoded under the same `fwb`.
        fwb: HCR_EL2.FWB.
        impdef: The implementation's choice of what stage 2 is handed.

    Raises:
        ValueError: If `s2` holds one of FWB's overrides although FWB is off.
    """
    handed = effective_shareability(s1) if impdef.effective_s1_shareability else s1.shareability
    shareability = s2_combine_s1_shareability(handed, s2.shareability)
    if fwb:
        return s2_apply_fwb_memattrs(s1, s2, shareability)
    return s2_combine_s1_memattrs(s1, s2, shareability)


def s2_combine_s1_memattrs(
    s1: MemoryAttributes, s2: Stage2Attributes, shareability: Shareability
) -> MemoryAttributes:
    """Combine with HCR_EL2.FWB = 0.

    Args:
        s1: What the guest asked for.
        s2: What the hypervisor installed.
        shareability: The combined shareability, before it is made effective.

    Raises:
        ValueError: If `s2` holds one of FWB's overrides.

    Source:
        Arm DDI 0487, tables D8-97 and D8-98, R_GQFSF; `S2CombineS1MemAttrs()`.
    """
    memory, xs = s2.memory, s1.xs and s2.xs
    match memory:
        case DeviceType():
            return Device(s2_combine_s1_device(s1, memory), xs)
        case FwbOverride():
            raise ValueError(f"{memory.value} needs HCR_EL2.FWB = 1")
        case Levels(inner, outer) if isinstance(s1, Normal):
            levels = (
                s2_combine_s1_cacheability(s1.inner, inner),
                s2_combine_s1_cacheability(s1.outer, outer),
            )
            result = _normal(levels, (s1.inner_hints, s1.outer_hints), shareability, xs=xs)
            return _with_tags(result, s2) if s1.tagged else result
        case Levels():
            return Device(s1.type, xs)


def s2_apply_fwb_memattrs(
    s1: MemoryAttributes, s2: Stage2Attributes, shareability: Shareability
) -> MemoryAttributes:
    """Combine with HCR_EL2.FWB = 1.

    Args:
        s1: What the guest asked for.
        s2: What the hypervisor installed.
        shareability: The combined shareability, before it is made effective.

    Source:
        Arm DDI 0487, table D8-101, R_GSDKZ, R_THYXB; `AArch64.S2ApplyFWBMemAttrs()`.
    """
    memory, xs = s2.memory, s1.xs and s2.xs
    if isinstance(memory, DeviceType):
        return Device(s2_combine_s1_device(s1, memory), xs)
    if memory is FwbOverride.FORCE_WRITE_BACK:
        result = _normal((_WB, _WB), force_write_back_hints(s1), shareability, xs=False)
        tagged = isinstance(s1, Normal) and s1.tagged
        return _with_tags(result, s2) if tagged else result
    if isinstance(s1, Device):
        return Device(s1.type, xs)
    if isinstance(memory, Levels):
        return _normal((memory.inner, memory.outer), (NO_HINTS, NO_HINTS), shareability, xs=xs)
    hints = (s1.inner_hints, s1.outer_hints)
    result = _normal((s1.inner, s1.outer), hints, shareability, xs=xs)
    return _with_tags(result, s2) if s1.tagged else result


def s2_combine_s1_device(s1: MemoryAttributes, s2: DeviceType) -> DeviceType:
    """Return the stronger Device type; a Normal stage 1 has no say."""
    return min(s1.type, s2) if isinstance(s1, Device) else s2


def s2_combine_s1_cacheability(s1: Cacheability, s2: Cacheability) -> Cacheability:
    """Return the less cacheable of the two."""
    return min(s1, s2)


def s2_combine_s1_shareability(s1: Shareability, s2: Shareability) -> Shareability:
    """Return the wider of the two domains.

    Source:
        Arm DDI 0487, table D8-103.
    """
    return max(s1, s2)


def force_write_back_hints(s1: MemoryAttributes) -> tuple[Hints, Hints]:
    """Return the inner and outer hints under force write-back.

    Returns:
        Stage 1's hint for each level that it made cacheable, read- and write-allocate otherwise.

    Source:
        Arm DDI 0487, R_THYXB.
    """
    if isinstance(s1, Device):
        return READ_WRITE_ALLOCATE, READ_WRITE_ALLOCATE
    inner = s1.inner_hints if s1.inner else READ_WRITE_ALLOCATE
    return inner, s1.outer_hints if s1.outer else READ_WRITE_ALLOCATE


def _normal(
    levels: tuple[Cacheability, Cacheability],
    hints: tuple[Hints, Hints],
    shareability: Shareability,
    *,
    xs: bool,
) -> Normal:
    """Build the Normal result: hints only where cacheable, effective shareability, XS."""
    inner, outer = levels
    return Normal(
        inner,
        outer,
        hints[0] if inner else NO_HINTS,
        hints[1] if outer else NO_HINTS,
        shareability if inner or outer else Shareability.OSH,
        xs and not inner == outer == _WB,
    )


def _with_tags(result: Normal, s2: Stage2Attributes) -> Normal:
    """Keep stage 1's Allocation Tags where the result still is plain write-back memory.

    Source:
        Arm DDI 0487, `S2MemTagType()`.
    """
    hints = (result.inner_hints, result.outer_hints)
    if not is_write_back(result) or hints != (READ_WRITE_ALLOCATE, READ_WRITE_ALLOCATE):
        return result
    tags = Tags.NO_TAG_ACCESS if s2.no_tag_access else Tags.ALLOCATION_TAGGED
    return replace(result, tags=tags)
