"""Hold the rules to their examples: what is rejected is, and what is accepted is."""

from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import load_inventory, load_policies, load_records
from fleetpolicy.load.places import Places
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.pipeline.work import work_out
from tests.shown import each

FLEET = Path(__file__).resolve().parents[2] / "fleet"
SPECS = {
    "DevicePolicy": '{match: {device: {class: "0302"}}}',
    "Guest": "{host: gh-01, vcpus: 8, memory: 16GiB}",
}
ATTESTED = """---
apiVersion: fleetpolicy/v1alpha1
kind: PlatformProfile
metadata: {name: attested}
spec: {match: {vendor: Demo*}, containment: {attested: true, by: us}, source: the tests}
"""
DEVICES = """---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec: {match: {hosts: {group: neoverse}, device: {class: "0108"}}}
"""
NEEDS_OTHER_HOSTS = {"FP203", "FP221", "FP270"}


def starting(words: tuple[str, ...], floors: tuple[str, ...]) -> list[str]:
    """Return the rules of floors whose rejected example begins with a key that tools read."""
    return [
        rule.id
        for rule in all_rules().values()
        if rule.id.startswith(floors) and rule.rejected.startswith(words)
    ]


POLICIES = ("apiVersion:", "kind:", "spec:")
LOADED = starting(POLICIES, ("FP1",))
RESOLVED = [rule for rule in starting(POLICIES, ("FP2", "FP3")) if rule not in NEEDS_OTHER_HOSTS]
INVENTORIES = starting(("all:",), ("FP15", "FP16"))


def complete(example: str) -> str:
    """Return an example as a policy: what it leaves out is added, and a FleetPolicy."""
    parts = [_complete_part(part, number) for number, part in enumerate(example.split("---\n"))]
    if "kind: FleetPolicy" not in "".join(parts):
        parts.append(_complete_part("kind: FleetPolicy", len(parts)))
    return "---\n".join(parts) + ATTESTED


def _complete_part(part: str, number: int) -> str:
    if part.startswith("apiVersion:"):
        return part.rstrip() + "\n"
    text = part if part.startswith("kind:") else f"kind: FleetPolicy\n{part}"
    kind = text.split("\n")[0].removeprefix("kind: ")
    if "metadata:" not in text:
        text = text.replace("\n", f"\nmetadata: {{name: example-{number}}}\n", 1)
        text += "" if "metadata:" in text else f"\nmetadata: {{name: example-{number}}}"
    if "spec:" not in text:
        text = f"{text.rstrip()}\nspec: {SPECS.get(kind, '{}')}"
    return f"apiVersion: fleetpolicy/v1alpha1\n{text.rstrip()}\n"


def judge_policy(folder: Path, example: str) -> set[str]:
    (folder / "p.yaml").write_text(complete(example))
    try:
        load_policies([folder / "p.yaml"])
    except FleetPolicyError as error:
        return {item.rule.id for item in error.diagnostics}
    return set()


def judge_fleet(folder: Path, example: str, inventory: Inventory) -> set[str]:
    devices = "" if "kind: DevicePolicy" in example else DEVICES
    (folder / "p.yaml").write_text(complete(example) + devices)
    policy, findings = load_policies([folder / "p.yaml"])
    records, _ = load_records(FLEET / "facts")
    loaded = Loaded(Places(None, (), None), policy, inventory, findings, date(2027, 1, 15))
    return {item.rule.id for item in work_out(loaded, Looked(records, (), live=False)).findings}


def judge_inventory(folder: Path, example: str) -> set[str]:
    (folder / "hosts.yaml").write_text(example + "\n")
    try:
        inventory = load_inventory(folder / "hosts.yaml")
    except FleetPolicyError as error:
        return {item.rule.id for item in error.diagnostics}
    return {item.rule.id for item in inventory.remarks}


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return load_inventory(FLEET / "hosts.yaml", patterns=("gh-*", "hg-*"))


@pytest.mark.parametrize("rule_id", each("shows", LOADED))
def test_rejected_example_of_a_document_breaks_its_rule(tmp_path: Path, rule_id: str) -> None:
    assert judge_policy(tmp_path, all_rules()[rule_id].rejected) == {rule_id}


@pytest.mark.parametrize("rule_id", each("accepts", LOADED))
def test_accepted_example_of_a_document_breaks_none(tmp_path: Path, rule_id: str) -> None:
    assert judge_policy(tmp_path, all_rules()[rule_id].accepted) == set()


@pytest.mark.ansible
@pytest.mark.parametrize("rule_id", each("shows", RESOLVED))
def test_rejected_example_about_the_fleet_breaks_its_rule(
    tmp_path: Path, inventory: Inventory, rule_id: str
) -> None:
    assert rule_id in judge_fleet(tmp_path, all_rules()[rule_id].rejected, inventory)


@pytest.mark.ansible
@pytest.mark.parametrize("rule_id", each("accepts", RESOLVED))
def test_accepted_example_about_the_fleet_breaks_none(
    tmp_path: Path, inventory: Inventory, rule_id: str
) -> None:
    assert judge_fleet(tmp_path, all_rules()[rule_id].accepted, inventory) == set()


@pytest.mark.ansible
@pytest.mark.parametrize("rule_id", each("shows", INVENTORIES))
def test_rejected_example_of_an_inventory_breaks_its_rule(tmp_path: Path, rule_id: str) -> None:
    assert judge_inventory(tmp_path, all_rules()[rule_id].rejected) == {rule_id}


@pytest.mark.ansible
@pytest.mark.parametrize(
    "rule_id",
    each("accepts", [item for item in INVENTORIES if all_rules()[item].accepted[:4] == "all:"]),
)
def test_accepted_example_of_an_inventory_breaks_none(tmp_path: Path, rule_id: str) -> None:
    assert judge_inventory(tmp_path, all_rules()[rule_id].accepted) == set()


@pytest.mark.parametrize("rule_id", sorted({*NEEDS_OTHER_HOSTS, "FP302"}))
def test_example_about_other_hosts_is_a_policy_all_the_same(tmp_path: Path, rule_id: str) -> None:
    rule = all_rules()[rule_id]

    assert judge_policy(tmp_path, rule.accepted) == set()


def judge_containment(folder: Path, inventory: Inventory, profile: str) -> set[str]:
    text = f"{complete('kind: FleetPolicy').removesuffix(ATTESTED)}{DEVICES}{profile}"
    (folder / "p.yaml").write_text(text)
    policy, findings = load_policies([folder / "p.yaml"])
    records, _ = load_records(FLEET / "facts")
    loaded = Loaded(Places(None, (), None), policy, inventory, findings, date(2027, 1, 15))
    return {item.rule.id for item in work_out(loaded, Looked(records, (), live=False)).findings}


@pytest.mark.ansible
@pytest.mark.shows("FP302")
def test_containment_that_nobody_attests_is_fp302(tmp_path: Path, inventory: Inventory) -> None:
    assert judge_containment(tmp_path, inventory, "") == {"FP302"}


@pytest.mark.ansible
@pytest.mark.accepts("FP302")
def test_containment_that_somebody_attests_is_no_finding(
    tmp_path: Path, inventory: Inventory
) -> None:
    assert judge_containment(tmp_path, inventory, ATTESTED) == set()
