"""State the laws of the combine function over every pair of decoded stages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.attributes import (
    NO_HINTS,
    READ_WRITE_ALLOCATE,
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
    effective_shareability,
    is_normal_nc,
    is_write_back,
    type_name,
)
from fleetpolicy.simcore.choices import guest_choices
from fleetpolicy.simcore.combine import IMPDEF_CHOICES, ImpDef
from fleetpolicy.simcore.prove.laws.law import Law, LawVerdict, Verdicts
from fleetpolicy.simcore.prove.semantics import Semantics
from fleetpolicy.simcore.stage1 import SH_FIELDS
from fleetpolicy.simcore.stage2 import MEMATTR_FIELDS, FwbOverride, Levels, Stage2Attributes

EVERYTHING = CpuFeatures(fwb=True, dic=True, xs=True, mte2=True, mte_perm=True)


@dataclass(frozen=True, slots=True)
class Case:
    """Hold both stages and what the function makes of them."""

    s1: MemoryAttributes
    s2: Stage2Attributes
    fwb: bool
    impdef: ImpDef
    final: MemoryAttributes

    @property
    def forced(self) -> bool:
        """Tell whether force write-back overrides stage 1."""
        return self.s2.memory is FwbOverride.FORCE_WRITE_BACK

    @property
    def asked(self) -> list[DeviceType]:
        """Return the Device types that the stages ask for."""
        own = [self.s1.type] if isinstance(self.s1, Device) else []
        return [*own, self.s2.memory] if isinstance(self.s2.memory, DeviceType) else own

    def __str__(self) -> str:
        memory = self.s2.memory
        s2 = memory.name if isinstance(memory, DeviceType | FwbOverride) else _levels(memory)
        return f"FWB={int(self.fwb)}, {type_name(self.s1)} with {s2} gives {type_name(self.final)}"


def _levels(levels: Levels) -> str:
    return f"i{levels.inner.name} o{levels.outer.name}"


def cases(semantics: Semantics) -> Iterator[Case]:
    """Yield every pair of stages with every IMPLEMENTATION DEFINED choice."""
    for fwb in (False, True):
        decoded = (
            semantics.decode_s2(memattr, sh, fwb, EVERYTHING)
            for memattr in MEMATTR_FIELDS
            for sh in SH_FIELDS
        )
        stages = dict.fromkeys(s2 for s2 in decoded if not isinstance(s2, Reserved))
        for s2 in stages:
            for s1 in guest_choices(EVERYTHING):
                decides = effective_shareability(s1) is not s1.shareability
                for impdef in IMPDEF_CHOICES if decides else IMPDEF_CHOICES[:1]:
                    final = semantics.combine(s1, s2, fwb=fwb, impdef=impdef)
                    yield Case(s1, s2, fwb, impdef, final)


def _keeps_floor(case: Case) -> bool:
    if not case.asked or case.forced:
        return True
    return isinstance(case.final, Device) and case.final.type <= min(case.asked)


def _keeps_ceiling(case: Case) -> bool:
    if not isinstance(case.final, Device):
        return True
    return bool(case.asked) and case.final.type >= min(case.asked)


def _keeps_cacheability(case: Case) -> bool:
    if not isinstance(case.final, Normal):
        return True
    found = (case.final.inner, case.final.outer)
    if case.forced:
        return found == (Cacheability.WB, Cacheability.WB)
    if not isinstance(case.s1, Normal):
        return False
    own, memory = (case.s1.inner, case.s1.outer), case.s2.memory
    if not isinstance(memory, Levels):
        return found == own
    if case.fwb:
        return found == (memory.inner, memory.outer)
    return found == (min(own[0], memory.inner), min(own[1], memory.outer))


def _keeps_hints(case: Case) -> bool:
    if not isinstance(case.final, Normal):
        return True
    found = (case.final.inner_hints, case.final.outer_hints)
    levels = (case.final.inner, case.final.outer)
    own = _own_hints(case)
    return all(
        hints == (wanted if level else NO_HINTS)
        for hints, level, wanted in zip(found, levels, own, strict=True)
    )


def _own_hints(case: Case) -> tuple[Hints, Hints]:
    if isinstance(case.s1, Device):
        return READ_WRITE_ALLOCATE, READ_WRITE_ALLOCATE
    inner, outer = case.s1.inner_hints, case.s1.outer_hints
    if case.forced:
        inner = inner if case.s1.inner else READ_WRITE_ALLOCATE
        outer = outer if case.s1.outer else READ_WRITE_ALLOCATE
    return inner, outer


def _keeps_shareability(case: Case) -> bool:
    if isinstance(case.final, Device) or is_normal_nc(case.final):
        return effective_shareability(case.final) is Shareability.OSH
    normalise = case.impdef.effective_s1_shareability
    own = effective_shareability(case.s1) if normalise else case.s1.shareability
    return case.final.shareability is max(own, case.s2.shareability)


def _keeps_xs(case: Case) -> bool:
    both = case.s1.xs and case.s2.xs
    return case.final.xs is (both and not is_write_back(case.final))


def _keeps_tags(case: Case) -> bool:
    if not isinstance(case.final, Normal):
        return True
    hints = (case.final.inner_hints, case.final.outer_hints)
    plain = is_write_back(case.final) and set(hints) == {READ_WRITE_ALLOCATE}
    kept = plain and isinstance(case.s1, Normal) and case.s1.tagged
    kind = Tags.NO_TAG_ACCESS if case.s2.no_tag_access else Tags.ALLOCATION_TAGGED
    return case.final.tags is (kind if kept else Tags.UNTAGGED)


LAWS: tuple[tuple[Law, Callable[[Case], bool]], ...] = (
    (
        Law(
            "combine-never-weaker-than-either-device",
            "The result is never weaker than a Device type of either stage; only force write-back "
            "overrides stage 1's.",
            "Arm DDI 0487, table D8-97, R_GSDKZ",
        ),
        _keeps_floor,
    ),
    (
        Law(
            "combine-no-stronger-than-asked",
            "A Device result is the stronger of the Device types asked for, and nothing else.",
            "Arm DDI 0487, tables D8-97, D8-101",
        ),
        _keeps_ceiling,
    ),
    (
        Law(
            "combine-less-cacheable-wins",
            "Without FWB each level is the less cacheable of the two; with FWB stage 2 decides.",
            "Arm DDI 0487, tables D8-98, D8-101",
        ),
        _keeps_cacheability,
    ),
    (
        Law(
            "combine-hints-from-stage-1",
            "Allocation and transient hints come from stage 1, level by level.",
            "Arm DDI 0487, R_GQFSF, R_THYXB",
        ),
        _keeps_hints,
    ),
    (
        Law(
            "combine-wider-shareability-wins",
            "The wider domain wins; Device and iNC oNC are Outer Shareable.",
            "Arm DDI 0487, table D8-103, R_NSCNC",
        ),
        _keeps_shareability,
    ),
    (
        Law(
            "combine-xs-needs-both-and-no-write-back",
            "XS is set only if both stages have it and the result is not iWB oWB.",
            "Arm DDI 0487, D8.6.4",
        ),
        _keeps_xs,
    ),
    (
        Law(
            "combine-tags-need-plain-write-back",
            "Tags survive on iWB oWB with read and write allocation only.",
            "Arm DDI 0487, S2MemTagType()",
        ),
        _keeps_tags,
    ),
)


def check_combining(semantics: Semantics) -> Verdicts:
    """Yield the verdict on each law of the combine function, in one pass over its domain."""
    points = 0
    wrong: dict[str, str] = {}
    for case in cases(semantics):
        points += 1
        for law, holds in LAWS:
            if not holds(case):
                wrong.setdefault(law.name, str(case))
    for law, _ in LAWS:
        yield LawVerdict(law.name, law.statement, law.source, points, wrong.get(law.name, ""))
