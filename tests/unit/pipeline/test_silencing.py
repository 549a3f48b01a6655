"""Silence findings of the example fleet by exceptions, host by host and day by day."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Profile, Severity, Span, Subject
from fleetpolicy.load import load_policies, load_records
from fleetpolicy.load.places import Places
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.plan import Check
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.applying import check_fresh
from fleetpolicy.pipeline.exceptions import check_exceptions
from fleetpolicy.pipeline.explaining import explain_host, explain_rule
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.pipeline.silencing import silence
from fleetpolicy.pipeline.verifying import _silence_check
from fleetpolicy.pipeline.work import Work, plan_work, scene_of, stop_at_errors, work_out
from fleetpolicy.report.findings import write_silenced

FACTS = Path(__file__).resolve().parents[2] / "fleet" / "facts"
OLD = ("old-01", "old-02")
TODAY = date(2027, 1, 15)
POLICY = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {memoryMapping: MAPPING}
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec: {match: {device: {class: 0108}}}
---
apiVersion: fleetpolicy/v1alpha1
kind: PlatformProfile
metadata: {name: demo}
spec: {match: {vendor: Demo*}, containment: {attested: true, by: us}, source: the tests}
"""
EXCEPTION = """---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: NAME}
spec: {WHAT, reason: The kernel is due, owner: team-a, expires: UNTIL}
"""


@pytest.fixture(scope="module")
def records() -> Mapping[str, HostRecord]:
    found, _ = load_records(FACTS)
    return {name: found[name] for name in OLD}


class Fleet:
    """Two equal hosts whose kernel has no Normal-NC, so that FP301 names both."""

    def __init__(self, folder: Path, records: Mapping[str, HostRecord]) -> None:
        self.folder = folder
        self.records = records
        self.text = POLICY
        self.mapping = "{default: normal-nc}"
        self.today = TODAY
        self.names = frozenset(OLD)

    def waive(self, name: str, what: str, until: str = "2027-03-01") -> None:
        text = EXCEPTION.replace("NAME", name).replace("WHAT", what).replace("UNTIL", until)
        self.text += text

    def work(self) -> Work:
        (self.folder / "p.yaml").write_text(self.text.replace("MAPPING", self.mapping))
        policy, found = load_policies([self.folder / "p.yaml"])
        hosts = {
            name: InventoryHost(name, ("all", "legacy"), {"kind": name}, "/", None)
            for name in self.records
        }
        patterns = {name: frozenset({name}) for name in OLD}
        groups = frozenset({"all", "legacy"})
        inventory = Inventory(Span("hosts.yaml"), hosts, self.names, groups, patterns)
        loaded = Loaded(Places(None, (), None), policy, inventory, found, self.today)
        return work_out(loaded, Looked(dict(self.records), (), live=False))

    def says(self) -> list[str]:
        return [spell(item) for item in self.work().findings]


def spell(item: Diagnostic) -> str:
    """Return rule, hosts and, where it is silenced, by which exception."""
    hosts = [name for name in (item.subject.host, *item.subject.others) if name]
    by = [f"by {item.waiver.name}"] if item.waiver else []
    return " ".join((item.rule.id, *hosts, *by))


@pytest.fixture
def fleet(tmp_path: Path, records: Mapping[str, HostRecord]) -> Fleet:
    return Fleet(tmp_path, records)


def test_finding_without_an_exception_is_heard(fleet: Fleet) -> None:
    assert fleet.says() == ["FP301 old-01 old-02"]


def test_finding_on_every_host_of_an_exception_is_silenced(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301]")

    work = fleet.work()

    assert [spell(item) for item in work.findings] == ["FP301 old-01 old-02 by a"]
    stop_at_errors(work, Profile.PRODUCTION)


@pytest.mark.parametrize(("host", "other"), [OLD, OLD[::-1]])
def test_finding_is_split_between_hosts_that_are_silenced_and_the_others(
    fleet: Fleet, host: str, other: str
) -> None:
    fleet.waive("a", f"hosts: {{labels: {{kind: {host}}}}}, rules: [FP301]")

    heard, waived = fleet.work().findings

    assert (spell(heard), spell(waived)) == (f"FP301 {other}", f"FP301 {host} by a")
    assert heard.subject.facts.endswith(f"/{other}.json, 2026-11-25")
    assert waived.subject.facts.endswith(f"/{host}.json, 2026-11-25")


def test_two_exceptions_share_the_hosts_of_a_finding(fleet: Fleet) -> None:
    fleet.waive("b", "hosts: {}, rules: [FP301]")
    fleet.waive("a", "hosts: {pattern: old-02}, rules: [FP301]")

    assert fleet.says() == ["FP301 old-01 by b", "FP301 old-02 by a"]


def test_silenced_error_is_told_with_the_error_that_stops(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {pattern: old-01}, rules: [FP301]")

    with pytest.raises(FleetPolicyError) as caught:
        stop_at_errors(fleet.work(), Profile.SAFETY)

    assert sorted(spell(item) for item in caught.value.diagnostics) == [
        "FP301 old-01 by a",
        "FP301 old-02",
    ]


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        ('{id: "144d:a808"}', ["FP301 old-01 old-02 by a"]),
        ('{address: "0000:02:00.0", class: 0108}', ["FP301 old-01 old-02 by a"]),
        ('{id: "144d:a80a"}', ["FP301 old-01 old-02", "FP613"]),
        ('{id: "144d:a808", serial: other}', ["FP301 old-01 old-02", "FP613"]),
    ],
)
def test_exception_for_devices_silences_findings_about_them_alone(
    fleet: Fleet, devices: str, expected: list[str]
) -> None:
    fleet.waive("a", f"hosts: {{group: legacy}}, rules: [FP301], devices: {devices}")

    assert fleet.says() == expected


def test_exception_for_devices_leaves_findings_without_a_device_alone(fleet: Fleet) -> None:
    fleet.text = POLICY.replace("attested: true", "attested: false")
    fleet.mapping = "{default: device}"
    fleet.waive("a", 'hosts: {}, rules: [FP302], devices: {id: "144d:a808"}')
    fleet.waive("b", "hosts: {pattern: old-01}, rules: [FP302]")

    assert fleet.says() == ["FP302 old-02", "FP302 old-01 by b", "FP613"]


def test_global_opt_out_comes_before_exceptions(fleet: Fleet) -> None:
    fleet.mapping = "{globalOptOut: true}"
    rule = all_rules()["FP301"]
    finding = rule.at(Span("p.yaml"), why="w", fix="f", subject=Subject("old-01"))
    fleet.waive("a", "hosts: {}, rules: [FP301]")
    scene = scene_of(fleet.work())

    assert [spell(item) for item in silence([finding], scene)] == ["FP301 old-01"]


def test_rule_that_is_never_silenced_is_heard_all_the_same(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {}, rules: [FP213]")
    scene = scene_of(fleet.work())
    rule = all_rules()["FP213"]
    finding = rule.at(Span("p.yaml"), why="w", fix="f", subject=Subject("old-01"))

    assert [spell(item) for item in silence([finding], scene)] == ["FP213 old-01"]


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2027-01-14", ["FP611 a ended on 2027-01-14"]),
        ("2027-01-15", ["FP611 a ended on 2027-01-15"]),
        ("2027-01-16", ["FP612 a ends on 2027-01-16, in 1 day"]),
        ("2027-01-29", ["FP612 a ends on 2027-01-29, in 14 days"]),
        ("2027-01-30", []),
    ],
)
def test_exception_is_judged_by_its_day(fleet: Fleet, until: str, expected: list[str]) -> None:
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301]", until)

    work = fleet.work()

    told = check_exceptions(work.loaded.policy, TODAY)
    assert [f"{item.rule.id} {item.why}" for item in told] == expected
    assert all(item in work.findings for item in told)
    is_silent = any(item.waiver for item in work.findings)
    assert is_silent is (until > "2027-01-15")


def test_exception_without_a_day_to_judge_by_has_ended(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {}, rules: [FP301]", "9999-12-30")
    work = fleet.work()
    parts = (work.loaded.places, work.loaded.policy, work.loaded.inventory)
    loaded = Loaded(*parts, work.loaded.findings)

    findings = work_out(loaded, Looked(dict(work.records), (), live=False)).findings

    assert [spell(item) for item in findings] == ["FP611", "FP301 old-01 old-02"]


@pytest.mark.shows("FP613")
def test_idle_exception_is_told_once_all_its_rules_were_judged(fleet: Fleet) -> None:
    fleet.mapping = "{default: device}"
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301, FP302]")
    fleet.waive("b", "hosts: {pattern: old-01}, rules: [FP301, FP504]")
    fleet.waive("c", "hosts: {}, rules: [FP712]")
    work = fleet.work()

    _, planned = plan_work(work)

    assert [item.why for item in work.findings if item.rule.id == "FP613"] == [
        "a is for 2 hosts without a finding of FP301 or FP302"
    ]
    assert [item.why for item in planned if item.rule.id == "FP613"] == [
        "b is for 1 host without a finding of FP301 or FP504"
    ]


@pytest.mark.accepts("FP613")
def test_idle_exception_is_not_told_where_hosts_are_left_out(fleet: Fleet) -> None:
    fleet.mapping = "{default: device}"
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301]")
    fleet.names = frozenset((*OLD, "old-03"))

    assert fleet.says() == []


def test_check_whose_findings_are_all_silenced_passes(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {pattern: old-01}, rules: [FP705]")
    scene = scene_of(fleet.work())
    rule = all_rules()["FP705"]
    checks = [
        Check(name, "mapping", (rule.at(Span("p"), why="w", fix="f", subject=Subject(name)),))
        for name in OLD
    ]

    judged = [_silence_check(check, scene) for check in checks]

    assert [(check.passed, [spell(item) for item in waived]) for check, waived in judged] == [
        (True, ["FP705 old-01 by a"]),
        (False, []),
    ]


@pytest.mark.shows("FP602")
def test_saved_plan_is_refused_once_an_exception_has_ended(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301]")
    work = fleet.work()
    plan, _ = plan_work(work)
    later = replace(work.loaded, today=date(2027, 3, 1))

    check_fresh(plan, Path("saved.plan"), work.loaded)
    with pytest.raises(FleetPolicyError) as caught:
        check_fresh(plan, Path("saved.plan"), later)

    (told,) = caught.value.diagnostics
    assert (told.rule.id, told.why) == ("FP602", "Exception a ended on 2027-03-01")


def test_host_is_explained_with_its_exceptions(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {pattern: old-01}, rules: [FP301, FP302]")
    fleet.waive("b", "hosts: {group: legacy}, rules: [FP502]", "2027-01-01")
    work = fleet.work()

    told = [
        [item.text for item in explain_host(work, host) if item.text.startswith("Exception")]
        for host in work.fleet.hosts
    ]

    ended = "Exception b silenced FP502 until 2027-01-01 (team-a, The kernel is due)"
    assert told == [
        ["Exception a silences FP301, FP302 until 2027-03-01 (team-a, The kernel is due)", ended],
        [ended],
    ]


@pytest.mark.parametrize(
    ("rule", "said"),
    [("FP302", "an Exception may silence it"), ("FP213", "no Exception can silence it")],
)
def test_rule_is_explained_with_whether_an_exception_may_silence_it(rule: str, said: str) -> None:
    assert said in [reason.text for reason in explain_rule(rule)]


def test_silenced_findings_are_written_a_line_each(fleet: Fleet) -> None:
    fleet.waive("a", "hosts: {group: legacy}, rules: [FP301]")

    text = write_silenced(fleet.work().findings)

    assert text == (
        f"{fleet.folder}/p.yaml:4:33: FP301 mapping-not-honoured, hosts old-01, old-02, device "
        "0000:02:00.0: silenced by Exception a until 2027-03-01 (team-a, The kernel is due)\n"
    )


def test_rules_that_can_be_silenced_are_these() -> None:
    waivable = [rule for rule in all_rules().values() if rule.waivable]

    assert [rule.id for rule in waivable] == [
        *("FP219", "FP220", "FP230", "FP231", "FP232", "FP234", "FP270"),
        *("FP301", "FP302", "FP303", "FP502", "FP504", "FP509", "FP705"),
        *("FP712", "FP713", "FP714"),
    ]
    errors = [rule.id for rule in waivable if rule.severity is Severity.ERROR]
    assert errors == ["FP231", "FP232", "FP301", "FP705"]
