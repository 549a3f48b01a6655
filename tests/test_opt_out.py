"""Hold the global opt-out against everything else that the cases set: it wins, always."""

from dataclasses import replace
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import load_policies, load_records
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate
from tests.test_cases import CASES, TESTS, inventory

__all__ = ["inventory"]
DRIVER = "optout_vfio_pci"
HARMLESS = {MappingMode.DEVICE, MappingMode.TRAPPED}


def opted_out(policy: PolicySet) -> PolicySet:
    """Return a policy that says the same, and globalOptOut: true."""
    spec = policy.fleet.model.spec
    mapping = spec.memory_mapping.model_copy(update={"global_opt_out": True})
    changed = spec.model_copy(update={"memory_mapping": mapping})
    fleet = policy.fleet.model.model_copy(update={"spec": changed})
    return replace(policy, fleet=replace(policy.fleet, model=fleet))


def with_driver(record: HostRecord) -> HostRecord:
    """Return a record of a host that has the driver, signed."""
    facts = record.facts
    modules = {**facts.modules, DRIVER: "module"}
    changed = facts.model_copy(update={"modules": modules, "added_modules": {DRIVER: True}})
    return HostRecord(
        host=record.host,
        span=record.span,
        collected_at=record.collected_at,
        identity=record.identity,
        facts=changed,
        facts_key=b"driver " + record.facts_key,
        state=record.state,
        state_key=record.state_key,
    )


@pytest.mark.ansible
@pytest.mark.parametrize("has_driver", [False, True], ids=["as it is", "with the driver"])
@pytest.mark.parametrize("name", CASES)
def test_opt_out_leaves_no_device_with_more_than_device(
    name: str, *, has_driver: bool, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(TESTS)
    try:
        policy, _ = load_policies([Path("cases") / name / "policy.yaml"])
    except FleetPolicyError:
        return  # a case about a text that is no policy
    records, _ = load_records(Path("fleet/facts"))
    own = Path("cases") / name / "facts"
    records |= load_records(own)[0] if own.exists() else {}
    if has_driver:
        records = {host: with_driver(record) for host, record in records.items()}

    fleet, _ = resolve(opted_out(policy), inventory, records)
    simulation, _ = simulate(fleet)

    for host_class, mappings in zip(fleet.classes, simulation.classes, strict=True):
        if host_class.kernel is None:
            continue
        assert {item.mapping for item in host_class.assignments} <= HARMLESS
        for mapping in mappings:
            reached = {kind for region in mapping.regions for kind in region.reachable}
            assert not any(kind.startswith("Normal") for kind in reached), (mapping, reached)
