"""Judge documents of kind Rollout."""

from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load.policy import load_policies
from fleetpolicy.model.rollout import RolloutSpec

HEAD = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
---
apiVersion: fleetpolicy/v1alpha1
kind: Rollout
metadata: {name: default}
"""
WAVES = "waves: [{hosts: {}}]"
WHOLE = """spec:
  waves:
    - {hosts: {group: canary}, soak: 30m}
    - {hosts: {pattern: "*"}, batch: "5%", maxPerFailureDomain: 1}
  maxUnavailable: 1
  failureBudget: {hosts: 1, percent: 2}
  gates: [{ssh: {}}, {bootId: changed}, {verify: all}, {command: "virsh list", name: libvirt-up}]
  drain: {mode: refuse-if-vms}
  reboot: {method: one-shot, timeout: 20m, budgetPerRevision: 1, panicTimeout: 30}
  rollback: {on: [boot-failure, verify-failure, lost-contact], deadline: 15m}
  window: {days: [Tue, Wed], start: "02:00", end: "05:00", timezone: UTC}
"""


def load(folder: Path, spec: str) -> RolloutSpec:
    (folder / "p.yaml").write_text(HEAD + spec)
    (rollout,) = load_policies([folder])[0].rollouts
    return rollout.model.spec


def refusals(folder: Path, spec: str) -> list[str]:
    with pytest.raises(FleetPolicyError) as caught:
        load(folder, f"spec: {{{spec}}}\n")
    return [f"{item.rule.name}: {item.why}; fix: {item.fix}" for item in caught.value.diagnostics]


def test_rollout_with_every_part_is_read(tmp_path: Path) -> None:
    spec = load(tmp_path, WHOLE)

    assert [(wave.soak, wave.batch, wave.max_per_failure_domain) for wave in spec.waves] == [
        ("30m", None, None),
        (None, "5%", 1),
    ]
    assert (spec.max_unavailable, spec.failure_budget.percent) == ("1", 2)
    assert [gate.command for gate in spec.gates] == [None, None, None, "virsh list"]
    assert spec.window is not None
    assert [day.value for day in spec.window.days] == ["Tue", "Wed"]


def test_rollout_with_waves_alone_is_careful(tmp_path: Path) -> None:
    spec = load(tmp_path, f"spec: {{{WAVES}}}\n")

    assert (spec.max_unavailable, spec.failure_budget.hosts, spec.window) == ("1", 0, None)
    assert (spec.drain.mode, spec.reboot.budget_per_revision) == ("refuse-if-vms", 1)
    assert [cause.value for cause in spec.rollback.on] == [
        "boot-failure",
        "verify-failure",
        "lost-contact",
    ]


def test_rollout_window_over_midnight_is_read(tmp_path: Path) -> None:
    window = 'window: {start: "22:00", end: "02:00", timezone: Europe/Berlin}'

    read = load(tmp_path, f"spec: {{{WAVES}, {window}}}\n").window

    assert read is not None
    assert (read.start, read.end, len(read.days)) == ("22:00", "02:00", 7)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("", "missing-key: spec has no waves; fix: add waves"),
        ("waves: []", "bad-value: spec.waves is a sequence; fix: write at least one"),
        (
            "waves: [{hosts: {}, batch: 0}]",
            (
                "bad-value: spec.waves[0].batch is '0'; "
                "fix: write a number of hosts, such as 5, or a percentage, such as 5%"
            ),
        ),
        (
            f"{WAVES}, maxUnavailable: 101%",
            (
                "bad-value: spec.maxUnavailable is '101%'; "
                "fix: write a number of hosts, such as 5, or a percentage, such as 5%"
            ),
        ),
        (
            f"{WAVES}, failureBudget: {{percent: 101}}",
            "bad-value: spec.failureBudget.percent is 101; fix: write 100 or less",
        ),
        (
            "waves: [{hosts: {}, soak: 30}]",
            (
                "bad-value: spec.waves[0].soak is '30'; "
                "fix: write a whole number with s, m, h or d, such as 30m"
            ),
        ),
        (
            f"{WAVES}, gates: [{{ssh: {{}}, verify: all}}]",
            (
                "bad-value: spec.gates[0] needs exactly one of ssh, bootId, verify, command; "
                "fix: write one of them"
            ),
        ),
        (
            f"{WAVES}, gates: [{{ssh: {{}}, name: a}}]",
            (
                "bad-value: spec.gates[0] has a name, which only a command takes; "
                "fix: write a command or no name"
            ),
        ),
        (
            f"{WAVES}, drain: {{mode: hook}}",
            (
                "bad-value: spec.drain has one of mode: hook and hook without the other; "
                "fix: write both or neither"
            ),
        ),
        (
            f"{WAVES}, window: {{start: '25:00', end: '05:00'}}",
            (
                "bad-value: spec.window.start is '25:00'; "
                "fix: write a time of day from 00:00 to 23:59, such as 02:00"
            ),
        ),
        (
            f"{WAVES}, window: {{start: '05:00', end: '05:00'}}",
            ("bad-value: spec.window lasts no time, from 05:00 to 05:00; fix: write another end"),
        ),
        (
            f"{WAVES}, window: {{days: [Tues], start: '02:00', end: '05:00'}}",
            "bad-value: spec.window.days[0] is 'Tues'; fix: write Tue",
        ),
        (
            f"{WAVES}, window: {{days: [Tue, Tue], start: '02:00', end: '05:00'}}",
            "bad-value: spec.window.days is a sequence; fix: write each of them once",
        ),
    ],
)
def test_rollout_with_a_bad_value_is_refused(tmp_path: Path, spec: str, said: str) -> None:
    assert refusals(tmp_path, spec) == [said]


def test_rollout_in_a_time_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    window = "window: {start: '02:00', end: '05:00', timezone: Europe/Berln}"

    (said,) = refusals(tmp_path, f"{WAVES}, {window}")

    assert said == (
        "bad-value: spec.window.timezone is 'Europe/Berln', which is no time zone here; "
        "fix: write Europe/Berlin"
    )


def test_two_rollouts_of_one_name_are_refused(tmp_path: Path) -> None:
    second = HEAD.partition("---\n")[2] + f"spec: {{{WAVES}}}\n"
    (tmp_path / "p.yaml").write_text(f"{HEAD}spec: {{{WAVES}}}\n---\n{second}")

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([tmp_path])

    assert [f"{item.rule.name}: {item.why}" for item in caught.value.diagnostics] == [
        f"duplicate-document: Rollout default is at {tmp_path}/p.yaml:6:1 and here"
    ]
