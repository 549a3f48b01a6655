"""Judge documents of kind Exception, as they are written."""

from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load.policy import load_policies
from fleetpolicy.model.policyset import PolicySet

HEAD = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: waived}
spec:
"""
SPEC = {
    "hosts": "{group: rack7}",
    "rules": "[FP302]",
    "reason": "The next firmware is due",
    "owner": "team-hw",
    "expires": "2027-03-01",
}


def load(folder: Path, **changes: str | None) -> PolicySet:
    spec = {key: value for key, value in (SPEC | changes).items() if value is not None}
    text = HEAD + "".join(f"  {key}: {value}\n" for key, value in spec.items())
    (folder / "p.yaml").write_text(text)
    return load_policies([folder])[0]


def refusals(folder: Path, **changes: str | None) -> list[str]:
    with pytest.raises(FleetPolicyError) as caught:
        load(folder, **changes)
    return [
        f"{item.span}: {item.rule.name}: {item.why}; fix: {item.fix}".replace(f"{folder}/", "")
        for item in caught.value.diagnostics
    ]


def test_exception_is_read_with_its_places(tmp_path: Path) -> None:
    (exception,) = load(tmp_path, devices='{id: "10de:2342"}').exceptions

    spec = exception.model.spec
    assert (spec.hosts.group, spec.rules, spec.owner) == ("rack7", ("FP302",), "team-hw")
    assert spec.until.isoformat() == "2027-03-01"
    assert spec.devices is not None
    assert spec.devices.id == "10de:2342"
    assert exception.span_of(("spec", "rules", 0)).line == 11


@pytest.mark.parametrize("key", list(SPEC))
def test_exception_without_a_part_is_refused(tmp_path: Path, key: str) -> None:
    assert refusals(tmp_path, **{key: None}) == [
        f"p.yaml:9:1: missing-key: spec has no {key}; fix: add {key}"
    ]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "expires",
            "2027-02-29",
            (
                "p.yaml:14:12: bad-value: spec.expires is '2027-02-29'; "
                "fix: write a day that the calendar has, such as 2027-03-01"
            ),
        ),
        (
            "expires",
            "1.3.2027",
            (
                "p.yaml:14:12: bad-value: spec.expires is '1.3.2027'; "
                "fix: write a day as year-month-day, such as 2027-03-01"
            ),
        ),
        (
            "rules",
            "[]",
            "p.yaml:11:10: bad-value: spec.rules is a sequence; fix: write at least one",
        ),
        (
            "rules",
            "[containment-not-attested]",
            (
                "p.yaml:11:11: bad-value: spec.rules[0] is 'containment-not-attested'; "
                "fix: write a rule's id, such as FP302"
            ),
        ),
        (
            "rules",
            "[FP302, FP302]",
            "p.yaml:11:10: bad-value: spec.rules is a sequence; fix: write each rule once",
        ),
        (
            "reason",
            "why not",
            (
                "p.yaml:12:11: bad-value: spec.reason is 'why not'; "
                "fix: write why, in one line of at least eight characters"
            ),
        ),
        (
            "owner",
            "(me)",
            (
                "p.yaml:13:10: bad-value: spec.owner is '(me)'; "
                "fix: write a person or a team, such as team-hw or hw@example.org"
            ),
        ),
        (
            "devices",
            "{serial: '1'}",
            (
                "p.yaml:15:12: bad-value: spec.devices needs at least one of id, subsystem, class, "
                "address; fix: write one of them"
            ),
        ),
    ],
)
def test_exception_with_a_bad_value_is_refused(
    tmp_path: Path, key: str, value: str, said: str
) -> None:
    assert refusals(tmp_path, **{key: value}) == [said]
