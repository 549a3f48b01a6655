"""Verify hosts, and find drift: observe, work out again, judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.plan import Check, Plan, Verification
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.work import Work, plan_work, work_out
from fleetpolicy.verify import find_drift, judge, run_checks


@dataclass(frozen=True, slots=True)
class Verified:
    """What a look at the hosts told."""

    work: Work
    plan: Plan
    verification: Verification
    findings: tuple[Diagnostic, ...]


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
    together = sorted((*judged.checks, *tested), key=lambda check: (check.host, check.name))
    findings = (*work.findings, *planned)
    return Verified(work, plan, Verification(tuple(together)), findings)


def _checks(loaded: Loaded, checks: Path | None) -> Path | None:
    return checks or loaded.places.checks


def drift(loaded: Loaded, looked: Looked) -> tuple[Work, tuple[Diagnostic, ...]]:
    """Return what changed since the last apply, in files, running state and meaning."""
    work = work_out(loaded, looked)
    found = find_drift(work.fleet, work.simulation, work.rendering, looked.records)
    return work, found


def with_records(looked: Looked, newer: Mapping[str, HostRecord]) -> Looked:
    """Return the records with newer ones in their place."""
    return Looked({**looked.records, **newer}, looked.findings, live=True)
