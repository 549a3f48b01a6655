"""Prove the invariants over the regions of a fleet, or over whatever regions are given."""

from collections.abc import Iterable
from dataclasses import dataclass

from fleetpolicy.simcore.prove.invariants import INVARIANTS
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core
from fleetpolicy.simcore.prove.verdict import Invariant, Verdict, Witness


@dataclass(slots=True)
class Tally:
    """Count what an invariant was judged on under a kernel; the witness is the first violation."""

    points: int = 0
    violations: int = 0
    witness: Witness | None = None


def judge(
    points: Iterable[RegionPoint], invariants: Iterable[Invariant], core: Core, *, all_of_them: bool
) -> dict[tuple[str, str], Tally]:
    """Return a tally for each invariant and kernel; the witness is the first violation.

    Args:
        points: The regions, the simplest first.
        invariants: What to check.
        core: The semantics, with its memory.
        all_of_them: Also judge mappings that no driver makes by the invariants about drivers.
    """
    tallies: dict[tuple[str, str], Tally] = {}
    chosen = tuple(invariants)
    for region in points:
        in_scope = all_of_them or region.is_driver_made
        for invariant in chosen:
            tally = tallies.setdefault((invariant.id, region.kernel.name), Tally())
            found = invariant.check(region, core) if in_scope or invariant.any_mapping else None
            if found is None:
                continue
            tally.points += found.points
            if found.violation is not None:
                tally.violations += 1
                tally.witness = tally.witness or Witness(region, found.violation)
    return tallies


def prove_fleet(
    points: Iterable[RegionPoint],
    core: Core | None = None,
    invariants: tuple[Invariant, ...] = INVARIANTS,
) -> tuple[Verdict, ...]:
    """Return a verdict for each invariant and kernel behaviour of a fleet; nothing is excused.

    Args:
        points: One for each region that a guest of the fleet may map.
        core: The rules to go by, with what it worked out before; None for the architected ones.
        invariants: What to check.
    """
    tallies = judge(points, invariants, core or Core(ARCHITECTED), all_of_them=True)
    return verdicts_of(tallies, invariants, {})


def verdicts_of(
    tallies: dict[tuple[str, str], Tally],
    invariants: tuple[Invariant, ...],
    expected: dict[tuple[str, str], str],
) -> tuple[Verdict, ...]:
    """Return a verdict for each invariant and kernel behaviour.

    Args:
        tallies: By invariant and kernel.
        invariants: In the order of the verdicts.
        expected: Why a violation is none of ours, by invariant and kernel.
    """
    kernels = sorted({kernel for _, kernel in tallies})
    return tuple(
        Verdict(
            invariant,
            kernel,
            tallies[invariant.id, kernel].points,
            tallies[invariant.id, kernel].violations,
            tallies[invariant.id, kernel].witness,
            expected.get((invariant.id, kernel), ""),
        )
        for invariant in invariants
        for kernel in kernels
    )
