"""Decode what stage 1 says about memory: a MAIR attribute, or a stage 1 that is switched off."""

from dataclasses import replace
from functools import cache

from fleetpolicy.simcore.attributes import (
    NO_HINTS,
    NORMAL_NC,
    READ_WRITE_ALLOCATE,
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
    Tags,
)

SHAREABILITY_BY_FIELD = {0b00: Shareability.NSH, 0b10: Shareability.OSH, 0b11: Shareability.ISH}
RESERVED_SHAREABILITY = 0b01
MAIR_ATTRIBUTES = range(0x100)
SH_FIELDS = range(4)

_READ_ALLOCATE = Hints(Allocation.RA)
_NIBBLE_NC = 0b0100
_WITHOUT_XS_NC = 0x40
_WITHOUT_XS_WT = 0xA0
_WITHOUT_XS_WB_TAGGED = 0xF0


def s1_decode_memattrs(attr: int, sh: int, features: CpuFeatures) -> MemoryAttributes | Reserved:
    """Decode one MAIR_ELx attribute and the descriptor's shareability field.

    Args:
        attr: The eight bits of MAIR_ELx.Attr<n>.
        sh: The two bits of the SH field.
        features: FEAT_XS and FEAT_MTE2 define further encodings.

    Source:
        Arm DDI 0487, MAIR_EL1 and `S1DecodeMemAttrs()`.
    """
    if sh == RESERVED_SHAREABILITY:
        return Reserved("SH", sh, "any of the three shareabilities")
    decoded = _decode_type(attr, features)
    if isinstance(decoded, Reserved):
        return decoded
    return replace(decoded, shareability=SHAREABILITY_BY_FIELD[sh])


decode_mair = s1_decode_memattrs


@cache
def defined_attributes(features: CpuFeatures) -> tuple[MemoryAttributes, ...]:
    """Return every attribute that a defined MAIR and SH encoding can give, without repeats."""
    decoded = (decode_mair(attr, sh, features) for attr in MAIR_ATTRIBUTES for sh in SH_FIELDS)
    return tuple(dict.fromkeys(item for item in decoded if not isinstance(item, Reserved)))


def permitted_by_mair(attr: int, sh: int, features: CpuFeatures) -> frozenset[MemoryAttributes]:
    """Return all that an implementation may make of an encoding, reserved or not.

    Returns:
        One member for a defined encoding; for a reserved shareability three; for a reserved
        attribute every defined type.
    """
    fields = (0b00, 0b10, 0b11) if sh == RESERVED_SHAREABILITY else (sh,)
    decoded = [decode_mair(attr, field, features) for field in fields]
    defined = frozenset(item for item in decoded if not isinstance(item, Reserved))
    if defined:
        return defined
    permitted_shareability = {SHAREABILITY_BY_FIELD[field] for field in fields}
    return frozenset(
        item for item in defined_attributes(features) if item.shareability in permitted_shareability
    )


def _decode_type(attr: int, features: CpuFeatures) -> MemoryAttributes | Reserved:
    """Decode an attribute apart from its shareability."""
    high, low = attr >> 4, attr & 0b1111
    if high == 0:
        return _decode_device(attr, features)
    if low == 0:
        return _decode_special(attr, features)
    outer, outer_hints = _decode_nibble(high)
    inner, inner_hints = _decode_nibble(low)
    xs = not inner == outer == Cacheability.WB
    return Normal(inner, outer, inner_hints, outer_hints, xs=xs)


def _decode_device(attr: int, features: CpuFeatures) -> Device | Reserved:
    """Decode 0b0000dd00, or 0b0000dd01 where FEAT_XS defines it."""
    without_xs = attr & 0b11 == 0b01
    if attr & 0b10 or (without_xs and not features.xs):
        return _reserved(attr)
    return Device(DeviceType(attr >> 2), xs=not without_xs)


def _decode_special(attr: int, features: CpuFeatures) -> Normal | Reserved:
    """Decode the encodings with a zero low nibble, all of which belong to an extension."""
    if attr == _WITHOUT_XS_NC and features.xs:
        return replace(NORMAL_NC, xs=False)
    if attr == _WITHOUT_XS_WT and features.xs:
        level = Cacheability.WT
        return Normal(level, level, _READ_ALLOCATE, _READ_ALLOCATE, xs=False)
    if attr == _WITHOUT_XS_WB_TAGGED and features.mte2:
        hints, level = READ_WRITE_ALLOCATE, Cacheability.WB
        return Normal(level, level, hints, hints, xs=False, tags=Tags.ALLOCATION_TAGGED)
    return _reserved(attr)


def _decode_nibble(nibble: int) -> tuple[Cacheability, Hints]:
    """Decode one level of Normal memory: transient, write-back or -through, allocation."""
    if nibble == _NIBBLE_NC:
        return Cacheability.NC, NO_HINTS
    allocation = Allocation(nibble & 0b11)
    transient = not nibble & 0b1000 and allocation is not Allocation.NO
    level = Cacheability.WB if nibble & 0b0100 else Cacheability.WT
    return level, Hints(allocation, transient)


def _reserved(attr: int) -> Reserved:
    return Reserved("Attr", attr, "any defined encoding")


def mmu_off_data() -> Device:
    """Return what a data access gets while the stage-1 MMU is off."""
    return Device(DeviceType.nGnRnE)


def mmu_off_fetch(*, instruction_cache: bool) -> Normal:
    """Return what an instruction fetch gets while the stage-1 MMU is off."""
    if not instruction_cache:
        return NORMAL_NC
    level = Cacheability.WT
    return Normal(level, level, _READ_ALLOCATE, _READ_ALLOCATE)


def default_cacheable() -> Normal:
    """Return what every access gets while the hypervisor sets HCR_EL2.DC."""
    hints, level = READ_WRITE_ALLOCATE, Cacheability.WB
    return Normal(level, level, hints, hints, Shareability.NSH, xs=False)


def with_data_cache_off(attrs: MemoryAttributes) -> MemoryAttributes:
    """Return what a data access gets from a mapping while SCTLR_ELx.C is clear.

    Source:
        Arm DDI 0487, `AArch64.S1Translate()`: the XS attribute of the mapping stays.
    """
    if isinstance(attrs, Device):
        return attrs
    return replace(NORMAL_NC, shareability=attrs.shareability, xs=attrs.xs)
