"""Build small sites: policies as dictionaries, hosts as kinds, and what resolve makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

import pytest
from msgspec import convert

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load.policy import CATALOGUE
from fleetpolicy.load.source import parse_source
from fleetpolicy.model.fleet import Fleet, HostClass
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.parameters import ParameterEntry, ParameterProfile
from fleetpolicy.model.policy import DevicePolicy, FleetPolicy
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.model.profiles import (
    DeviceProfile,
    DriverProfile,
    KernelProfile,
    PlatformProfile,
)
from fleetpolicy.model.record import HostFacts, HostIdentity, HostRecord, HostState
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve import resolve

Tree = dict[str, Any]
Document = TypeVar(
    "Document",
    FleetPolicy,
    DevicePolicy,
    Guest,
    KernelProfile,
    DriverProfile,
    DeviceProfile,
    PlatformProfile,
)
GPU, AUDIO, DISK, NIC = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0"
PATTERN = "vfio_pci:v*d*sv*sd*bc*sc*i*"


def locate(model: type[Document], name: str, spec: Tree) -> Located[Document]:
    """Judge a document and give every path in it a place of its own."""
    tree = {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": model.__name__,
        "metadata": {"name": name},
        "spec": spec,
    }

    def span_of(path: tuple[str | int, ...]) -> Span:
        return Span("#".join((name, ".".join(str(step) for step in path))))

    return Located(model.model_validate(tree), span_of)


@cache
def shipped_parameters() -> dict[str, ParameterEntry]:
    """Return the catalogue's parameters of the kernel command line."""
    text = (CATALOGUE / "parameters.yaml").read_bytes()
    documents = parse_source(text, "parameters.yaml").documents
    profiles = (ParameterProfile.model_validate(document.data) for document in documents)
    return {
        canonical_module(name): entry
        for profile in profiles
        for name, entry in profile.spec.parameters.items()
    }


def pci(address: str, identity: str, device_class: str, group: int | None, **more: Any) -> Tree:
    vendor, device = identity.upper().split(":")
    facts = {
        "address": address,
        "id": identity,
        "subsystem": None,
        "class": device_class,
        "modalias": f"pci:v0000{vendor}d0000{device}sv00000000sd00000000"
        f"bc{device_class[:2]}sc{device_class[2:4]}i{device_class[4:]}",
        "iommuGroup": group,
        "numaNode": 0,
        "nativeDriver": None,
        "usedBy": [],
        "regions": [{"index": 0, "size": 1 << 20, "prefetchable": False}],
    }
    return facts | more


def default_devices() -> list[Tree]:
    return [
        pci("0000:00:00.0", "10de:22b1", "060400", 1),
        pci(GPU, "10de:2342", "030200", 1),
        pci(DISK, "144d:a808", "010802", 2, nativeDriver="nvme"),
        pci(NIC, "15b3:1021", "020000", 3, nativeDriver="mlx5_core"),
    ]


ERAS: dict[str, tuple[bool | None, str | None, str]] = {
    "a": (False, "0", "6.8.0"),
    "b": (True, "0", "6.12.107"),
    "c": (True, "einval", "6.17.0"),
}


def facts(era: str = "c", **more: Any) -> Tree:
    """Return the facts of a host: `kernel`, `cpu` and others replace parts."""
    marker, capability, release = ERAS[era]
    kernel = {
        "release": release,
        "pageSizeKib": 4,
        "normalNcMarker": marker,
        "capabilityOnKvm": capability,
        "capabilityOnVm": None,
    }
    found: Tree = {
        "arch": "aarch64",
        "kernel": kernel | more.pop("kernel", {}),
        "cpu": {"model": "Neoverse V2", "fwb": True, "dic": True} | more.pop("cpu", {}),
        "firmware": {"vendor": "NVIDIA", "product": "Grace"},
        "boot": {"loader": "grub", "initramfs": "initramfs-tools"},
        "libvirt": None,
        "modules": {"vfio_pci": "module", "nvgrace_gpu_vfio_pci": "module"},
        "vfioAliases": [
            {"pattern": PATTERN, "module": "vfio-pci"},
            {
                "pattern": "vfio_pci:v000010DEd00002342sv*sd*bc*sc*i*",
                "module": "nvgrace_gpu_vfio_pci",
            },
        ],
        "devices": default_devices(),
    }
    return found | more


SOURCE = {"source": "the tests"}
KERNELS: dict[str, Tree] = {
    f"era-{era}": {
        "match": {
            "evidence": {"normalNcMarker": marker, "cacheableCapability": capability},
        },
        "stage2": {"vfioPci": vfio_pci, "cacheablePfnmap": cacheable},
        **SOURCE,
    }
    for era, marker, capability, vfio_pci, cacheable in (
        ("a", False, "unknown", "device", False),
        ("b", True, "unknown", "normal-nc", False),
        ("c", True, "known", "normal-nc", True),
    )
}
DRIVERS: dict[str, Tree] = {
    "vfio-pci": {
        "module": "vfio_pci",
        "driver": "vfio-pci",
        "parameters": {"ids": "string", "disable_idle_d3": "bool"},
        **SOURCE,
    },
    "nvgrace": {
        "module": "nvgrace-gpu-vfio-pci",
        "driver": "nvgrace_gpu_vfio_pci",
        "ids": ["10de:2342"],
        **SOURCE,
    },
}
WITHHOLDING: Tree = {
    "module": "strict_vfio_pci",
    "driver": "strict-vfio-pci",
    "consent": False,
    "parameters": {"depth": "int"},
    **SOURCE,
}
DEVICES: dict[str, Tree] = {
    "gh200": {
        "ids": ["10de:2342"],
        "title": "GH200",
        "coherent": True,
        "variantDriver": "nvgrace_gpu_vfio_pci",
        "regions": [
            {"index": 0, "name": "bar0", "memory": "mmio"},
            {"index": 2, "name": "resmem", "memory": "coherent", "pgprot": "normal-nc"},
            {
                "index": 4,
                "name": "usemem",
                "memory": "coherent",
                "pgprot": "normal-wb",
                "consent": False,
            },
        ],
        "genericInitiatorNodes": 8,
        "mmioAperture": "512GiB",
        **SOURCE,
    }
}
PLATFORMS: dict[str, Tree] = {
    "grace": {
        "match": {"vendor": "NVIDIA*"},
        "containment": {"attested": True, "by": "the vendor"},
        **SOURCE,
    }
}


@dataclass
class Site:
    """A fleet before it is resolved; every part can be replaced."""

    hosts: dict[str, Tree]
    policies: dict[str, Tree] = field(default_factory=dict)
    guests: dict[str, Tree] = field(default_factory=dict)
    fleet: Tree = field(default_factory=dict)
    kernels: dict[str, Tree] = field(default_factory=dict)
    drivers: dict[str, Tree] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    patterns: dict[str, frozenset[str]] = field(default_factory=dict)
    serials: dict[str, dict[str, str]] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def policy_set(self) -> PolicySet:
        """Judge all documents, the site's own profiles first."""
        drivers = [locate(DriverProfile, *item) for item in (DRIVERS | self.drivers).items()]
        devices = [locate(DeviceProfile, *item) for item in DEVICES.items()]
        return PolicySet(
            fleet=locate(FleetPolicy, "fleet", self.fleet),
            device_policies=tuple(
                locate(DevicePolicy, *item) for item in sorted(self.policies.items())
            ),
            guests=tuple(
                locate(Guest, name, {"vcpus": 2, "memory": "4GiB"} | spec)
                for name, spec in sorted(self.guests.items())
            ),
            kernels=tuple(
                locate(KernelProfile, *item) for item in (self.kernels | KERNELS).items()
            ),
            drivers={canonical_module(item.model.spec.module): item for item in drivers},
            devices={identity: item for item in devices for identity in item.model.spec.ids},
            platforms=tuple(locate(PlatformProfile, *item) for item in PLATFORMS.items()),
            revision="r1",
            parameters=shipped_parameters(),
        )

    def inventory(self) -> Inventory:
        """Return the hosts that have facts, those that have none, and the names of others."""
        names = sorted((*self.hosts, *self.unseen))
        hosts = {
            name: InventoryHost(
                name,
                tuple(sorted(("all", *self.groups.get(name, ())))),
                self.labels.get(name, {}),
                "/",
                None,
            )
            for name in names
        }
        groups = {"all", "ungrouped"} | {g for host in self.groups.values() for g in host}
        return Inventory(
            Span("hosts.yaml"),
            hosts,
            frozenset((*names, *self.elsewhere)),
            frozenset(groups),
            self.patterns,
        )

    def records(self) -> Mapping[str, HostRecord]:
        """Return a record of each host; equal facts have equal keys."""
        return {name: self._record(name, tree) for name, tree in self.hosts.items()}

    def _record(self, name: str, tree: Tree) -> HostRecord:
        identity = {
            "machineId": name,
            "bootId": "b1",
            "uptimeSeconds": 60,
            "serials": self.serials.get(name, {}),
        }
        state: Tree = {
            "commandLine": "ro",
            "nextCommandLine": None,
            "moduleParameters": {},
            "bindings": {},
            "files": {},
            "domains": {},
            "running": [],
            "manifest": None,
        }
        return HostRecord(
            name,
            Span(f"facts/{name}.json"),
            "2026-03-01T10:00:00Z",
            convert(identity, HostIdentity),
            HostFacts.model_validate(tree),
            repr(tree).encode(),
            HostState.model_validate(state),
            b"",
        )

    def resolve(self) -> tuple[Fleet, tuple[Diagnostic, ...]]:
        """Resolve it."""
        return resolve(self.policy_set(), self.inventory(), self.records())

    def says(self) -> list[str]:
        """Return every finding, spelt out whole."""
        return [spell(finding) for finding in self.resolve()[1]]

    def only_class(self) -> HostClass:
        """Return the one class that a site without findings has."""
        fleet, findings = self.resolve()
        assert [spell(finding) for finding in findings] == []
        (host_class,) = fleet.classes
        return host_class


def spell(finding: Diagnostic) -> str:
    """Return a finding as one text: place, rule, about whom, why, fix."""
    subject = finding.subject
    about = " ".join(filter(None, (subject.host, *subject.others, subject.device)))
    return f"{finding.span}: {finding.rule.id} [{about}] {finding.why} -> {finding.fix}"


@pytest.fixture
def site() -> Callable[..., Site]:
    """Return the maker of sites; `era` and `facts` describe a lone host n1."""

    def make(*, era: str = "c", change: Tree | None = None, **parts: Any) -> Site:
        hosts = parts.pop("hosts", None) or {"n1": facts(era, **(change or {}))}
        return Site(hosts, **parts)

    return make


@pytest.fixture
def host_facts() -> Callable[..., Tree]:
    return facts


@pytest.fixture
def device() -> Callable[..., Tree]:
    return pci


@pytest.fixture
def withholding() -> Tree:
    """Return the profile of a driver that withholds the consent to Normal-NC."""
    return WITHHOLDING
