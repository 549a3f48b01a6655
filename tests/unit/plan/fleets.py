"""Build small fleets in code: one class, a device or two, records that show them."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind, Rendering
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.fleet import (
    Assignment,
    Fleet,
    FleetHost,
    HostClass,
    Kernel,
    ModuleSetting,
    Setting,
    VfioDriver,
)
from fleetpolicy.model.mapping import features_of
from fleetpolicy.model.plan import Plan, Planning, Verb
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostFacts, HostIdentity, HostRecord, HostState, Manifest
from fleetpolicy.model.regions import list_device_regions
from fleetpolicy.simcore.kvm import ERA_B, KernelBehaviour
from fleetpolicy.simulate import simulate

POLICY = Span("policies/fleet.yaml", 12, 5)
MODULES = Span("policies/fleet.yaml", 20, 7)
DEVICES = Span("policies/nvme.yaml", 9, 3)
GUEST = Span("policies/guest.yaml", 4, 1)
NVME = "0000:01:00.0"
RELEASE = "6.12.48+deb13-arm64"
VFIO_PCI = VfioDriver("vfio_pci", "vfio-pci", consent=True)
DROP_IN = "/etc/default/grub.d/99-fleetpolicy.cfg"
MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
UDEV = "/etc/udev/rules.d/70-fleetpolicy.rules"
FIRST_BOOT = "11111111-1111-4111-8111-111111111111"
SECOND_BOOT = "22222222-2222-4222-8222-222222222222"
INVENTORY = "inventories/lab"
DOMAIN_XML = '<domain type="kvm">\n  <name>db</name>\n</domain>\n'


def device_json(address: str = NVME, **changes: Any) -> dict[str, Any]:
    return {
        "address": address,
        "id": "144d:a80a",
        "subsystem": None,
        "class": "010802",
        "modalias": "pci:v0000144Dd0000A80Asv0000144Dsd0000A801bc01sc08i02",
        "iommuGroup": 7,
        "numaNode": 0,
        "nativeDriver": "nvme",
        "usedBy": [],
        "regions": [{"index": 0, "size": 16384, "prefetchable": False}],
        **changes,
    }


def make_facts(*, release: str = RELEASE, devices: Iterable[dict[str, Any]] = ()) -> HostFacts:
    return HostFacts.model_validate_json(
        json.dumps(
            {
                "arch": "aarch64",
                "kernel": {
                    "release": release,
                    "pageSizeKib": 4,
                    "normalNcMarker": True,
                    "capabilityOnKvm": "0",
                    "capabilityOnVm": "0",
                },
                "cpu": {"model": "Neoverse-N1", "fwb": False, "dic": False},
                "firmware": {"vendor": "Example", "product": "One"},
                "boot": {"loader": "grub", "initramfs": "initramfs-tools"},
                "libvirt": {"libvirt": 11003000, "qemu": 10000002},
                "modules": {"vfio_pci": "module"},
                "vfioAliases": [],
                "devices": list(devices) or [device_json()],
            }
        )
    )


def make_kernel(behaviour: KernelBehaviour = ERA_B, opt_out: str = "") -> Kernel:
    return Kernel("era-b", behaviour, opt_out, "Linux, arch/arm64/kvm/mmu.c")


def make_assignment(facts: HostFacts, address: str = NVME, **changes: Any) -> Assignment:
    device = next(item for item in facts.devices if item.address == address)
    values: dict[str, Any] = {
        "device": device,
        "driver": VFIO_PCI,
        "driver_origin": DEVICES,
        "mapping": MappingMode.NORMAL_NC,
        "mapping_origin": DEVICES,
        "declared": MappingMode.NORMAL_NC,
        "policy": "nvme",
        "companion": False,
        "rom_bar": False,
        "regions": list_device_regions(device, None, VFIO_PCI),
    }
    return Assignment(**{**values, **changes})


def make_class(facts: HostFacts | None = None, **changes: Any) -> HostClass:
    facts = facts or make_facts()
    values: dict[str, Any] = {
        "facts": facts,
        "facts_source": "facts/a.json, 2026-11-24",
        "platform": None,
        "features": features_of(facts),
        "kernel": make_kernel(),
        "settings": (Setting("iommu.passthrough", "1", POLICY),),
        "module_settings": (ModuleSetting("vfio_pci", "disable_idle_d3", "1", MODULES),),
        "assignments": (make_assignment(facts),),
        "guests": (),
        "opt_out": None,
    }
    return HostClass(**{**values, **changes})


def make_fleet(host_class: HostClass, *names: str) -> Fleet:
    hosts = tuple(FleetHost(name, 0, ()) for name in sorted(names or ("a",)))
    return Fleet(hosts, (host_class,), {}, "r" * 64)


def make_artifacts(word: str = "iommu.passthrough=1") -> tuple[Artifact, ...]:
    drop_in = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {word}"\n'
    options = "options vfio_pci disable_idle_d3=1\n"
    rule = f'ACTION=="add", KERNEL=="{NVME}", ATTR{{driver_override}}="vfio-pci"\n'
    return (
        Artifact(DROP_IN, ArtifactKind.COMMAND_LINE, drop_in, 0o644, (POLICY,)),
        Artifact(MODPROBE, ArtifactKind.MODULE_OPTIONS, options, 0o644, (MODULES,)),
        Artifact(UDEV, ArtifactKind.BINDING, rule, 0o644, (DEVICES,)),
    )


def make_domain(xml: str = DOMAIN_XML) -> Artifact:
    path = "/etc/libvirt/qemu/db.xml"
    return Artifact(path, ArtifactKind.DOMAIN, xml, 0o600, (GUEST,), "db")


def make_state(**changes: Any) -> HostState:
    state = HostState(
        command_line="BOOT_IMAGE=/boot/vmlinuz root=/dev/vda1 ro",
        next_command_line=None,
        module_parameters={},
        bindings={NVME: {"driver": "nvme", "override": None}},
        files={},
        domains={},
        running=(),
        manifest=None,
    )
    return state.model_copy(update=changes)


def make_record(
    host: str = "a", state: HostState | None = None, facts: HostFacts | None = None, boot: str = ""
) -> HostRecord:
    state, facts = state or make_state(), facts or make_facts()
    return HostRecord(
        host=host,
        span=Span(f"facts/{host}.json"),
        collected_at="2026-11-24T08:00:00Z",
        identity=HostIdentity(
            machine_id=host, boot_id=boot or FIRST_BOOT, uptime_seconds=60, serials={}
        ),
        facts=facts,
        facts_key=key_of(facts.model_dump_json()),
        state=state,
        state_key=key_of(state.model_dump_json()),
    )


def key_of(text: str) -> bytes:
    return sha256(text.encode()).digest()


def make_planning(
    fleet: Fleet,
    records: Iterable[HostRecord],
    artifacts: tuple[Artifact, ...] = (),
    domains: Mapping[str, tuple[Artifact, ...]] | None = None,
) -> Planning:
    simulation, _ = simulate(fleet)
    rendering = Rendering((artifacts,) * len(fleet.classes), domains or {})
    return Planning(fleet, simulation, rendering, {item.host: item for item in records}, INVENTORY)


def deploy(plan: Plan, record: HostRecord) -> HostRecord:
    """Return the record of a host after a plan, before it boots."""
    todo = next(host for host in plan.hosts if host.host == record.host)
    files, domains = dict(record.state.files), dict(record.state.domains)
    for action in todo.actions:
        text = plan.blobs.get(action.after, "")
        if action.name:
            domains[action.name] = text
        else:
            files[action.path] = {"digest": action.after, "mode": action.mode, "content": text}  # type: ignore[assignment] # validated below
        if action.verb is Verb.REMOVE:
            domains.pop(action.name, None)
            files.pop(action.path, None)
    written = record.state.manifest
    if todo.manifest:
        written = Manifest.model_validate_json(todo.manifest)
    state = HostState.model_validate(
        {**dict(record.state), "files": files, "domains": domains, "manifest": written}
    )
    return make_record(record.host, state, record.facts, record.identity.boot_id)


def boot(record: HostRecord, host_class: HostClass) -> HostRecord:
    """Return the record of a host that booted into everything that its class asks for."""
    tokens = " ".join(setting.token for setting in host_class.settings)
    parameters: dict[str, dict[str, str]] = {}
    for setting in host_class.module_settings:
        parameters.setdefault(setting.module, {})[setting.parameter] = "Y"
    drivers = {item.device.address: item.driver.name for item in host_class.assignments}
    bindings = {
        item.address: {"driver": drivers.get(item.address), "override": None}
        for item in record.facts.devices
    }
    state = HostState.model_validate(
        {
            **dict(record.state),
            "command_line": f"root=/dev/vda1 {tokens}",
            "module_parameters": parameters,
            "bindings": bindings,
        }
    )
    return make_record(record.host, state, record.facts, SECOND_BOOT)


def file_state(artifact: Artifact) -> dict[str, Any]:
    return {
        "digest": digest_of(artifact.content),
        "mode": artifact.mode,
        "content": artifact.content,
    }
