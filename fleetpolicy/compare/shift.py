"""Order the mappings of a region by what they forbid."""

from fleetpolicy.model.mapping import NOT_APPLICABLE, TRAPPED
from fleetpolicy.model.radius import Shift
from fleetpolicy.model.simulation import RegionMapping
from fleetpolicy.simcore.kvm import Stage2Type

_REFUSED = "refused:"
_STRENGTH = {
    TRAPPED: 3,
    Stage2Type.DEVICE_nGnRE.value: 2,
    Stage2Type.NORMAL_NC.value: 1,
    Stage2Type.NORMAL.value: 0,
}


def classify_shift(before: RegionMapping | None, after: RegionMapping | None) -> Shift | None:
    """Return what becomes of a region; None where a guest notices nothing.

    Whether a guest gets the region at all counts first, then coherence, then the stage-2 type, from
    trapped through Device and Normal-NC to Normal, then the set of types that a guest can reach: a
    mapping that permits fewer of them is the stronger one.

    Source:
        Arm DDI 0487, B2.10 and D8.6: a stage-2 Device type keeps stage 1 from relaxing it.
    """
    if before == after:
        return None
    if before is None:
        return Shift.ASSIGNED
    if after is None:
        return Shift.RELEASED
    refused = (before.stage2.startswith(_REFUSED), after.stage2.startswith(_REFUSED))
    if refused[0] != refused[1]:
        return Shift.REFUSED if refused[1] else Shift.ACCEPTED
    if before.stage2 != after.stage2:
        return _compare_types(before.stage2, after.stage2)
    return _compare_reach(frozenset(before.reachable), frozenset(after.reachable))


def _compare_types(before: str, after: str) -> Shift:
    if NOT_APPLICABLE in {before, after} or not {before, after} <= _STRENGTH.keys():
        return Shift.DIFFERENT
    coherent = Stage2Type.NORMAL.value
    if before == coherent:
        return Shift.COHERENCE_LOST
    if after == coherent:
        return Shift.COHERENCE_GAINED
    return Shift.STRONGER if _STRENGTH[after] > _STRENGTH[before] else Shift.WEAKER


def _compare_reach(before: frozenset[str], after: frozenset[str]) -> Shift:
    """Compare what guests can reach under one stage-2 type, as CPU features decide."""
    if after < before:
        return Shift.STRONGER
    if before < after:
        return Shift.WEAKER
    return Shift.DIFFERENT
