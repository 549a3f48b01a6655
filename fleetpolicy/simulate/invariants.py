"""Hold the invariants of the simulation core against the regions of a class of hosts."""

from dataclasses import replace
from functools import lru_cache

from fleetpolicy.model.fleet import Assignment, HostClass, Region
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.run import prove_fleet
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core
from fleetpolicy.simcore.prove.verdict import Verdict
from fleetpolicy.simulate.points import list_points

# What nobody attests is told once for each platform, by the rule about containment.
_OF_PLATFORMS = frozenset({"I23", "I24"})
_CORE = Core(ARCHITECTED)


def list_violations(host_class: HostClass) -> tuple[tuple[Assignment, Region, Verdict], ...]:
    """Return every invariant that a region breaks, apart from those about the platform."""
    return tuple(
        (assignment, region, verdict)
        for assignment, region, point in list_points(host_class)
        for verdict in _violated(replace(point, name=""))
    )


@lru_cache(maxsize=4096)
def _violated(point: RegionPoint) -> tuple[Verdict, ...]:
    """Return the invariants that a region breaks; equal regions are judged once."""
    return tuple(
        verdict
        for verdict in prove_fleet((point,), _CORE)
        if verdict.witness and verdict.invariant.id not in _OF_PLATFORMS
    )
