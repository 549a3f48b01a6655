"""Compare the decoding of stage 1 with tables typed in from the manual."""

from itertools import product

import pytest

from fleetpolicy.simcore import (
    CpuFeatures,
    Device,
    MemoryAttributes,
    Normal,
    Reserved,
    decode_mair,
    guest_choices,
    permitted_by_mair,
    type_name,
)
from fleetpolicy.simcore.stage1 import (
    default_cacheable,
    mmu_off_data,
    mmu_off_fetch,
    with_data_cache_off,
)

FEATURES = [
    CpuFeatures(fwb=False, dic=False, xs=xs, mte2=mte2)
    for xs, mte2 in product((False, True), repeat=2)
]
SHAREABILITY = {0b00: "NSH", 0b10: "OSH", 0b11: "ISH"}
NIBBLE = {
    0x1: "WT:WA,transient",
    0x2: "WT:RA,transient",
    0x3: "WT:RWA,transient",
    0x4: "NC",
    0x5: "WB:WA,transient",
    0x6: "WB:RA,transient",
    0x7: "WB:RWA,transient",
    0x8: "WT:NO",
    0x9: "WT:WA",
    0xA: "WT:RA",
    0xB: "WT:RWA",
    0xC: "WB:NO",
    0xD: "WB:WA",
    0xE: "WB:RA",
    0xF: "WB:RWA",
}
DEVICE = {0x00: "nGnRnE", 0x04: "nGnRE", 0x08: "nGRE", 0x0C: "GRE"}
DEVICE_WITHOUT_XS = {0x01: "nGnRnE", 0x05: "nGnRE", 0x09: "nGRE", 0x0D: "GRE"}


def spell_level(level: str, allocation: str, *, transient: bool) -> str:
    if level == "NC":
        return level
    return f"{level}:{allocation}{',transient' if transient else ''}"


def spell(attrs: MemoryAttributes | Reserved) -> str:
    match attrs:
        case Reserved():
            return f"reserved {attrs.field} {attrs.encoding:#x}: {attrs.behaves_as}"
        case Device():
            return f"{attrs.type.name} {attrs.shareability.name} XS={int(attrs.xs)}"
        case Normal():
            levels = (
                spell_level(level.name, hints.allocation.name or "", transient=hints.transient)
                for level, hints in (
                    (attrs.inner, attrs.inner_hints),
                    (attrs.outer, attrs.outer_hints),
                )
            )
            rest = f"{attrs.shareability.name} XS={int(attrs.xs)} {attrs.tags.value}"
            return " / ".join((*levels, rest))


def expect_mair(attr: int, sh: int, *, xs: bool, mte2: bool) -> str:
    if sh == 0b01:
        return "reserved SH 0x1: any of the three shareabilities"
    shareability = SHAREABILITY[sh]
    if attr in DEVICE:
        return f"{DEVICE[attr]} {shareability} XS=1"
    if xs and attr in DEVICE_WITHOUT_XS:
        return f"{DEVICE_WITHOUT_XS[attr]} {shareability} XS=0"
    special = {
        (0x40, xs): "NC / NC / {} XS=0 untagged",
        (0xA0, xs): "WT:RA / WT:RA / {} XS=0 untagged",
        (0xF0, mte2): "WB:RWA / WB:RWA / {} XS=0 Allocation Tagged",
    }
    if (attr, True) in special:
        return special[attr, True].format(shareability)
    outer, inner = NIBBLE.get(attr >> 4), NIBBLE.get(attr & 0xF)
    if outer is None or inner is None:
        return f"reserved Attr {attr:#x}: any defined encoding"
    strong = not (outer.startswith("WB") and inner.startswith("WB"))
    return f"{inner} / {outer} / {shareability} XS={int(strong)} untagged"


@pytest.mark.parametrize("features", FEATURES)
def test_mair_every_byte_and_shareability_decodes_as_the_manual_says(features: CpuFeatures) -> None:
    wrong = [
        (attr, sh)
        for attr, sh in product(range(256), range(4))
        if spell(decode_mair(attr, sh, features))
        != expect_mair(attr, sh, xs=features.xs, mte2=features.mte2)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("features", "defined"),
    # 4 Device types and 15 x 15 Normal ones; FEAT_XS adds 4 and 2, FEAT_MTE2 adds 1.
    list(zip(FEATURES, [229, 230, 235, 236], strict=True)),
)
def test_mair_counts_of_defined_bytes_follow_the_features(
    features: CpuFeatures, defined: int
) -> None:
    decoded = [decode_mair(attr, 0b11, features) for attr in range(256)]

    assert sum(not isinstance(item, Reserved) for item in decoded) == defined


@pytest.mark.parametrize("features", FEATURES)
def test_mair_reserved_shareability_permits_all_three(features: CpuFeatures) -> None:
    permitted = permitted_by_mair(0x44, 0b01, features)

    assert sorted(item.shareability.name for item in permitted) == ["ISH", "NSH", "OSH"]
    assert {type_name(item) for item in permitted} == {"Normal-NC"}


@pytest.mark.parametrize("features", FEATURES)
def test_mair_reserved_byte_permits_every_defined_type(features: CpuFeatures) -> None:
    defined = {
        decode_mair(attr, 0b10, features)
        for attr in range(256)
        if not isinstance(decode_mair(attr, 0b10, features), Reserved)
    }

    assert permitted_by_mair(0x02, 0b10, features) == defined
    assert permitted_by_mair(0xE0, 0b10, features) == defined
    assert permitted_by_mair(0x02, 0b01, features) > defined


def test_mair_defined_byte_permits_itself() -> None:
    features = FEATURES[0]

    assert permitted_by_mair(0xFF, 0b11, features) == {decode_mair(0xFF, 0b11, features)}


def test_stage_1_off_delivers_what_the_manual_says() -> None:
    assert spell(mmu_off_data()) == "nGnRnE OSH XS=1"
    assert spell(mmu_off_fetch(instruction_cache=True)) == "WT:RA / WT:RA / OSH XS=1 untagged"
    assert spell(mmu_off_fetch(instruction_cache=False)) == "NC / NC / OSH XS=1 untagged"
    assert spell(default_cacheable()) == "WB:RWA / WB:RWA / NSH XS=0 untagged"


@pytest.mark.parametrize(
    ("attr", "expected"),
    [
        (0x00, "nGnRnE ISH XS=1"),
        (0x0C, "GRE ISH XS=1"),
        (0x44, "NC / NC / ISH XS=1 untagged"),
        (0xFF, "NC / NC / ISH XS=0 untagged"),
        (0xF0, "NC / NC / ISH XS=0 untagged"),
        (0x4F, "NC / NC / ISH XS=1 untagged"),
    ],
)
def test_data_cache_off_makes_normal_non_cacheable_and_keeps_device(
    attr: int, expected: str
) -> None:
    decoded = decode_mair(attr, 0b11, FEATURES[3])

    assert not isinstance(decoded, Reserved)
    assert spell(with_data_cache_off(decoded)) == expected


@pytest.mark.parametrize("features", FEATURES)
def test_guest_choices_hold_every_way_of_stage_1_once(features: CpuFeatures) -> None:
    choices = guest_choices(features)
    mapped = [decode_mair(attr, sh, features) for attr, sh in product(range(256), range(4))]
    defined = {item for item in mapped if not isinstance(item, Reserved)}
    switched_off = {
        mmu_off_data(),
        mmu_off_fetch(instruction_cache=True),
        mmu_off_fetch(instruction_cache=False),
        default_cacheable(),
    }

    assert len(choices) == len(set(choices))
    assert set(choices) == defined | switched_off | {with_data_cache_off(i) for i in defined}


def test_guest_choices_begin_with_the_simplest() -> None:
    names = [type_name(attrs) for attrs in guest_choices(FEATURES[0])]

    assert list(dict.fromkeys(names)) == [
        "Device-nGnRnE",
        "Device-nGnRE",
        "Device-nGRE",
        "Device-GRE",
        "Normal-NC",
        "Normal-iNC-oWT",
        "Normal-iWT-oNC",
        "Normal-iNC-oWB",
        "Normal-WT",
        "Normal-iWB-oNC",
        "Normal-iWT-oWB",
        "Normal-iWB-oWT",
        "Normal-WB",
    ]


def decode_without_special_bytes(attr: int, sh: int, features: CpuFeatures) -> str:
    """Decode as mutant L4 does: a zero nibble is taken for one of Normal memory."""
    if attr in {0x40, 0xA0, 0xF0}:
        return spell(decode_mair(attr | 0xF, sh, features))
    return spell(decode_mair(attr, sh, features))


def test_mair_table_tells_mutant_l4() -> None:
    features = FEATURES[3]
    wrong = [
        attr
        for attr in range(256)
        if decode_without_special_bytes(attr, 0b11, features)
        != expect_mair(attr, 0b11, xs=True, mte2=True)
    ]

    assert wrong == [0x40, 0xA0, 0xF0]
