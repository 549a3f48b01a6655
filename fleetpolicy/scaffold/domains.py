"""Write a guest down from the domain that libvirt keeps, as far as the language goes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from fleetpolicy.model.difference import carries_our_metadata
from fleetpolicy.model.record import HostRecord
from fleetpolicy.scaffold.processors import write_processors
from fleetpolicy.scaffold.wording import quoted, size_of

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")
_LINE = re.compile(r"[^\x00-\x1f\x7f]{1,500}")
_MAC = re.compile(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}")
_SERIAL = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_BUSES = ("virtio", "scsi", "sata")
_CACHES = ("writeback", "writethrough", "directsync", "unsafe")
_PATH = re.compile(r"/[^\x00-\x1f\x7f]{1,1000}")
_TOLD = frozenset(
    (
        "clock",
        "cpu",
        "cputune",
        "currentMemory",
        "devices",
        "features",
        "iothreads",
        "memory",
        "memoryBacking",
        "metadata",
        "name",
        "numatune",
        "on_crash",
        "on_poweroff",
        "on_reboot",
        "os",
        "pm",
        "resource",
        "seclabel",
        "title",
        "uuid",
        "vcpu",
    )
)
_TOLD_DEVICES = frozenset(
    (
        "console",
        "controller",
        "disk",
        "emulator",
        "hostdev",
        "interface",
        "memballoon",
        "rng",
        "tpm",
        "serial",
    )
)


@dataclass(frozen=True, slots=True)
class FirstGuest:
    """A guest's document.

    Args:
        lines: Of YAML.
        is_ours: The domain carries fleetpolicy's metadata; another one is not taken over.
        left_out: What of the domain the document does not say.
    """

    name: str
    host: str
    lines: tuple[str, ...]
    is_ours: bool
    left_out: tuple[str, ...]


def read_guest(record: HostRecord, name: str) -> FirstGuest | str:
    """Return a host's domain as a guest, or why it cannot be one."""
    text = record.state.domains[name]
    try:
        domain = ET.fromstring(text)  # noqa: S314 libvirt's own output
    except ET.ParseError as error:
        return f"what libvirt keeps is not XML: {error}"
    if not _NAME.fullmatch(name):
        return "its name is no name of the language: lower-case letters, digits, dots and dashes"
    memory = size_of(domain.find("memory"))
    vcpus = (domain.findtext("vcpu") or "").strip()
    if not memory or not vcpus.isdecimal():
        return "its memory or its number of vCPUs cannot be read"
    left_out: list[str] = []
    lines = [
        "apiVersion: fleetpolicy/v1alpha1",
        "kind: Guest",
        f"metadata: {{name: {quoted(name)}}}",
        "spec:",
        f"  host: {quoted(record.host)}",
        *_title(domain),
        f"  vcpus: {int(vcpus)}",
        f"  memory: {memory}",
        *_backing(domain, left_out),
        *write_processors(domain, int(vcpus), left_out),
        *_rng(domain, left_out),
        *_tpm(domain, left_out),
        *_section("devices", _hostdevs(domain, record, left_out)),
        *_section("disks", _disks(domain, left_out)),
        *_section("networks", _networks(domain, left_out)),
    ]
    left_out += _untold(domain)
    is_ours = carries_our_metadata(text)
    return FirstGuest(name, record.host, tuple(lines), is_ours, tuple(dict.fromkeys(left_out)))


def _title(domain: ET.Element) -> Iterator[str]:
    title = domain.findtext("title") or ""
    if _LINE.fullmatch(title):
        yield f"  title: {quoted(title)}"


def _backing(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    pages = domain.findall("memoryBacking/hugepages/page")
    size = size_of(pages[0], "size") if len(pages) == 1 else ""
    if size:
        yield f"  hugepages: {size}"
    elif domain.find("memoryBacking/hugepages") is not None:
        left_out.append("huge pages without one size")
    node = domain.find("numatune/memory")
    if node is not None and node.get("mode") == "strict" and node.get("nodeset", "").isdecimal():
        yield f"  numaNode: {int(node.get('nodeset', ''))}"
    elif node is not None and domain.find("numatune/memnode") is None:
        left_out.append("numatune")


def _section(name: str, items: Iterator[str]) -> Iterator[str]:
    lines = [f"    - {item}" for item in items]
    yield from [f"  {name}:", *lines] if lines else []


def _hostdevs(domain: ET.Element, record: HostRecord, left_out: list[str]) -> Iterator[str]:
    ids = {device.address: device.id for device in record.facts.devices}
    for hostdev in domain.findall("devices/hostdev"):
        source = hostdev.find("source/address")
        address = _address(source) if hostdev.get("type") == "pci" and source is not None else ""
        if address not in ids:
            left_out.append(f"the {hostdev.get('type')} hostdev {address}".strip())
            continue
        boot = _boot_order(hostdev)
        yield f"device: {{address: {quoted(address)}, id: {quoted(ids[address])}}}" + (
            f"\n      {boot}" if boot else ""
        )


def _address(source: ET.Element) -> str:
    try:
        domain, bus, slot, function = (
            int(source.get(name, "0"), 16) for name in ("domain", "bus", "slot", "function")
        )
    except ValueError:
        return ""
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def _boot_order(element: ET.Element) -> str:
    boot = element.find("boot")
    order = boot.get("order", "") if boot is not None else ""
    return f"bootOrder: {int(order)}" if order.isdecimal() else ""


def _disks(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    for disk in domain.findall("devices/disk"):
        source, driver = disk.find("source"), disk.find("driver")
        key, path = _place(source)
        form = driver.get("type", "raw") if driver is not None else "raw"
        kind = disk.get("device", "disk")
        if kind != "disk" or form not in {"qcow2", "raw"} or not _PATH.fullmatch(path):
            target = disk.find("target")
            left_out.append(f"the {kind} {target.get('dev') if target is not None else path}")
            continue
        parts = [f"{key}: {quoted(path)}", f"format: {form}", *_disk_words(disk, left_out)]
        yield f"{{{', '.join(part for part in parts if part)}}}"


def _place(source: ET.Element | None) -> tuple[str, str]:
    if source is None:
        return "path", ""
    return (
        ("device", source.get("dev", "")) if source.get("dev") else ("path", source.get("file", ""))
    )


def _disk_words(disk: ET.Element, left_out: list[str]) -> Iterator[str]:
    """Yield what of a disk is not as the language has it by default."""
    target, driver = disk.find("target"), disk.find("driver")
    name = target.get("dev") if target is not None else ""
    bus = target.get("bus", "virtio") if target is not None else "virtio"
    cache = driver.get("cache", "none") if driver is not None else "none"
    serial = (disk.findtext("serial") or "").strip()
    if bus in _BUSES:
        yield f"bus: {bus}" if bus != "virtio" else ""
    else:
        left_out.append(f"the bus {bus} of {name}")
    if cache in _CACHES:
        yield f"cache: {cache}"
    if _SERIAL.fullmatch(serial):
        yield f"serial: {quoted(serial)}"
    if disk.find("readonly") is not None:
        yield "readOnly: true"
    yield _boot_order(disk)


def _rng(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    for rng in domain.findall("devices/rng"):
        if rng.get("model") == "virtio" and rng.findtext("backend") == "/dev/urandom":
            yield "  rng: true"
        else:
            left_out.append("rng")


def _tpm(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    for backend in domain.findall("devices/tpm/backend"):
        if backend.get("type") == "emulator" and backend.get("version", "2.0") == "2.0":
            yield "  tpm: true"
        else:
            left_out.append("tpm")


def _networks(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    for interface in domain.findall("devices/interface"):
        kind, source = interface.get("type", ""), interface.find("source")
        name = source.get(kind, "") if source is not None else ""
        if kind in {"bridge", "network"} and _NAME.fullmatch(name):
            words = (f"{kind}: {quoted(name)}", *_interface_words(interface, left_out))
            yield f"{{{', '.join(words)}}}"
        else:
            left_out.append(f"the {kind} interface {name}".strip())


def _interface_words(interface: ET.Element, left_out: list[str]) -> Iterator[str]:
    model, mac = interface.find("model"), interface.find("mac")
    kind = model.get("type", "virtio") if model is not None else "virtio"
    if kind == "e1000e":
        yield "model: e1000e"
    elif kind != "virtio":
        left_out.append(f"the model {kind} of an interface")
    address = mac.get("address", "") if mac is not None else ""
    if _MAC.fullmatch(address):
        yield f"mac: {quoted(address)}"


def _untold(domain: ET.Element) -> Iterator[str]:
    """Yield the elements that a guest's document has no word for."""
    for child in domain:
        if child.tag not in _TOLD and not child.tag.startswith("{"):
            yield child.tag
    for child in domain.find("devices") or ():
        if child.tag not in _TOLD_DEVICES:
            yield child.tag
