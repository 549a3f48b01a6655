"""Hold the rules about Exceptions to their examples."""

import re
from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Rule
from fleetpolicy.load import load_policies
from fleetpolicy.pipeline.exception_rules import (
    EXCEPTION_ENDED,
    EXCEPTION_ENDS_SOON,
    NEVER_SILENCED,
    NO_SUCH_RULE,
)
from fleetpolicy.pipeline.exceptions import check_exceptions

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


@pytest.mark.parametrize(
    "rule", [EXCEPTION_ENDED, EXCEPTION_ENDS_SOON, NO_SUCH_RULE, NEVER_SILENCED]
)
def test_example_of_an_exception_is_judged_as_its_rule_says(tmp_path: Path, rule: Rule) -> None:
    assert judge(tmp_path, rule.rejected) == {rule.id}
    assert judge(tmp_path, rule.accepted) == set()
