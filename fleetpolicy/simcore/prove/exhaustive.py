"""Prove the invariants over a whole domain of kernels, CPUs, regions and guests."""

from collections.abc import Iterator

from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN, Domain, regions, workloads
from fleetpolicy.simcore.prove.invariants import INVARIANTS
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.run import judge, verdicts_of
from fleetpolicy.simcore.prove.scenes import scenes
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core, Semantics
from fleetpolicy.simcore.prove.verdict import Invariant, Verdict

_EXPOSURE = "the exposure that Linux closed with 2a8dfab26677 in 6.17"
EXPECTED: dict[tuple[str, str], str] = {
    ("I06", "A"): _EXPOSURE,
    ("I06", "B"): _EXPOSURE,
    ("I11", "A"): "the reason for 8c47ce3e1d2c: Normal-NC came with 6.9",
    ("I15", "A"): f"follows from I06: {_EXPOSURE}",
    ("I15", "B"): f"follows from I06: {_EXPOSURE}",
}


def prove_invariants(
    domain: Domain = DEFAULT_DOMAIN,
    semantics: Semantics = ARCHITECTED,
    invariants: tuple[Invariant, ...] = INVARIANTS,
) -> tuple[Verdict, ...]:
    """Return a verdict for each invariant and kernel behaviour over a whole domain."""
    core = Core(semantics)
    tallies = judge(_points(domain, semantics), invariants, core, all_of_them=False)
    return verdicts_of(tallies, invariants, EXPECTED)


def _points(domain: Domain, semantics: Semantics) -> Iterator[RegionPoint]:
    for region in regions(domain):
        if region.is_driver_made:
            yield from workloads(region)
        else:
            yield region
    for kernel in domain.kernels:
        yield from scenes(semantics, kernel)
