"""Work a fleet out: resolve, simulate, render, and plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.simulation import Simulation
from fleetpolicy.pipeline.exceptions import check_exceptions
from fleetpolicy.pipeline.line_length import find_long_lines
from fleetpolicy.pipeline.loading import Loaded, Looked, narrow
from fleetpolicy.pipeline.silencing import Scene, find_idle, set_scene, silence
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate

if TYPE_CHECKING:
    from fleetpolicy.model.plan import Plan

WORKED_OUT = ("FP2", "FP3", "FP4")
PLANNED = ("FP5",)


@dataclass(frozen=True, slots=True)
class Work:
    """A fleet worked out.

    Args:
        findings: Those of every stage so far.
        unseen: Those among them about hosts that could not be looked at: such hosts are left out,
            and work goes on with the others.
    """

    loaded: Loaded
    records: Mapping[str, HostRecord]
    fleet: Fleet
    simulation: Simulation
    rendering: Rendering
    findings: tuple[Diagnostic, ...]
    unseen: tuple[Diagnostic, ...] = ()


def work_out(loaded: Loaded, looked: Looked) -> Work:
    """Return the fleet as the policy wants it; stages go on past findings, so that all are seen."""
    inventory = narrow(loaded, looked.records).inventory if looked.live else loaded.inventory
    fleet, resolved = resolve(loaded.policy, inventory, looked.records)
    simulation, simulated = simulate(fleet)
    rendering, rendered = render(fleet)
    scene = set_scene(loaded, looked.records, fleet)
    long_lines = find_long_lines(fleet, looked.records)
    found = silence((*resolved, *simulated, *rendered, *long_lines), scene)
    findings = (
        *loaded.findings,
        *check_exceptions(loaded.policy, loaded.today),
        *looked.findings,
        *found,
        *find_idle(found, scene, WORKED_OUT, WORKED_OUT),
    )
    unseen = looked.findings if looked.live else ()
    return Work(loaded, looked.records, fleet, simulation, rendering, findings, unseen)


def stop_at_errors(work: Work, profile: Profile, found: tuple[Diagnostic, ...] = ()) -> None:
    """Raise if anything was found that stops the run; a host that was not seen does not.

    Args:
        work: Its findings count.
        profile: How strict the run is.
        found: What was found since.

    Raises:
        FleetPolicyError: With every finding that the profile lets through, silenced ones included.
    """
    findings = (*work.findings, *found)
    stopping = tuple(item for item in findings if item not in work.unseen)
    if errors(spoken(stopping, profile), profile):
        raise FleetPolicyError(*spoken(findings, profile), *silenced(findings, profile))


def plan_work(work: Work) -> "tuple[Plan, tuple[Diagnostic, ...]]":
    """Return what brings the hosts to the policy, and what the planning found."""
    from fleetpolicy.model.plan import Planning  # noqa: PLC0415 most runs plan nothing
    from fleetpolicy.plan import plan  # noqa: PLC0415

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
