"""Generate a synthetic fleet: inventory, policy and recorded facts, seeded and repeatable.

Twenty kinds of host are bought in batches; one host in a hundred is one of its own. Every host has
eight devices, each in an IOMMU group of its own.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

KINDS = 20
INDIVIDUAL_EVERY = 100
RULES = 50

_KERNELS = {
    "6.1.176": (False, "0"),
    "6.12.107": (True, "0"),
    "7.3.4": (True, "einval"),
}
_CPUS = {
    "Neoverse-N1": (False, False),
    "Neoverse-N2": (True, True),
    "Neoverse-V2": (True, True),
    "Cortex-A710": (True, False),
}
_DEVICES = (
    ("8086:1572", "020000", "i40e"),
    ("15b3:1021", "020000", "mlx5_core"),
    ("8086:10fb", "020000", "ixgbe"),
    ("144d:a80a", "010802", "nvme"),
    ("8086:0a54", "010802", "nvme"),
    ("1000:00e6", "010700", "mpt3sas"),
    ("1002:744c", "030000", "amdgpu"),
    ("10de:2235", "030200", "nvidia"),
    ("1b4b:9235", "010601", "ahci"),
    ("1912:0014", "0c0330", "xhci_pci"),
    ("10ec:8168", "020000", "r8169"),
    ("168c:003c", "028000", "ath10k_pci"),
)


@dataclass(frozen=True, slots=True)
class Fleet:
    """Where a generated fleet lies."""

    folder: Path
    inventory: Path
    policies: Path
    facts: Path


def generate(folder: Path, hosts: int, seed: int = 20261124) -> Fleet:
    """Write a fleet of that many hosts and return where it is."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    kinds = [_facts(rng) for _ in range(KINDS)]
    names = [f"kvm-{number:05d}" for number in range(hosts)]
    kind_of = {name: rng.randrange(KINDS) for name in names}
    fleet = Fleet(folder, folder / "hosts.yaml", folder / "policies", folder / "facts")
    fleet.policies.mkdir(exist_ok=True)
    fleet.facts.mkdir(exist_ok=True)
    fleet.inventory.write_text(_inventory(names, kind_of))
    (fleet.policies / "fleet.yaml").write_text(_policy(rng))
    with (fleet.facts / "hosts.jsonl").open("w") as lines:
        for number, name in enumerate(names):
            facts = kinds[kind_of[name]]
            if number % INDIVIDUAL_EVERY == 0:
                facts = {**facts, "firmware": {"vendor": "Example", "product": f"One-off {number}"}}
            record = _record(name, number, facts)
            lines.write(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")
    return fleet


def _inventory(names: list[str], kind_of: dict[str, int]) -> str:
    lines = ["all:", "  children:"]
    for kind in range(KINDS):
        members = [name for name in names if kind_of[name] == kind]
        lines += [f"    kind_{kind:02d}:", "      hosts:"]
        lines += [f"        {name}: {{}}" for name in members]
        lines += ["      vars:", f"        fleetpolicy_labels: {{site: site-{kind % 5}}}"]
    return "\n".join(lines) + "\n"


def _policy(rng: random.Random) -> str:
    head = (
        "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata: {name: default}\nspec:\n"
        "  memoryMapping: {default: normal-nc, onUnsupported: trapped}\n"
        '  kernel: {parameters: {iommu.passthrough: "0", iommu.strict: "1"}}\n'
        '  modules: {vfio_pci: {disable_idle_d3: "Y"}}\n'
    )
    parts = [head]
    for number in range(RULES):
        identity, device_class, _ = _DEVICES[number % len(_DEVICES)]
        match = f'class: "{device_class[:4]}"' if number % 3 == 2 else f'id: "{identity}"'  # noqa: PLR2004
        hosts = f"group: kind_{rng.randrange(KINDS):02d}"
        if number % 4 == 0:
            hosts = f"labels: {{site: site-{rng.randrange(5)}}}"
        parts.append(
            "---\napiVersion: fleetpolicy/v1alpha1\nkind: DevicePolicy\n"
            f"metadata: {{name: rule-{number:02d}}}\nspec:\n  priority: {number}\n"
            f"  match:\n    hosts: {{{hosts}}}\n    device: {{{match}}}\n"
            f"  driver: vfio-pci\n  mapping: {'trapped' if number % 5 == 0 else 'normal-nc'}\n"
        )
    return "".join(parts)


def _facts(rng: random.Random) -> dict[str, object]:
    release = rng.choice(sorted(_KERNELS))
    marker, on_kvm = _KERNELS[release]
    model = rng.choice(sorted(_CPUS))
    fwb, dic = _CPUS[model]
    return {
        "arch": "aarch64",
        "kernel": {
            "release": f"{release}-arm64",
            "pageSizeKib": 4,
            "normalNcMarker": marker,
            "capabilityOnKvm": on_kvm,
            "capabilityOnVm": "1" if on_kvm == "einval" and fwb and dic else "0",
        },
        "cpu": {"model": model, "fwb": fwb, "dic": dic},
        "firmware": {"vendor": "Example", "product": f"Server {rng.randrange(4)}"},
        "boot": {"loader": "grub", "initramfs": "initramfs-tools"},
        "libvirt": {"libvirt": 11_003_000, "qemu": 10_000_002},
        "modules": {"vfio": "module", "vfio_pci": "module", "vfio_pci_core": "module"},
        "vfioAliases": [{"pattern": "vfio_pci:v*d*sv*sd*bc*sc*i*", "module": "vfio_pci"}],
        "devices": [_device(rng, slot) for slot in range(8)],
    }


def _device(rng: random.Random, slot: int) -> dict[str, object]:
    identity, device_class, native = rng.choice(_DEVICES)
    vendor, device = (part.upper() for part in identity.split(":"))
    base, sub, interface = (device_class[at : at + 2] for at in (0, 2, 4))
    return {
        "address": f"0000:{slot + 1:02x}:00.0",
        "id": identity,
        "subsystem": None,
        "class": device_class,
        "modalias": f"pci:v0000{vendor}d0000{device}sv00000000sd00000000"
        f"bc{base}sc{sub}i{interface}",
        "iommuGroup": slot + 10,
        "numaNode": slot // 4,
        "nativeDriver": native,
        "usedBy": [],
        "regions": [
            {"index": 0, "size": 1 << rng.randrange(14, 25), "prefetchable": False},
            {"index": 2, "size": 1 << rng.randrange(20, 34), "prefetchable": True},
        ],
    }


def _record(name: str, number: int, facts: dict[str, object]) -> dict[str, object]:
    devices = [device for device in facts["devices"] if isinstance(device, dict)]  # type: ignore[attr-defined]
    return {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": "HostRecord",
        "host": name,
        "collectedAt": "2026-11-20T08:00:00Z",
        "identity": {
            "machineId": f"{number:032x}",
            "bootId": f"00000000-0000-4000-8000-{number:012x}",
            "uptimeSeconds": 86400 + number,
            "serials": {},
        },
        "facts": facts,
        "state": {
            "commandLine": "BOOT_IMAGE=/boot/vmlinuz root=UUID=1 ro quiet",
            "nextCommandLine": "root=UUID=1 ro quiet",
            "moduleParameters": {"vfio_pci": {"disable_idle_d3": "N"}},
            "bindings": {
                device["address"]: {"driver": device["nativeDriver"], "override": None}
                for device in devices
            },
            "files": {},
            "domains": {},
            "running": [],
            "manifest": None,
        },
    }
