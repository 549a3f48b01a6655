"""Explain elements of domains: which line of policy, or which profile, caused each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.fleet import FleetHost, ResolvedGuest
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.policyset import Located
from fleetpolicy.pipeline.work import Work

Place = tuple[str | int, ...]
_BY_CELLS = frozenset({"numa", "pcihole64", "iommu"})
_BY_KEY: dict[str, Place] = {
    "name": ("metadata", "name"),
    "title": ("spec", "title"),
    "memory": ("spec", "memory"),
    "currentMemory": ("spec", "memory"),
    "memoryBacking": ("spec", "hugepages"),
    "numatune": ("spec", "numaNode"),
    "vcpu": ("spec", "vcpus"),
    "cpu": ("spec", "vcpus"),
    "cputune": ("spec", "pinning"),
    "iothreads": ("spec", "ioThreads"),
    "os": ("spec", "machine"),
    "features": ("spec", "gic"),
    "emulator": ("spec", "emulator"),
    "rng": ("spec", "rng"),
}
_BY_INDEX = {"disk": "disks", "interface": "networks", "hostdev": "devices"}


@dataclass(frozen=True, slots=True)
class Found:
    """An element of a guest's domain, in words, and the line that caused it."""

    text: str
    origin: Span


def find_elements(work: Work, host: FleetHost, name: str) -> tuple[Found, ...]:
    """Return the elements of a host's domains that a name means.

    Args:
        work: The fleet.
        host: One of its hosts.
        name: A tag such as hostdev, or the end of a path such as hostdev[1]/driver, with the
            guest's name before it where there are several: trainer/hostdev.
    """
    host_class = work.fleet.class_of(host)
    documents = {item.model.metadata.name: item for item in work.loaded.policy.guests}
    texts = {
        item.name: item.content
        for item in work.rendering.of(host)
        if item.kind is ArtifactKind.DOMAIN
    }
    found: list[Found] = []
    for guest_name, guest in zip(host.guests, host_class.guests, strict=True):
        wanted = name.removeprefix(f"{guest_name}/")
        text = texts.get(guest_name)
        if text is None:
            continue
        root = ET.fromstring(text)  # noqa: S314 rendered by us
        document = documents[guest_name]
        numbers = _own_numbers(root, guest)
        for path, element in _walk(root, ""):
            if _means(wanted, path):
                origin = _origin(work, guest, document, _own_path(path, numbers))
                found.append(Found(f"{guest_name}: {path}: {_show(element)}", origin))
    return tuple(found)


def _walk(element: ET.Element, path: str) -> Iterator[tuple[str, ET.Element]]:
    counts: dict[str, int] = {}
    for child in element:
        tag = child.tag.rpartition("}")[2]
        counts[tag] = counts.get(tag, 0) + 1
        below = f"{path}/{tag}[{counts[tag]}]".lstrip("/")
        yield below, child
        yield from _walk(child, below)


def _own_numbers(root: ET.Element, guest: ResolvedGuest) -> dict[str, list[int]]:
    """Return the guest's number for each disk and interface of its domain, 0 for a template's.

    libvirt's order of disks is not that of the policy; interfaces of a template come first.
    """
    sources = [disk.source for disk in guest.spec.disks]
    disks = []
    for disk in root.findall("devices/disk"):
        source = disk.find("source")
        path = source.get("file") or source.get("dev") if source is not None else None
        disks.append(sources.index(path) + 1 if path in sources else 0)
    own, every = len(guest.spec.networks), len(root.findall("devices/interface"))
    return {"disk": disks, "interface": [0] * (every - own) + [*range(1, own + 1)]}


def _own_path(path: str, numbers: Mapping[str, Sequence[int]]) -> str:
    """Return a path with the number of the guest's own disk or interface, empty for others."""
    steps = path.split("/")
    for index, step in enumerate(steps):
        tag, _, number = step.rstrip("]").partition("[")
        if tag in numbers:
            own = numbers[tag][int(number) - 1]
            if not own:
                return ""
            steps[index] = f"{tag}[{own}]"
    return "/".join(steps)


def _means(wanted: str, path: str) -> bool:
    """Tell whether a path ends in what is wanted, numbers left out or not."""
    given, whole = wanted.split("/"), path.split("/")
    return len(given) <= len(whole) and all(
        word in {step, step.partition("[")[0]}
        for word, step in zip(reversed(given), reversed(whole), strict=False)
    )


def _show(element: ET.Element) -> str:
    tag = element.tag.rpartition("}")[2]
    words = "".join(f" {name}='{value}'" for name, value in element.attrib.items())
    text = (element.text or "").strip()
    return f"<{tag}{words}>{text}" if text else f"<{tag}{words}>"


def _origin(work: Work, guest: ResolvedGuest, document: Located[Guest], path: str) -> Span:
    """Return the line behind an element; an empty path means one of the template's own."""
    if not path:
        return document.span_of(("spec", "template"))
    tags = [step.partition("[")[0] for step in path.split("/")]
    numbers = [int(step.partition("[")[2].rstrip("]")) for step in path.split("/")]
    for_cells = _BY_CELLS.intersection(tags) or tags[-2:] == ["hostdev", "acpi"]
    if for_cells and any(guest.generic_initiator_nodes.values()):
        return _profile(work, guest)
    if "override" in tags and guest.devices:
        return guest.devices[0].assignment.mapping_origin
    for tag, number in zip(tags, numbers, strict=True):
        if tag in _BY_INDEX:
            return _of_device(guest, document, tags, number) or document.span_of(
                ("spec", _BY_INDEX[tag], number - 1)
            )
        if tag in _BY_KEY:
            return document.span_of(_BY_KEY[tag])
    return document.span


def _of_device(
    guest: ResolvedGuest, document: Located[Guest], tags: list[str], number: int
) -> Span | None:
    """Return the line of a DevicePolicy behind a part of a hostdev."""
    if "hostdev" not in tags or number > len(guest.devices):
        return None
    assignment = guest.devices[number - 1].assignment
    if "driver" in tags:
        return assignment.driver_origin
    if "alias" in tags:
        return assignment.mapping_origin
    if "boot" in tags:
        return document.span_of(("spec", "devices", number - 1, "bootOrder"))
    return None


def _profile(work: Work, guest: ResolvedGuest) -> Span:
    """Return the DeviceProfile that asks for NUMA cells and an aperture."""
    address = next(iter(guest.generic_initiator_nodes))
    device = next(
        item.assignment.device
        for item in guest.devices
        if item.assignment.device.address == address
    )
    return work.loaded.policy.devices[device.id].span_of(("spec", "genericInitiatorNodes"))
