"""Verify hosts, and find drift: observe, work out again, judge."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.plan import Check, Plan, Verification
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.silencing import Scene, find_idle, silence
from fleetpolicy.pipeline.work import PLANNED, WORKED_OUT, Work, plan_work, scene_of, work_out
from fleetpolicy.verify import find_drift, judge, run_checks

if TYPE_CHECKING:  # seldom is anything measured
    from fleetpolicy.model.measurement import Comparison

_VERIFIED = ("FP70",)
_DRIFTED = ("FP71",)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the hosts told.

    Args:
        measured: Host to what was measured there beside what is predicted; None where nothing was
            to be measured.
    """

    work: Work
    plan: Plan
    verification: Verification
    findings: tuple[Diagnostic, ...]
    measured: "Mapping[str, tuple[Comparison, ...]] | None" = None


def verify(loaded: Loaded, looked: Looked, *, checks: Path | None, run_tests: bool) -> Verified:
    """Judge every host by what it shows now: files, running state, and the simulation on both.

    Args:
        loaded: What the hosts are judged by.
        looked: The records of a look.
        checks: Folder with more test_*.py; None for the fleet's own, if it has any.
        run_tests: Whether the testinfra checks run too.
    """
    work = work_out(loaded, looked)
    plan, planned = plan_work(work)
    judged = judge(work.fleet, work.simulation, work.rendering, looked.records, loaded.policy)
    tested: tuple[Check, ...] = ()
    if run_tests:
        tested = run_checks(
            loaded.inventory, work.fleet, work.rendering, looked.records, _checks(loaded, checks)
        )
    scene = scene_of(work)
    checks_run = [_silence_check(check, scene) for check in (*judged.checks, *tested)]
    waived = [item for _, silent in checks_run for item in silent]
    together = sorted((check for check, _ in checks_run), key=lambda item: (item.host, item.name))
    findings = (*work.findings, *planned, *waived)
    idle = find_idle(findings, scene, (*WORKED_OUT, *PLANNED, *_VERIFIED), _VERIFIED)
    return Verified(work, plan, Verification(tuple(together)), (*findings, *idle))


def _silence_check(check: Check, scene: Scene) -> tuple[Check, tuple[Diagnostic, ...]]:
    """Return a check without the findings that exceptions silence, and these."""
    told = silence(check.findings, scene)
    heard = tuple(item for item in told if item.waiver is None)
    return replace(check, findings=heard), tuple(item for item in told if item.waiver)


def _checks(loaded: Loaded, checks: Path | None) -> Path | None:
    return checks or loaded.places.checks


def drift(loaded: Loaded, looked: Looked) -> tuple[Work, tuple[Diagnostic, ...]]:
    """Return what changed since the last apply, in files, running state and meaning.

    Returns:
        What exceptions silence of it is among the findings of the work.
    """
    work = work_out(loaded, looked)
    scene = scene_of(work)
    told = silence(find_drift(work.fleet, work.simulation, work.rendering, looked.records), scene)
    waived = tuple(item for item in told if item.waiver)
    findings = (*work.findings, *waived)
    idle = find_idle(findings, scene, (*WORKED_OUT, *_DRIFTED), _DRIFTED)
    work = replace(work, findings=(*findings, *idle))
    return work, tuple(item for item in told if item.waiver is None)


def with_records(looked: Looked, newer: Mapping[str, HostRecord]) -> Looked:
    """Return the records with newer ones in their place."""
    return Looked({**looked.records, **newer}, looked.findings, live=True)
