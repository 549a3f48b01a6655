"""Build both sides of a comparison from a generated fleet and an edit of its policy."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.generate import Fleet, generate
from fleetpolicy.compare import compare_sides
from fleetpolicy.diagnostics import Profile, spoken
from fleetpolicy.load import load_inventory, load_policies, load_records
from fleetpolicy.model.radius import Radius, Side
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GUEST = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {{name: guest-{number}}}
spec:
  host: {host}
  vcpus: 4
  memory: 8GiB
  devices: [{{device: {{address: "{address}", id: "{id}"}}}}]
  disks: [{{path: /var/lib/libvirt/images/guest-{number}.qcow2, bootOrder: 1}}]
"""

Edit = Callable[[str], str]


def make_fleet(folder: Path, hosts: int) -> Fleet:
    """Write a fleet whose findings name relative paths: the folder is the working directory."""
    assert folder == Path.cwd()
    return generate(Path("fleet"), hosts)


def side_of(fleet: Fleet, policy: str, *, leave_out: str = "") -> Side:
    """Work a policy out on a fleet."""
    (fleet.policies / "fleet.yaml").write_text(policy)
    loaded, remarks = load_policies([fleet.policies])
    patterns = {
        item.model.spec.match.hosts.pattern
        for item in loaded.device_policies
        if item.model.spec.match.hosts.pattern
    }
    limit = f"all:!{leave_out}" if leave_out else ""
    inventory = load_inventory(fleet.inventory, limit=limit, patterns=patterns)
    records, _ = load_records(fleet.facts)
    records = {name: records[name] for name in inventory.hosts}
    resolved, found = resolve(loaded, inventory, records)
    simulation, simulated = simulate(resolved)
    rendering, rendered = render(resolved)
    findings = (*remarks, *found, *simulated, *rendered)
    return Side(
        fleet=resolved,
        simulation=simulation,
        rendering=rendering,
        names=frozenset(inventory.hosts),
        facts={name: record.facts_key for name, record in records.items()},
        findings=spoken(findings, Profile.SAFETY),
    )


def compare(before: Side, after: Side) -> Radius:
    """Compare with a revision of a made-up hash."""
    return compare_sides(before, after, revision="main", commit=COMMIT, profile=Profile.SAFETY)
