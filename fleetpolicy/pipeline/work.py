"""Work a fleet out: resolve, simulate, render, and plan."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleetpolicy.diagnostics import (
    Diagnostic,
    FleetPolicyError,
    Profile,
    errors,
    silenced,
    spoken,
)
from fleetpolicy.model.artifact import Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.plan import Plan, Planning
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.simulation import Simulation
from fleetpolicy.pipeline.exceptions import check_exceptions
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.silencing import Scene, find_idle, set_scene, silence
from fleetpolicy.plan import plan
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate

WORKED_OUT = ("FP2", "FP3", "FP4")
PLANNED = ("FP5",)


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
    scene = set_scene(loaded, looked.records, fleet)
    found = silence((*resolved, *simulated, *rendered), scene)
    findings = (
        *loaded.findings,
        *check_exceptions(loaded.policy, loaded.today),
        *looked.findings,
        *found,
        *find_idle(found, scene, WORKED_OUT, WORKED_OUT),
    )
    return Work(loaded, looked.records, fleet, simulation, rendering, findings)


def stop_at_errors(findings: tuple[Diagnostic, ...], profile: Profile) -> None:
    """Raise if anything was found that stops the run.

    Raises:
        FleetPolicyError: With every finding that the profile lets through, silenced ones included.
    """
    if errors(spoken(findings, profile), profile):
        raise FleetPolicyError(*spoken(findings, profile), *silenced(findings, profile))


def plan_work(work: Work) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Return what brings the hosts to the policy, and what the planning found."""
    source = work.loaded.inventory.source.path
    planning = Planning(work.fleet, work.simulation, work.rendering, work.records, source)
    made, found = plan(planning)
    scene = scene_of(work)
    told = silence(found, scene)
    idle = find_idle((*work.findings, *told), scene, (*WORKED_OUT, *PLANNED), PLANNED)
    return made, (*told, *idle)


def scene_of(work: Work) -> Scene:
    """Return what exceptions are carried out on."""
    return set_scene(work.loaded, work.records, work.fleet)
