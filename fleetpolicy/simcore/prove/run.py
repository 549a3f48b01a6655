"""Prove the invariants over a whole domain, or over the regions of a fleet."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN, Domain, regions, workloads
from fleetpolicy.simcore.prove.invariants import INVARIANTS
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.scenes import scenes
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core, Semantics
from fleetpolicy.simcore.prove.verdict import Invariant, Verdict, Witness

_EXPOSURE = "the exposure that Linux closed with 2a8dfab26677 in 6.17"
EXPECTED: dict[tuple[str, str], str] = {
    ("I06", "A"): _EXPOSURE,
    ("I06", "B"): _EXPOSURE,
    ("I11", "A"): "the reason for 8c47ce3e1d2c: Normal-NC came with 6.9",
    ("I15", "A"): f"follows from I06: {_EXPOSURE}",
    ("I15", "B"): f"follows from I06: {_EXPOSURE}",
}


@dataclass(slots=True)
class _Tally:
    points: int = 0
    violations: int = 0
    witness: Witness | None = None


def judge(
    points: Iterable[RegionPoint], invariants: Iterable[Invariant], core: Core, *, all_of_them: bool
) -> dict[tuple[str, str], _Tally]:
    """Return a tally for each invariant and kernel; the witness is the first violation.

    Args:
        points: The regions, the simplest first.
        invariants: What to check.
        core: The semantics, with its memory.
        all_of_them: Also judge mappings that no driver makes by the invariants about drivers.
    """
    tallies: dict[tuple[str, str], _Tally] = {}
    chosen = tuple(invariants)
    for region in points:
        in_scope = all_of_them or region.is_driver_made
        for invariant in chosen:
            tally = tallies.setdefault((invariant.id, region.kernel.name), _Tally())
            found = invariant.check(region, core) if in_scope or invariant.any_mapping else None
            if found is None:
                continue
            tally.points += found.points
            if found.violation is not None:
                tally.violations += 1
                tally.witness = tally.witness or Witness(region, found.violation)
    return tallies


def prove_invariants(
    domain: Domain = DEFAULT_DOMAIN,
    semantics: Semantics = ARCHITECTED,
    invariants: tuple[Invariant, ...] = INVARIANTS,
) -> tuple[Verdict, ...]:
    """Return a verdict for each invariant and kernel behaviour over a whole domain."""
    core = Core(semantics)
    tallies = judge(_points(domain, semantics), invariants, core, all_of_them=False)
    return _verdicts(tallies, invariants, EXPECTED)


def prove_fleet(
    points: Iterable[RegionPoint],
    semantics: Semantics = ARCHITECTED,
    invariants: tuple[Invariant, ...] = INVARIANTS,
) -> tuple[Verdict, ...]:
    """Return a verdict for each invariant and kernel behaviour of a fleet; nothing is excused.

    Args:
        points: One for each region that a guest of the fleet may map.
        semantics: The rules to go by.
        invariants: What to check.
    """
    tallies = judge(points, invariants, Core(semantics), all_of_them=True)
    return _verdicts(tallies, invariants, {})


def _points(domain: Domain, semantics: Semantics) -> Iterator[RegionPoint]:
    for region in regions(domain):
        if region.is_driver_made:
            yield from workloads(region)
        else:
            yield region
    for kernel in domain.kernels:
        yield from scenes(semantics, kernel)


def _verdicts(
    tallies: dict[tuple[str, str], _Tally],
    invariants: tuple[Invariant, ...],
    expected: dict[tuple[str, str], str],
) -> tuple[Verdict, ...]:
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
