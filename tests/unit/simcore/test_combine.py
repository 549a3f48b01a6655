"""Compare the combination of both stages with tables typed in from the manual, and with laws."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Protocol

import pytest

from fleetpolicy.simcore import (
    IMPDEF_CHOICES,
    CpuFeatures,
    Device,
    DeviceType,
    FwbOverride,
    ImpDef,
    Levels,
    MemoryAttributes,
    Normal,
    Reserved,
    Stage2Attributes,
    Tags,
    combine,
    decode_mair,
    decode_s2,
    effective_shareability,
    is_cacheable,
    is_write_back,
)
from fleetpolicy.simcore.attributes import Cacheability, Hints, Shareability

ALL = CpuFeatures(fwb=True, dic=True, xs=True, mte2=True, mte_perm=True)
STRONGER = {
    "nGnRnE": {"nGnRnE": "nGnRnE", "nGnRE": "nGnRnE", "nGRE": "nGnRnE", "GRE": "nGnRnE"},
    "nGnRE": {"nGnRnE": "nGnRnE", "nGnRE": "nGnRE", "nGRE": "nGnRE", "GRE": "nGnRE"},
    "nGRE": {"nGnRnE": "nGnRnE", "nGnRE": "nGnRE", "nGRE": "nGRE", "GRE": "nGRE"},
    "GRE": {"nGnRnE": "nGnRnE", "nGnRE": "nGnRE", "nGRE": "nGRE", "GRE": "GRE"},
}
LESS_CACHEABLE = {
    "NC": {"NC": "NC", "WT": "NC", "WB": "NC"},
    "WT": {"NC": "NC", "WT": "WT", "WB": "WT"},
    "WB": {"NC": "NC", "WT": "WT", "WB": "WB"},
}
WIDER = {
    "NSH": {"NSH": "NSH", "ISH": "ISH", "OSH": "OSH"},
    "ISH": {"NSH": "ISH", "ISH": "ISH", "OSH": "OSH"},
    "OSH": {"NSH": "OSH", "ISH": "OSH", "OSH": "OSH"},
}
RWA = "RWA"


class Combine(Protocol):
    def __call__(
        self, s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
    ) -> MemoryAttributes: ...


@cache
def stage_1(attrs: range | tuple[int, ...]) -> tuple[MemoryAttributes, ...]:
    decoded = (decode_mair(attr, sh, ALL) for attr in attrs for sh in range(4))
    return tuple(item for item in decoded if not isinstance(item, Reserved))


@cache
def stage_2(*, fwb: bool) -> tuple[Stage2Attributes, ...]:
    decoded = (decode_s2(memattr, sh, fwb, ALL) for memattr in range(16) for sh in range(4))
    defined = [item for item in decoded if not isinstance(item, Reserved)]
    return (*defined, *(replace(item, xs=False) for item in defined))


NIBBLES = (0x4, 0x8, 0xB, 0x3, 0xC, 0xF, 0x7)
FEW = (
    *(0x00, 0x04, 0x08, 0x0C, 0x01, 0x05, 0x09, 0x0D, 0x40, 0xA0, 0xF0),
    *(outer << 4 | inner for outer in NIBBLES for inner in NIBBLES),
)
Point = tuple[MemoryAttributes, Stage2Attributes, bool, ImpDef]


def points(attrs: range | tuple[int, ...] = FEW) -> Iterator[Point]:
    for fwb in (False, True):
        yield from (
            (s1, s2, fwb, impdef)
            for s1, s2, impdef in product(stage_1(attrs), stage_2(fwb=fwb), IMPDEF_CHOICES)
        )


def spell_level(level: Cacheability, hints: Hints) -> tuple[str, str]:
    if level is Cacheability.NC and hints == Hints():
        return "NC", ""
    return level.name, f"{hints.allocation.name}{',transient' if hints.transient else ''}"


Spelt = tuple[object, ...]


def spell(attrs: MemoryAttributes) -> Spelt:
    if isinstance(attrs, Device):
        return attrs.type.name, attrs.shareability.name, attrs.xs
    return (
        spell_level(attrs.inner, attrs.inner_hints),
        spell_level(attrs.outer, attrs.outer_hints),
        attrs.shareability.name,
        attrs.xs,
        attrs.tags.value,
    )


def expect(s1: MemoryAttributes, s2: Stage2Attributes, fwb: bool, impdef: ImpDef) -> Spelt:  # noqa: FBT001
    """Combine by the tables alone."""
    memory = s2.memory
    if isinstance(s1, Device):
        if isinstance(memory, DeviceType):
            return STRONGER[s1.type.name][memory.name], "OSH", s1.xs and s2.xs
        if memory is not FwbOverride.FORCE_WRITE_BACK:
            return s1.type.name, "OSH", s1.xs and s2.xs
        level = ("WB", RWA)
        return level, level, expect_shareability(s1, s2, impdef), False, "untagged"
    if isinstance(memory, DeviceType):
        return memory.name, "OSH", s1.xs and s2.xs
    wanted = expect_levels(s1, s2, fwb=fwb)
    inner, outer = wanted
    if inner[0] == outer[0] == "NC":
        return inner, outer, "OSH", s1.xs and s2.xs, "untagged"
    write_back = inner[0] == outer[0] == "WB"
    tags = "untagged"
    if s1.tags is Tags.ALLOCATION_TAGGED and inner == outer == ("WB", RWA):
        tags = "Allocation Tagged, NoTagAccess" if s2.no_tag_access else "Allocation Tagged"
    xs = False if write_back else s1.xs and s2.xs
    return inner, outer, expect_shareability(s1, s2, impdef), xs, tags


def expect_shareability(s1: MemoryAttributes, s2: Stage2Attributes, impdef: ImpDef) -> str:
    handed = s1.shareability.name
    non_cacheable = isinstance(s1, Device) or (s1.inner.name == s1.outer.name == "NC")
    if non_cacheable and impdef.effective_s1_shareability:
        handed = "OSH"
    return WIDER[handed][s2.shareability.name]


def expect_levels(
    s1: Normal, s2: Stage2Attributes, *, fwb: bool
) -> tuple[tuple[str, str], tuple[str, str]]:
    asked = (spell_level(s1.inner, s1.inner_hints), spell_level(s1.outer, s1.outer_hints))
    if s2.memory is FwbOverride.AS_STAGE_1:
        return asked
    if s2.memory is FwbOverride.FORCE_WRITE_BACK:
        inner, outer = (("WB", hint if level != "NC" else RWA) for level, hint in asked)
        return inner, outer
    assert isinstance(s2.memory, Levels)
    if fwb:
        return ("NC", ""), ("NC", "")
    floors = (s2.memory.inner.name, s2.memory.outer.name)
    lowered = [
        (LESS_CACHEABLE[level][floor], hint)
        for (level, hint), floor in zip(asked, floors, strict=True)
    ]
    inner, outer = ((level, "" if level == "NC" else hint) for level, hint in lowered)
    return inner, outer


def disagreements(candidate: Combine, attrs: range | tuple[int, ...] = FEW) -> list[Point]:
    return [
        (s1, s2, fwb, impdef)
        for s1, s2, fwb, impdef in points(attrs)
        if spell(candidate(s1, s2, fwb=fwb, impdef=impdef)) != expect(s1, s2, fwb, impdef)
    ]


def test_combine_every_input_gives_what_the_tables_say() -> None:
    assert disagreements(combine, range(256)) == []


def test_combine_override_without_fwb_is_refused() -> None:
    s2 = Stage2Attributes(FwbOverride.FORCE_WRITE_BACK, Shareability.ISH)

    with pytest.raises(ValueError, match=r"^force write-back needs HCR_EL2\.FWB = 1$"):
        combine(Device(DeviceType.GRE), s2, fwb=False)


def test_combine_all_inputs_take_at_most_four_seconds() -> None:
    before = time.perf_counter()
    for fwb in (False, True):
        for attr, sh in product(range(256), range(4)):
            s1 = decode_mair(attr, sh, ALL)
            for memattr, s2_sh in product(range(16), range(4)):
                s2 = decode_s2(memattr, s2_sh, fwb, ALL)
                if not isinstance(s1, Reserved) and not isinstance(s2, Reserved):
                    combine(s1, s2, fwb=fwb)

    # The goal is two seconds; the other two are for a busy machine.
    assert time.perf_counter() - before < 4


# Laws: each returns the points that break it.


def plain(attrs: MemoryAttributes) -> MemoryAttributes:
    """Return the attributes without hints, XS and tags."""
    if isinstance(attrs, Device):
        return Device(attrs.type)
    return Normal(attrs.inner, attrs.outer, shareability=effective_shareability(attrs))


def as_stage_2(attrs: MemoryAttributes) -> Stage2Attributes:
    memory = attrs.type if isinstance(attrs, Device) else Levels(attrs.inner, attrs.outer)
    return Stage2Attributes(memory, effective_shareability(attrs))


def as_stage_1(s2: Stage2Attributes) -> MemoryAttributes:
    assert not isinstance(s2.memory, FwbOverride)
    if isinstance(s2.memory, DeviceType):
        return Device(s2.memory, shareability=s2.shareability)
    return Normal(s2.memory.inner, s2.memory.outer, shareability=s2.shareability)


def break_commutativity(candidate: Combine) -> list[Point]:
    effective = IMPDEF_CHOICES[0]
    return [
        (s1, s2, fwb, impdef)
        for s1, s2, fwb, impdef in points()
        if not fwb
        and impdef is effective
        and plain(candidate(s1, s2, fwb=False, impdef=effective))
        != plain(candidate(as_stage_1(s2), as_stage_2(s1), fwb=False, impdef=effective))
    ]


def break_idempotence(candidate: Combine) -> list[MemoryAttributes]:
    return [
        s1
        for s1 in stage_1(FEW)
        if plain(candidate(s1, as_stage_2(s1), fwb=False, impdef=IMPDEF_CHOICES[0])) != plain(s1)
    ]


def break_strength(candidate: Combine) -> list[Point]:
    """Find results weaker than a Device type that a stage asked for, force-WB aside."""
    broken: list[Point] = []
    for s1, s2, fwb, impdef in points():
        result = candidate(s1, s2, fwb=fwb, impdef=impdef)
        asked = [s1.type] if isinstance(s1, Device) else []
        if s2.memory is FwbOverride.FORCE_WRITE_BACK:
            asked = []
        asked += [s2.memory] if isinstance(s2.memory, DeviceType) else []
        if asked and not (isinstance(result, Device) and result.type <= min(asked)):
            broken.append((s1, s2, fwb, impdef))
    return broken


def break_lone_device(candidate: Combine) -> list[Point]:
    """Find results other than the one Device type asked for while the other stage is Normal."""
    return [
        (s1, s2, fwb, impdef)
        for s1, s2, fwb, impdef in points()
        if isinstance(s1, Device) != isinstance(s2.memory, DeviceType)
        and s2.memory is not FwbOverride.FORCE_WRITE_BACK
        and plain(candidate(s1, s2, fwb=fwb, impdef=impdef))
        != Device(s1.type if isinstance(s1, Device) else DeviceType(int(s2.memory)))  # type: ignore[arg-type]
    ]


def break_hints(candidate: Combine) -> list[Point]:
    """Find levels that stage 1 made cacheable and whose hints are not stage 1's."""
    broken: list[Point] = []
    for s1, s2, fwb, impdef in points():
        result = candidate(s1, s2, fwb=fwb, impdef=impdef)
        if not isinstance(result, Normal) or not isinstance(s1, Normal):
            continue
        levels = (
            (s1.inner, s1.inner_hints, result.inner, result.inner_hints),
            (s1.outer, s1.outer_hints, result.outer, result.outer_hints),
        )
        if any(asked and got and hints != given for asked, hints, got, given in levels):
            broken.append((s1, s2, fwb, impdef))
    return broken


def break_floor(candidate: Combine) -> list[Point]:
    """Find levels more cacheable than a stage's, without FWB."""
    broken: list[Point] = []
    for s1, s2, fwb, impdef in points():
        result = candidate(s1, s2, fwb=fwb, impdef=impdef)
        if fwb or not (isinstance(result, Normal) and isinstance(s1, Normal)):
            continue
        assert isinstance(s2.memory, Levels)
        if result.inner > min(s1.inner, s2.memory.inner) or result.outer > min(
            s1.outer, s2.memory.outer
        ):
            broken.append((s1, s2, fwb, impdef))
    return broken


LAWS = [
    break_commutativity,
    break_idempotence,
    break_strength,
    break_lone_device,
    break_hints,
    break_floor,
]


@pytest.mark.parametrize("law", LAWS)
def test_combine_keeps_every_law(law: object) -> None:
    assert callable(law)
    assert law(combine) == []


def test_combine_force_write_back_is_total() -> None:
    results = [
        combine(s1, s2, fwb=fwb, impdef=impdef)
        for s1, s2, fwb, impdef in points()
        if s2.memory is FwbOverride.FORCE_WRITE_BACK
    ]

    assert all(is_write_back(result) for result in results)


def test_combine_device_and_non_cacheable_results_are_outer_shareable() -> None:
    results = [combine(s1, s2, fwb=fwb, impdef=impdef) for s1, s2, fwb, impdef in points()]
    uncached = [result for result in results if not is_cacheable(result)]

    assert {result.shareability for result in uncached} == {Shareability.OSH}


def test_combine_two_shareabilities_are_legal_where_force_write_back_buries_device() -> None:
    s1 = Device(DeviceType.nGnRE, shareability=Shareability.NSH)
    s2 = Stage2Attributes(FwbOverride.FORCE_WRITE_BACK, Shareability.ISH)

    legal = [combine(s1, s2, fwb=True, impdef=impdef).shareability for impdef in IMPDEF_CHOICES]

    assert legal == [Shareability.OSH, Shareability.ISH]


def test_combine_impdef_choice_shows_only_where_force_write_back_makes_cacheable() -> None:
    differing = {
        (s2.memory, is_cacheable(s1))
        for s1, s2, fwb, impdef in points()
        if combine(s1, s2, fwb=fwb, impdef=impdef)
        != combine(s1, s2, fwb=fwb, impdef=IMPDEF_CHOICES[0])
    }

    assert differing == {(FwbOverride.FORCE_WRITE_BACK, False)}


# Mutants: what QEMU 7.2 and Linux's compute_par_s12() do instead.


def mutant_q1(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    result = combine(s1, s2, fwb=fwb, impdef=impdef)
    nc = Levels(Cacheability.NC, Cacheability.NC)
    if not fwb and isinstance(s1, Device) and s1.type >= DeviceType.nGRE and s2.memory == nc:
        return Device(DeviceType.nGnRE, result.xs)
    return result


def mutant_q2(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    result = combine(s1, s2, fwb=fwb, impdef=impdef)
    if fwb and isinstance(s2.memory, DeviceType):
        return Device(s2.memory, result.xs)
    return result


def mutant_q3(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    result = combine(s1, s2, fwb=fwb, impdef=impdef)
    if not fwb and isinstance(result, Normal) and result.inner is Cacheability.WT:
        return replace(result, inner_hints=replace(result.inner_hints, transient=False))
    return result


def mutant_l1(
    s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
) -> MemoryAttributes:
    result = combine(s1, s2, fwb=fwb, impdef=impdef)
    if not fwb and isinstance(s1, Normal) and isinstance(result, Normal):
        lowered = s1.inner is Cacheability.WB and result.inner is Cacheability.WT
        if lowered and s1.inner_hints.transient:
            return replace(result, inner=Cacheability.WB)
    return result


@pytest.mark.parametrize("mutant", [mutant_q1, mutant_q2, mutant_q3, mutant_l1])
def test_combine_tables_tell_every_mutant(mutant: Combine) -> None:
    assert disagreements(mutant)


@pytest.mark.parametrize(
    ("mutant", "law"),
    [
        (mutant_q1, break_lone_device),
        (mutant_q2, break_strength),
        (mutant_q3, break_hints),
        (mutant_l1, break_floor),
    ],
)
def test_combine_a_law_tells_every_mutant(mutant: Combine, law: object) -> None:
    assert callable(law)
    assert law(mutant)
