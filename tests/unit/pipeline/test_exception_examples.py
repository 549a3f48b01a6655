"""Hold the rules about Exceptions to their examples."""

import re
from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.load import load_policies
from fleetpolicy.pipeline.exceptions import check_exceptions
from fleetpolicy.pipeline.rules import all_rules
from tests.shown import each

POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
---
apiVersion: fleetpolicy/v1alpha1
kind: Exception
metadata: {name: rack7-attestation}
spec:
  hosts: {}
  rules: [FP302]
  reason: The vendor's answer is due in spring
  owner: team-hw
  expires: "2027-03-01"
"""


def judge(folder: Path, example: str) -> set[str]:
    """Return the rules that an Exception breaks once it has the line of an example."""
    key = example.split(":", maxsplit=1)[0]
    path = folder / "policy.yaml"
    path.write_text(re.sub(f"{key}: .*", example, POLICY))
    policy, _ = load_policies([path])
    said = re.search(r"today is (\S+)", example)
    today = date.fromisoformat(said[1]) if said else date(2027, 1, 15)
    return {item.rule.id for item in check_exceptions(policy, today)}


RULES = ("FP611", "FP612", "FP614", "FP615")


@pytest.mark.parametrize("rule_id", each("shows", RULES))
def test_rejected_example_of_an_exception_breaks_its_rule(tmp_path: Path, rule_id: str) -> None:
    assert judge(tmp_path, all_rules()[rule_id].rejected) == {rule_id}


@pytest.mark.parametrize("rule_id", each("accepts", RULES))
def test_accepted_example_of_an_exception_breaks_none(tmp_path: Path, rule_id: str) -> None:
    assert judge(tmp_path, all_rules()[rule_id].accepted) == set()
