"""Hold the rules about guests to their examples."""

import json
from pathlib import Path

import pytest
import yaml

from fleetpolicy.diagnostics import Rule
from fleetpolicy.render.rules import BAD_HUGEPAGES, BOOT_ORDER_TWICE, NOT_FOR_XML
from tests.unit.render.fleets import nvme_policy, rendered


def judge(folder: Path, example: str) -> set[str]:
    """Return the rules that a guest breaks once it has what an example says."""
    policy, guest = nvme_policy().rsplit("---\n", 1)
    document = yaml.safe_load(guest)
    told = yaml.safe_load(example.replace("0001:01:00.0", "0003:01:00.0"))
    document["spec"] |= told.get("spec", told)
    text = f"{policy}---\n{json.dumps(document)}\n"
    _, findings = rendered(folder, text, kernel={"pageSizeKib": 64})
    return {item.rule.id for item in findings}


@pytest.mark.parametrize("rule", [BAD_HUGEPAGES, NOT_FOR_XML, BOOT_ORDER_TWICE])
def test_example_of_a_guest_is_judged_as_its_rule_says(tmp_path: Path, rule: Rule) -> None:
    assert judge(tmp_path, rule.rejected) == {rule.id}
    assert judge(tmp_path, rule.accepted) == set()
