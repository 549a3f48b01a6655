"""Explain rollouts and exceptions from an inventory."""

from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Profile, Span
from fleetpolicy.load import load_policies, load_records
from fleetpolicy.load.places import Places
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.pipeline.explaining_exceptions import explain_exceptions
from fleetpolicy.pipeline.explaining_rollouts import explain_rollouts
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.work import work_out

FACTS = Path(__file__).resolve().parents[2] / "fleet" / "facts"
GROUPS = {"n1-01": "new", "n1-02": "new", "old-01": "old", "old-02": "old"}
POLICY = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
HEAD = """---
apiVersion: fleetpolicy/v1alpha1
kind: Rollout
metadata: {name: default}
"""
WHOLE = """spec:
  waves:
    - {hosts: {group: new}, soak: 90m}
    - {hosts: {}, batch: "100%", maxPerFailureDomain: 1}
  maxUnavailable: 50%
  failureBudget: {hosts: 2, percent: 30}
  gates: [{ssh: {}}, {bootId: changed}, {verify: all}, {command: virsh list, name: libvirt-up}]
  drain: {mode: hook, hook: /srv/drain}
  reboot: {timeout: 10m}
  rollback: {on: [boot-failure], deadline: 5m}
  window: {days: [Tue, Wed], start: "22:00", end: "05:00"}
"""
EXCEPTIONS = """---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec: {match: {device: {class: 0108}}}
---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: old-kernel}
spec:
  {hosts: {group: old}, rules: [FP301], reason: The kernel is due, owner: us, expires: 2027-03-01}
---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: over}
spec: {hosts: {}, rules: [FP302], reason: It was spring, owner: us, expires: 2026-03-01}
"""


def make_loaded(folder: Path, text: str) -> Loaded:
    (folder / "p.yaml").write_text(POLICY + text)
    policy, found = load_policies([folder / "p.yaml"])
    hosts = {
        name: InventoryHost(name, ("all", group), {}, "/", None) for name, group in GROUPS.items()
    }
    groups = frozenset({"all", "new", "old"})
    inventory = Inventory(Span("hosts.yaml"), hosts, frozenset(hosts), groups, {})
    return Loaded(Places(None, (), None), policy, inventory, found, date(2027, 1, 15))


def told(folder: Path, text: str) -> list[tuple[str, int]]:
    """Return each statement with the line that it points at; 0 where it points at none."""
    reasons = explain_rollouts(make_loaded(folder, text))
    return [(reason.text, reason.origin.line if reason.origin else 0) for reason in reasons]


def test_rollout_is_explained_with_the_hosts_of_each_wave(tmp_path: Path) -> None:
    assert told(tmp_path, HEAD + WHOLE) == [
        ("apply does not follow a Rollout yet: this is what it says", 0),
        ("Rollout default: 2 waves, 4 hosts", 6),
        ("wave 1: 2 hosts in 1 batch of 2: n1-01, n1-02; then 90m of staying well", 11),
        (
            (
                "wave 2: 2 hosts in 1 batch of 2: old-01, old-02; "
                "at most 1 at a time of a failure domain"
            ),
            12,
        ),
        ("down at once: 2 of 4 hosts", 13),
        ("failures: 1 host may fail, one more stops the rollout", 14),
        ("gate: the host answers over ssh", 15),
        ("gate: the host really booted", 15),
        ("gate: every check of verify passes", 15),
        ("gate: libvirt-up ends with 0: virsh list", 15),
        ("guests: /srv/drain drains a host first", 16),
        (
            (
                "reboot: the new entry is booted once, within 10m, 1 time per revision; "
                "the old one 30 seconds after a panic"
            ),
            17,
        ),
        ("rollback: on boot-failure; after 5m of silence", 18),
        ("window: Tue, Wed from 22:00 to 05:00 of the next day, UTC", 19),
        (
            (
                "takes at most 1 h 50 min, windows apart: 2 batches whose reboots take all the "
                "time they may, and the soaks"
            ),
            0,
        ),
    ]


def test_rollout_of_waves_alone_is_explained_by_its_defaults(tmp_path: Path) -> None:
    assert told(tmp_path, HEAD + "spec: {waves: [{hosts: {group: old}, batch: 2}]}\n")[2:] == [
        ("wave 1: 2 hosts in 2 batches of 1 (its batch is 2): old-01, old-02", 9),
        ("in no wave, and never changed: n1-01, n1-02", 0),
        ("down at once: 1 of 4 hosts (by default)", 0),
        ("failures: 0 hosts may fail, one more stops the rollout (by default)", 0),
        ("gates: none; a host counts as done once it is changed (by default)", 0),
        ("guests: a host with running guests is refused (by default)", 0),
        (
            (
                "reboot: the new entry is booted once, within 20m, 1 time per revision; "
                "the old one 30 seconds after a panic (by default)"
            ),
            0,
        ),
        (
            (
                "rollback: on boot-failure, verify-failure, lost-contact; after 15m of silence "
                "(by default)"
            ),
            0,
        ),
        ("window: at any time (by default)", 0),
        (
            (
                "takes at most 40 min, windows apart: 2 batches whose reboots take all the time "
                "they may, and the soaks"
            ),
            0,
        ),
    ]


def test_policy_without_a_rollout_says_so(tmp_path: Path) -> None:
    assert told(tmp_path, "") == [("the policy has no Rollout", 0)]


def explained(folder: Path, text: str) -> list[str]:
    records, _ = load_records(FACTS)
    loaded = make_loaded(folder, text)
    work = work_out(loaded, Looked({name: records[name] for name in GROUPS}, (), live=False))
    return [reason.text for reason in explain_exceptions(work, Profile.SAFETY)]


def test_exceptions_are_explained_with_what_they_silence(tmp_path: Path) -> None:
    assert explained(tmp_path, EXCEPTIONS) == [
        (
            "Exception old-kernel silences 1 finding of FP301 until 2027-03-01, 45 more days "
            "(us, The kernel is due)"
        ),
        "for: old-01, old-02",
        "Exception over ended on 2026-03-01 and silences nothing (us, It was spring)",
    ]


@pytest.mark.parametrize("text", [""])
def test_policy_without_an_exception_says_so(tmp_path: Path, text: str) -> None:
    assert explained(tmp_path, text) == ["the policy has no Exception"]
