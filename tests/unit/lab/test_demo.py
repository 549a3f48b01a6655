"""Judge the demo fleet: every host of it is built, looked at and as its model says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from fleetpolicy.lab import build
from fleetpolicy.load import load_inventory, load_policies
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

DEMO = Path(__file__).resolve().parents[3] / "inventories" / "demo"
Look = Callable[[InventoryHost], HostRecordDocument]
KINDS = {
    "grace_hopper": ("7.3.4-arm64", True, "einval", "1"),
    "neoverse": ("6.12.107+deb13-arm64", True, "0", "0"),
    "legacy": ("6.1.176-arm64", False, "0", "0"),
    "x86": ("6.12.107+deb13-amd64", None, None, None),
}


@pytest.mark.ansible
def test_demo_fleet_is_looked_at_as_its_models_say(tmp_path: Path, look: Look) -> None:
    inventory = load_inventory(DEMO)
    hosts = [replace(host, root=str(tmp_path / host.name)) for host in inventory.hosts.values()]

    for host in hosts:
        build(host)
    records = {host.name: look(host) for host in hosts}

    assert len(hosts) >= 8
    for host in hosts:
        (group,) = set(host.groups) - {"all"}
        kernel = records[host.name].facts.kernel
        assert (
            kernel.release,
            kernel.normal_nc_marker,
            kernel.capability_on_kvm,
            kernel.capability_on_vm,
        ) == KINDS[group]
    serials = [records[f"gh-0{number}"].identity.serials for number in (1, 2, 3)]
    assert [set(serial) for serial in serials] == [{"0009:01:00.0"}] * 3
    assert len({str(serial) for serial in serials}) == 3


def test_demo_policies_are_sound() -> None:
    policy, findings = load_policies([DEMO / "policies"])

    assert findings == ()
    assert len(policy.device_policies) == 4
    assert len(policy.guests) == 3
