"""Hold the rules about guests to their examples."""

import json
from pathlib import Path

import pytest
import yaml

from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.render.rules import BAD_HUGEPAGES, BOOT_ORDER_TWICE, NOT_FOR_XML
from tests.shown import each
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


RULES = [rule.id for rule in (BAD_HUGEPAGES, NOT_FOR_XML, BOOT_ORDER_TWICE)]


@pytest.mark.parametrize("rule_id", each("shows", RULES))
def test_rejected_example_of_a_guest_breaks_its_rule(tmp_path: Path, rule_id: str) -> None:
    assert judge(tmp_path, all_rules()[rule_id].rejected) == {rule_id}


@pytest.mark.parametrize("rule_id", each("accepts", RULES))
def test_accepted_example_of_a_guest_breaks_none(tmp_path: Path, rule_id: str) -> None:
    assert judge(tmp_path, all_rules()[rule_id].accepted) == set()
