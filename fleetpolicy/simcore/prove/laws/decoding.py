"""State the laws of both decoders: what they read can be written back."""

from collections.abc import Iterator
from itertools import product

from fleetpolicy.simcore.attributes import (
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
)
from fleetpolicy.simcore.prove.laws.law import Law, Verdicts
from fleetpolicy.simcore.prove.semantics import Semantics
from fleetpolicy.simcore.stage1 import MAIR_ATTRIBUTES, SH_FIELDS
from fleetpolicy.simcore.stage2 import MEMATTR_FIELDS, FwbOverride, Levels, Stage2Attributes

_FIELD = {Shareability.NSH: 0b00, Shareability.OSH: 0b10, Shareability.ISH: 0b11}
_READ_ALLOCATE = Hints(Allocation.RA)
_NC = Cacheability.NC

STAGE_1 = Law(
    "decode-stage-1-round-trip",
    "A defined MAIR attribute decodes to what encodes to the same byte; all others are reserved.",
    "Arm DDI 0487, MAIR_EL1",
)
STAGE_2 = Law(
    "decode-stage-2-round-trip",
    "A defined MemAttr value decodes to what encodes to the same value; all others are reserved.",
    "Arm DDI 0487, D8.6.5, D8.6.6",
)


def encode_mair(attrs: MemoryAttributes) -> int:
    """Return the MAIR attribute that gives these attributes."""
    if isinstance(attrs, Device):
        return attrs.type << 2 | (not attrs.xs)
    if attrs.tagged:
        return 0xF0
    if not attrs.xs and attrs.inner == attrs.outer != Cacheability.WB:
        return 0x40 if attrs.inner is _NC else 0xA0
    return _nibble(attrs.outer, attrs.outer_hints) << 4 | _nibble(attrs.inner, attrs.inner_hints)


def _nibble(level: Cacheability, hints: Hints) -> int:
    if level is _NC:
        return 0b0100
    write_back = 0b0100 if level is Cacheability.WB else 0
    return (0 if hints.transient else 0b1000) | write_back | hints.allocation


def is_defined_mair(attr: int, features: CpuFeatures) -> bool:
    """Tell whether a MAIR attribute has a meaning, by the manual's list."""
    if attr < 0x10:  # noqa: PLR2004 - a zero high nibble
        return attr & 0b11 == 0 or (attr & 0b11 == 1 and features.xs)
    if attr & 0b1111:
        return True
    return (attr in {0x40, 0xA0} and features.xs) or (attr == 0xF0 and features.mte2)  # noqa: PLR2004


def check_decoding(semantics: Semantics) -> Verdicts:
    """Yield the verdict on each decoder."""
    yield STAGE_1.judge(_stage_1(semantics))
    yield STAGE_2.judge(_stage_2(semantics))


def _stage_1(semantics: Semantics) -> Iterator[str]:
    for xs, mte2 in product((False, True), repeat=2):
        features = CpuFeatures(fwb=True, dic=True, xs=xs, mte2=mte2)
        for attr, sh in product(MAIR_ATTRIBUTES, SH_FIELDS):
            found = semantics.decode_mair(attr, sh, features)
            defined = is_defined_mair(attr, features) and sh != 0b01
            yield _compare_stage_1(attr, sh, found, defined=defined)


def _compare_stage_1(
    attr: int, sh: int, found: MemoryAttributes | Reserved, *, defined: bool
) -> str:
    if isinstance(found, Reserved):
        return f"Attr {attr:#04x} counts as reserved" if defined else ""
    if not defined:
        return f"Attr {attr:#04x} with SH {sh:02b} is reserved and decodes"
    if encode_mair(found) != attr or _FIELD[found.shareability] != sh:
        return f"Attr {attr:#04x} decodes to what is {encode_mair(found):#04x}"
    if isinstance(found, Normal) and found.tagged and found.inner_hints != READ_WRITE_ALLOCATE:
        return f"Attr {attr:#04x} has other hints"
    if attr == 0xA0 and isinstance(found, Normal) and found.inner_hints != _READ_ALLOCATE:  # noqa: PLR2004
        return f"Attr {attr:#04x} has other hints"
    return ""


def _stage_2(semantics: Semantics) -> Iterator[str]:
    for fwb, mte_perm in product((False, True), repeat=2):
        features = CpuFeatures(fwb=fwb, dic=True, mte_perm=mte_perm)
        for memattr, sh in product(MEMATTR_FIELDS, SH_FIELDS):
            found = semantics.decode_s2(memattr, sh, fwb, features)
            wanted = _encodings(found, fwb=fwb, mte_perm=mte_perm)
            defined = is_defined_memattr(memattr, fwb=fwb, mte_perm=mte_perm) and sh != 0b01
            if isinstance(found, Reserved) is defined:
                yield f"FWB={int(fwb)}: MemAttr {memattr:04b} with SH {sh:02b} is misjudged"
            elif defined and memattr not in wanted:
                yield f"FWB={int(fwb)}: MemAttr {memattr:04b} decodes to something else"
            else:
                yield ""


def is_defined_memattr(memattr: int, *, fwb: bool, mte_perm: bool) -> bool:
    """Tell whether a MemAttr value has a meaning, by the manual's list."""
    if not fwb:
        return memattr < 0b0100 or bool(memattr & 0b11) or (memattr == 0b0100 and mte_perm)  # noqa: PLR2004
    if mte_perm and memattr & 0b1000:
        return memattr & 0b111 in {0b110, 0b111}
    return memattr & 0b111 != 0b100  # noqa: PLR2004


def _encodings(found: Stage2Attributes | Reserved, *, fwb: bool, mte_perm: bool) -> tuple[int, ...]:
    """Return the MemAttr values that mean this; without FEAT_MTE_PERM FWB ignores the top bit."""
    if isinstance(found, Reserved):
        return ()
    match found.memory:
        case FwbOverride.FORCE_WRITE_BACK:
            low = 0b110
        case FwbOverride.AS_STAGE_1:
            low = 0b111
        case DeviceType() as device:
            low = int(device)
        case Levels(inner, outer):
            plain = (outer + 1) << 2 | (inner + 1)
            low = 0b0100 if found.no_tag_access else plain
    if not fwb:
        return (low,)
    if mte_perm:
        return (low | 0b1000,) if found.no_tag_access else (low,)
    return low, low | 0b1000
