"""Compare the decoding of stage 2 with tables typed in from the manual."""

from itertools import product

import pytest

from fleetpolicy.simcore import (
    CpuFeatures,
    DeviceType,
    FwbOverride,
    Levels,
    Reserved,
    Stage2Attributes,
    decode_s2,
    permitted_by_s2,
)

PLAIN = CpuFeatures(fwb=False, dic=False)
MTE_PERM = CpuFeatures(fwb=False, dic=False, mte_perm=True)
SHAREABILITY = {0b00: "NSH", 0b10: "OSH", 0b11: "ISH"}
HALF = "reserved: NC, WT or WB in its reserved half"
ANY = "reserved: any defined encoding"
# MemAttr[3:0] from 0 to 15: inner, then outer.
WITHOUT_FWB = [
    *("nGnRnE", "nGnRE", "nGRE", "GRE"),
    *(HALF, "NC NC", "WT NC", "WB NC"),
    *(HALF, "NC WT", "WT WT", "WB WT"),
    *(HALF, "NC WB", "WT WB", "WB WB"),
]
WITHOUT_FWB_MTE_PERM = [*WITHOUT_FWB[:4], "WB WB NoTagAccess", *WITHOUT_FWB[5:]]
WITH_FWB = [
    *("nGnRnE", "nGnRE", "nGRE", "GRE", ANY, "NC NC", "force write-back", "as stage 1"),
] * 2
WITH_FWB_MTE_PERM = [
    *WITH_FWB[:8],
    *(ANY, ANY, ANY, ANY, ANY, ANY),
    "force write-back NoTagAccess",
    "as stage 1 NoTagAccess",
]


def spell(decoded: Stage2Attributes | Reserved) -> str:
    if isinstance(decoded, Reserved):
        return f"reserved: {decoded.behaves_as}"
    tags = " NoTagAccess" if decoded.no_tag_access else ""
    match decoded.memory:
        case DeviceType() as device:
            return device.name + tags
        case Levels(inner, outer):
            return f"{inner.name} {outer.name}{tags}"
        case FwbOverride() as override:
            return override.value + tags


@pytest.mark.parametrize(
    ("fwb", "features", "table"),
    [
        (False, PLAIN, WITHOUT_FWB),
        (False, MTE_PERM, WITHOUT_FWB_MTE_PERM),
        (True, PLAIN, WITH_FWB),
        (True, MTE_PERM, WITH_FWB_MTE_PERM),
    ],
)
def test_memattr_every_value_decodes_as_the_manual_says(
    *, fwb: bool, features: CpuFeatures, table: list[str]
) -> None:
    for sh in SHAREABILITY:
        decoded = [decode_s2(memattr, sh, fwb, features) for memattr in range(16)]

        assert [spell(item) for item in decoded] == table


@pytest.mark.parametrize("fwb", [False, True])
def test_memattr_defined_value_carries_shareability_and_xs(*, fwb: bool) -> None:
    decoded = {sh: decode_s2(0b0101, sh, fwb, PLAIN) for sh in SHAREABILITY}

    for sh, item in decoded.items():
        assert isinstance(item, Stage2Attributes)
        assert item.shareability.name == SHAREABILITY[sh]
        assert item.xs


@pytest.mark.parametrize(("fwb", "memattr"), list(product([False, True], range(16))))
def test_memattr_reserved_shareability_is_reported(*, fwb: bool, memattr: int) -> None:
    expected = Reserved("SH", 0b01, "any of the three shareabilities")

    assert decode_s2(memattr, 0b01, fwb, PLAIN) == expected


def spell_permitted(memattr: int, *, fwb: bool, features: CpuFeatures) -> list[str]:
    return sorted(spell(item) for item in permitted_by_s2(memattr, 0b11, fwb, features))


def test_permitted_by_a_reserved_half_are_its_three_readings() -> None:
    readings = {
        memattr: spell_permitted(memattr, fwb=False, features=PLAIN)
        for memattr in (0b0100, 0b1000, 0b1100)
    }

    assert readings == {
        0b0100: ["NC NC", "WB NC", "WT NC"],
        0b1000: ["NC WT", "WB WT", "WT WT"],
        0b1100: ["NC WB", "WB WB", "WT WB"],
    }


def test_permitted_by_a_reserved_fwb_value_are_all_defined_ones() -> None:
    every = sorted({*WITH_FWB} - {ANY})
    every_tagged = sorted({*WITH_FWB_MTE_PERM} - {ANY})

    assert spell_permitted(0b0100, fwb=True, features=PLAIN) == every
    assert spell_permitted(0b1100, fwb=True, features=PLAIN) == every
    assert spell_permitted(0b1001, fwb=True, features=MTE_PERM) == every_tagged


def test_permitted_by_a_defined_value_is_that_value_in_each_shareability() -> None:
    defined = permitted_by_s2(0b0110, 0b11, True, PLAIN)  # noqa: FBT003 - a register bit
    reserved = permitted_by_s2(0b0110, 0b01, True, PLAIN)  # noqa: FBT003 - a register bit

    assert [spell(item) for item in defined] == ["force write-back"]
    assert sorted(item.shareability.name for item in reserved) == ["ISH", "NSH", "OSH"]
