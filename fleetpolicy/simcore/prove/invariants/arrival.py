"""Judge how a guest's accesses arrive at its device, by executing short programs."""

from fleetpolicy.simcore.access import Access
from fleetpolicy.simcore.attributes import is_cacheable, type_name
from fleetpolicy.simcore.litmus import GUEST, Counterexample
from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
from fleetpolicy.simcore.prove.programs import (
    FAILED_CONFIGURATION_READ,
    FAILED_MEMORY_READ,
    NO_READ_BACK,
    READ_BACK,
    Scenario,
    count,
    ring,
)
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core

WORDS = 2


def check_doorbell(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I20."""
    barrier = region.workload.barrier_before_doorbell
    why = "the doorbell follows its descriptor without a barrier" if not barrier else ""
    return _execute(region, core, ring(WORDS, barrier=barrier), why)


def check_exact_transactions(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I21."""
    if not region.workload.exact_writes:
        return None
    vector = Access.SVE in region.workload.accesses
    found = _execute(
        region, core, count(WORDS, vector=vector), "each write has to arrive by itself"
    )
    if found is None or found.violation or region.attested.byte_enables:
        return found
    why = "each write has to arrive by itself, and nobody vouches for S_PCIe_03"
    return Judgement(found.points, Violation(why, Harmed.SELF))


def check_read_back(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I22."""
    if region.workload.reads_back:
        return _execute(region, core, READ_BACK, "")
    return _execute(region, core, NO_READ_BACK, "the software takes a DSB for the end of a write")


def check_all_ones(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I25."""
    if region.workload.expects_all_ones:
        why = "the software takes the read of a failed device for all-ones"
        return _execute(region, core, FAILED_MEMORY_READ, why)
    return _execute(region, core, FAILED_CONFIGURATION_READ, "")


def _execute(region: RegionPoint, core: Core, scenario: Scenario, why: str) -> Judgement | None:
    """Run a program through every type that the workload can reach on a peripheral."""
    if not region.is_peripheral:
        return None
    key = (scenario, why, core.choose(region), region.features, region.workload.stage_1)
    return core.once(key, lambda: _run_all(region, core, scenario, why))


def _run_all(region: RegionPoint, core: Core, scenario: Scenario, why: str) -> Judgement | None:
    program, device = scenario
    points = 0
    for t in core.reach(region):
        if is_cacheable(t.final):
            continue
        points += 1
        found = core.run(program, {GUEST: t.final}, device)
        if isinstance(found, Counterexample):
            reason = f"{why or 'harm is done all the same'}: {type_name(t.final)}"
            return Judgement(points, Violation(reason, Harmed.SELF, t, str(found)))
    return Judgement(points) if points else None
