"""Work a fleet out: resolve, simulate, render, and plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Profile, errors, spoken
from fleetpolicy.model.artifact import Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.plan import Plan, Planning
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.simulation import Simulation
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.plan import plan
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate


@dataclass(frozen=True, slots=True)
class Work:
    """A fleet worked out.

    Args:
        findings: Those of every stage so far.
    """

    loaded: Loaded
    records: Mapping[str, HostRecord]
    fleet: Fleet
    simulation: Simulation
    rendering: Rendering
    findings: tuple[Diagnostic, ...]


def work_out(loaded: Loaded, looked: Looked) -> Work:
    """Return the fleet as the policy wants it; stages go on past findings, so that all are seen."""
    fleet, resolved = resolve(loaded.policy, loaded.inventory, looked.records)
    simulation, simulated = simulate(fleet)
    rendering, rendered = render(fleet)
    findings = (*loaded.findings, *looked.findings, *resolved, *simulated, *rendered)
    return Work(loaded, looked.records, fleet, simulation, rendering, findings)


def stop_at_errors(findings: tuple[Diagnostic, ...], profile: Profile) -> None:
    """Raise if anything was found that stops the run.

    Raises:
        FleetPolicyError: With every finding that the profile lets through.
    """
    if errors(spoken(findings, profile), profile):
        raise FleetPolicyError(*spoken(findings, profile))


def plan_work(work: Work) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Return what brings the hosts to the policy, and what the planning found."""
    source = work.loaded.inventory.source.path
    planning = Planning(work.fleet, work.simulation, work.rendering, work.records, source)
    return plan(planning)
