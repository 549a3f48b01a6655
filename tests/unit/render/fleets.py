"""Fleets to render: one recorded host, given another kernel, libvirt or policy."""

from pathlib import Path
from typing import Any

import msgspec

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load import load_policies, parse_record
from fleetpolicy.model.artifact import Artifact, Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve

SAMPLE = Path(__file__).resolve().parents[1] / "load" / "sample-record.json"

HEAD = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec:
  kernel: {parameters: {iommu.strict: "1", iommu.passthrough: "0"}}
  modules: {vfio_pci: {disable_idle_d3: "Y"}}
"""
GPU = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: gpu}
spec:
  match: {device: {id: "10de:2342"}}
  mapping: cacheable
"""
NVME = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec:
  match: {device: {address: "0003:01:00.0"}}
  mapping: MAPPING
"""
GUEST = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {name: trainer}
spec:
  host: gh-01
  vcpus: 8
  memory: 64GiB
  devices: [{device: {address: "ADDRESS", id: "ID"}}]
  disks: [{path: "/var/lib/libvirt/images/a & b.qcow2", bootOrder: 1}]
  networks: [{bridge: br0}]
"""
NUMA_FACTS = [
    {
        "node": node,
        "cpus": f"{72 * node}-{72 * node + 71}",
        "hugepages": [
            {"sizeKib": size, "pages": (256 << 20) // size}
            for size in (2 << 10, 512 << 10, 1 << 20, 16 << 20)
        ],
    }
    for node in (0, 1)
]
NVME_FACTS = {
    "address": "0003:01:00.0",
    "id": "144d:a80a",
    "subsystem": None,
    "class": "010802",
    "modalias": "pci:v0000144Dd0000A80Asv0000144Dsd0000A801bc01sc08i02",
    "iommuGroup": 31,
    "numaNode": 0,
    "nativeDriver": "nvme",
    "usedBy": [],
    "regions": [{"index": 0, "size": 16384, "prefetchable": False}],
}


def gpu_policy() -> str:
    """Return a policy that gives a guest the GPU, cacheable."""
    return HEAD + GPU + GUEST.replace("ADDRESS", "0009:01:00.0").replace("ID", "10de:2342")


def nvme_policy(mapping: str = "normal-nc") -> str:
    """Return a policy that gives a guest an NVMe."""
    guest = GUEST.replace("ADDRESS", "0003:01:00.0").replace("ID", "144d:a80a")
    return HEAD + NVME.replace("MAPPING", mapping) + guest


def resolved(folder: Path, policy: str, **changes: Any) -> Fleet:
    """Return a fleet of one host, its recorded facts changed at the given keys."""
    path = folder / "policy.yaml"
    path.write_text(policy)
    document = msgspec.json.decode(SAMPLE.read_bytes())
    facts = document["facts"]
    facts["devices"].append(NVME_FACTS)
    facts["vfioAliases"].append({"module": "vfio_pci", "pattern": "vfio_pci:v*d*sv*sd*bc*sc*i*"})
    facts["devices"].sort(key=lambda device: device["address"])
    for key, value in {"numa": NUMA_FACTS, **changes}.items():
        facts[key] = {**facts.get(key, {}), **value} if isinstance(value, dict) else value
    record = parse_record(msgspec.json.encode(document), Span("facts/gh-01.json"))
    host = InventoryHost("gh-01", ("all",), {}, "/", None)
    inventory = Inventory(
        Span("hosts.yaml"), {"gh-01": host}, frozenset({"gh-01"}), frozenset({"all"}), {}
    )
    policies, _ = load_policies([path])
    fleet, findings = resolve(policies, inventory, {"gh-01": record})
    assert len(fleet.hosts) == 1, findings
    return fleet


def rendered(
    folder: Path, policy: str, **changes: Any
) -> tuple[dict[str, Artifact], tuple[Diagnostic, ...]]:
    """Return the host's artefacts by path, and what stood in the way."""
    fleet = resolved(folder, policy, **changes)
    rendering, findings = render(fleet)
    return artifacts(fleet, rendering), findings


def artifacts(fleet: Fleet, rendering: Rendering) -> dict[str, Artifact]:
    """Return the first host's artefacts by path."""
    return {item.path: item for item in rendering.of(fleet.hosts[0])}


NEW_LIBVIRT = {"libvirt": {"libvirt": 12_008_000, "qemu": 11_001_003}}
OLD_LIBVIRT = {"libvirt": {"libvirt": 9_000_000, "qemu": 7_002_022}}
