"""Walk the example fleet through the house, once per case.

A case is a folder of tests/cases/ with a policy.yaml. The fleet is tests/fleet/: an inventory and
recorded facts; a case's own facts/ replace those of the same host. What comes out is compared with
findings.txt and, where there is no error, simulation.txt; and, for each host that hosts.txt names,
rendered/HOST/ and plan.txt, with plan-findings.txt where the planning found something.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import (
    Diagnostic,
    FleetPolicyError,
    Profile,
    Span,
    errors,
    silenced,
    spoken,
)
from fleetpolicy.load import load_inventory, load_policies, load_records
from fleetpolicy.load.places import Places
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.work import Work, plan_work, work_out
from fleetpolicy.report.findings import count_findings, write_findings, write_silenced
from fleetpolicy.report.plan import write_plan
from fleetpolicy.report.simulation import write_simulation

TESTS = Path(__file__).resolve().parent
CASES = sorted(path.name for path in (TESTS / "cases").iterdir() if path.is_dir())
TODAY = date(2027, 1, 15)
PATTERNS = ("gh-*", "n1-*:old-*", "n1-01", "nowhere-*", "old-01", "old-02", "x86-*")
Golden = Callable[[Path, str], None]


@pytest.fixture(scope="session")
def inventory() -> Inventory:
    found = load_inventory(TESTS / "fleet" / "hosts.yaml", patterns=PATTERNS)
    return replace(found, source=Span("fleet/hosts.yaml"))


@pytest.mark.ansible
@pytest.mark.parametrize("name", CASES)
def test_case_leads_to_what_it_always_led_to(
    name: str, inventory: Inventory, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = TESTS / "cases" / name
    monkeypatch.chdir(TESTS)

    findings, work = _walk(Path("cases") / name, inventory)

    golden(case / "findings.txt", findings)
    if work is None:
        return
    golden(case / "simulation.txt", write_simulation(work.fleet, work.simulation))
    if (case / "hosts.txt").exists():
        _compare_artifacts(case, work, golden)


def _walk(case: Path, inventory: Inventory) -> tuple[str, Work | None]:
    """Return the findings as text, and the work where it was not stopped by an error."""
    profile = Profile.PRODUCTION if (case / "production").exists() else Profile.SAFETY
    try:
        policy, found = load_policies([case / "policy.yaml"])
    except FleetPolicyError as error:
        return _text(error.diagnostics, profile), None
    records, bad = load_records(Path("fleet/facts"))
    if (case / "facts").exists():
        own, worse = load_records(case / "facts")
        records, bad = {**records, **own}, (*bad, *worse)
    loaded = Loaded(Places(None, (), None), policy, inventory, found, TODAY)
    work = work_out(loaded, Looked(records, bad, live=False))
    stopped = errors(spoken(work.findings, profile), profile)
    return _text(work.findings, profile), None if stopped else work


def _text(findings: tuple[Diagnostic, ...], profile: Profile) -> str:
    said, waived = spoken(findings, profile), silenced(findings, profile)
    counted = count_findings((*said, *waived), profile)
    return write_findings(said, profile) + write_silenced(waived) + counted + "\n"


def _compare_artifacts(case: Path, work: Work, golden: Golden) -> None:
    plan, found = plan_work(work)
    golden(case / "plan.txt", write_plan(plan))
    if found:
        golden(case / "plan-findings.txt", _text(found, Profile.SAFETY))
    wanted = (case / "hosts.txt").read_text().split()
    for host in work.fleet.hosts:
        if host.name not in wanted:
            continue
        for item in work.rendering.of(host):
            golden(case / "rendered" / host.name / item.path.lstrip("/"), item.content)
