"""Decode what stage 2 says about memory, with and without HCR_EL2.FWB."""

from dataclasses import dataclass
from enum import Enum

from fleetpolicy.simcore.attributes import (
    Cacheability,
    CpuFeatures,
    DeviceType,
    Reserved,
    Shareability,
)
from fleetpolicy.simcore.stage1 import RESERVED_SHAREABILITY, SHAREABILITY_BY_FIELD

MEMATTR_FIELDS = range(0b10000)


@dataclass(frozen=True, slots=True)
class Levels:
    """Give the cacheability of both levels of stage-2 Normal memory, which has no hints."""

    inner: Cacheability
    outer: Cacheability


class FwbOverride(Enum):
    """Name the two stage-2 values that only HCR_EL2.FWB knows."""

    FORCE_WRITE_BACK = "force write-back"
    AS_STAGE_1 = "as stage 1"


Stage2Memory = DeviceType | Levels | FwbOverride

NON_CACHEABLE = Levels(Cacheability.NC, Cacheability.NC)


@dataclass(frozen=True, slots=True)
class Stage2Attributes:
    """Describe a stage-2 mapping.

    Args:
        memory: A Device type, Normal cacheability, or one of FWB's overrides.
        xs: The inverse of the descriptor's FnXS bit.
        no_tag_access: Whether Allocation Tags behind the mapping are out of reach.
    """

    memory: Stage2Memory
    shareability: Shareability
    xs: bool = True
    no_tag_access: bool = False


def decode_s2(
    memattr: int,
    sh: int,
    fwb: bool,  # noqa: FBT001 - a register bit
    features: CpuFeatures,
) -> Stage2Attributes | Reserved:
    """Decode a stage-2 MemAttr[3:0] field and its shareability field.

    Args:
        memattr: The four bits of MemAttr.
        sh: The two bits of the SH field.
        fwb: HCR_EL2.FWB.
        features: FEAT_MTE_PERM defines further encodings.

    Source:
        Arm DDI 0487, D8.6.5 and D8.6.6.
    """
    if sh == RESERVED_SHAREABILITY:
        return Reserved("SH", sh, "any of the three shareabilities")
    decode = s2_decode_fwb_memattr if fwb else s2_decode_memattr
    decoded = decode(memattr, mte_perm=features.mte_perm)
    if isinstance(decoded, Reserved):
        return decoded
    memory, no_tag_access = decoded
    return Stage2Attributes(memory, SHAREABILITY_BY_FIELD[sh], no_tag_access=no_tag_access)


def s2_decode_memattr(memattr: int, *, mte_perm: bool) -> tuple[Stage2Memory, bool] | Reserved:
    """Decode MemAttr with HCR_EL2.FWB = 0.

    Returns:
        The memory and whether it asks for NoTagAccess.

    Source:
        Arm DDI 0487, `S2DecodeMemAttrs()`.
    """
    match memattr >> 2, memattr & 0b11:
        case 0b00, device:
            return DeviceType(device), False
        case 0b01, 0b00 if mte_perm:
            return Levels(Cacheability.WB, Cacheability.WB), True
        case _, 0b00:
            return Reserved("MemAttr", memattr, "NC, WT or WB in its reserved half")
        case outer, inner:
            return Levels(Cacheability(inner - 1), Cacheability(outer - 1)), False


def s2_decode_fwb_memattr(memattr: int, *, mte_perm: bool) -> tuple[Stage2Memory, bool] | Reserved:
    """Decode MemAttr with HCR_EL2.FWB = 1.

    Returns:
        The memory and whether it asks for NoTagAccess.

    Source:
        Arm DDI 0487, D8.6.6 and `AArch64.S2ApplyFWBMemAttrs()`.
    """
    no_tag_access = mte_perm and bool(memattr & 0b1000)
    match memattr & 0b111:
        case 0b110:
            return FwbOverride.FORCE_WRITE_BACK, no_tag_access
        case 0b111:
            return FwbOverride.AS_STAGE_1, no_tag_access
        case 0b100:
            return Reserved("MemAttr", memattr, "any defined encoding")
        case _ if no_tag_access:
            return Reserved("MemAttr", memattr, "any defined encoding")
        case 0b101:
            return NON_CACHEABLE, False
        case device:
            return DeviceType(device), False


def permitted_by_s2(
    memattr: int,
    sh: int,
    fwb: bool,  # noqa: FBT001 - a register bit
    features: CpuFeatures,
) -> frozenset[Stage2Attributes]:
    """Return all that an implementation may make of an encoding, reserved or not.

    Returns:
        One member for a defined encoding, otherwise every member it may behave as.
    """
    fields = (0b00, 0b10, 0b11) if sh == RESERVED_SHAREABILITY else (sh,)
    codes = _behaves_as(memattr, fwb, features)
    decoded = [decode_s2(code, field, fwb, features) for code in codes for field in fields]
    return frozenset(item for item in decoded if not isinstance(item, Reserved))


def _behaves_as(
    memattr: int,
    fwb: bool,  # noqa: FBT001 - a register bit
    features: CpuFeatures,
) -> tuple[int, ...]:
    """Return the defined encodings that a MemAttr value may behave as."""
    if not isinstance(decode_s2(memattr, 0, fwb, features), Reserved):
        return (memattr,)
    if fwb:
        return tuple(MEMATTR_FIELDS)
    return tuple(memattr | half for half in (0b01, 0b10, 0b11))
