"""Put a guest into an operator's domain: what the guest says wins, the rest of it stays."""

from collections.abc import Iterable, Iterator

from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.guest import GuestCpu, GuestFirmware
from fleetpolicy.render.disks import sort_disks
from fleetpolicy.render.template import QEMU_NAMESPACE
from fleetpolicy.render.topology import Taken
from fleetpolicy.render.xml import Element, number_of

_WHOLE = ("name", "uuid", "title", "memory", "currentMemory", "vcpu", "iothreads", "numatune")
_PARTS = frozenset(("memoryBacking", "cputune", "cpu", "metadata", "qemu:override"))
_UNLESS_THERE = {
    "serial": ("serial", "console"),
    "console": ("serial", "console"),
    "memballoon": ("memballoon",),
    "emulator": ("emulator",),
    "tpm": ("tpm",),
}
_PCI = "pci"


def taken_by(template: Element | None) -> Taken:
    """Return the numbers that a template has for controllers, places and expander buses."""
    if template is None:
        return Taken()
    devices = template.find_all("devices", "controller")
    pci = [item for item in devices if item.get("type") == _PCI]
    used = [number_of(item.get("index"), 0) for item in pci]
    for device in template.find_all("devices"):
        for child in device.children:
            used += [
                number_of(item.get("bus"), 0)
                for item in child.find_all("address")
                if item.get("type") == _PCI
            ]
    buses = [
        number_of(item.get("busNr"), 0) for control in pci for item in control.find_all("target")
    ]
    return Taken(max(used, default=0), max(buses, default=0))


def disk_names(template: Element | None) -> frozenset[str]:
    """Return the names of a template's disks, such as vda."""
    targets = template.find_all("devices", "disk", "target") if template else ()
    return frozenset(item.get("dev") for item in targets)


def merge(guest: ResolvedGuest, ours: Element, template: Element) -> Element:
    """Return the template with the guest in it.

    Elements that the guest's document speaks of take the place of the template's; the defaults of
    the language do so only where the template has nothing.
    """
    theirs = {child.tag: child for child in template.children}
    own = {child.tag: child for child in ours.children}
    merged = [_merge_child(guest, child, theirs.get(tag)) for tag, child in own.items()]
    rest = [child for child in template.children if child.tag not in own]
    ends = [child for child in rest if child.tag.startswith("qemu:")]
    rest = [child for child in rest if not child.tag.startswith("qemu:")]
    at = [child.tag for child in merged].index("devices")
    children = (*merged[:at], *rest, *merged[at:], *ends)
    root = template.with_children(children)
    if any(child.tag.startswith("qemu:") for child in children):
        root = root.with_attribute("xmlns:qemu", QEMU_NAMESPACE)
    return root


def _merge_child(guest: ResolvedGuest, ours: Element, theirs: Element | None) -> Element:
    is_chosen = ours.tag == "cpu" and guest.spec.cpu != GuestCpu()
    if theirs is None or ours.tag in _WHOLE or is_chosen:
        return ours
    if ours.tag in _MERGERS:
        return _MERGERS[ours.tag](guest, ours, theirs)
    return _parts(ours, theirs) if ours.tag in _PARTS else theirs


def _parts(ours: Element, theirs: Element) -> Element:
    """Return the template's element, with what the guest says of some of its children."""
    replaced = {child.tag for child in ours.children} - {"qemu:device"}
    kept = [child for child in theirs.children if child.tag not in replaced]
    return theirs.with_children((*kept, *ours.children))


def _os(guest: ResolvedGuest, ours: Element, theirs: Element) -> Element:
    """Return the template's boot, with the machine and firmware that the guest asks for.

    A template that is silent about Secure Boot gets the language's default: what libvirt chooses
    by itself has Secure Boot on some distributions and refuses kernels that Microsoft never signed.
    """
    present = {child.tag for child in theirs.children}
    added = set()
    if guest.spec.machine or "type" not in present:
        added.add("type")
    if guest.spec.firmware != GuestFirmware() or _is_silent(ours, theirs):
        added.add("firmware")
    if not added:
        return theirs
    replaced = added | ({"loader", "nvram"} if "firmware" in added else set())
    kept = [child for child in theirs.children if child.tag not in replaced]
    found = theirs.with_children((*(item for item in ours.children if item.tag in added), *kept))
    return found.with_attribute("firmware", "efi") if "firmware" in added else found


def _is_silent(ours: Element, theirs: Element) -> bool:
    """Return whether a template's boot leaves the firmware open; on x86 none is a BIOS.

    Source:
        libvirt, docs/formatdomain: Operating system booting; ACPI needs UEFI on aarch64
    """
    if {child.tag for child in theirs.children} & {"firmware", "loader", "nvram"}:
        return False
    needs_one = any(child.get("arch") == "aarch64" for child in ours.children)
    return theirs.get("firmware") == "efi" or (needs_one and not theirs.get("firmware"))


def _features(guest: ResolvedGuest, ours: Element, theirs: Element) -> Element:
    present = {child.tag for child in theirs.children}
    if guest.spec.gic:
        present.discard("gic")
    added = [child for child in ours.children if child.tag not in present]
    replaced = {child.tag for child in added}
    kept = [child for child in theirs.children if child.tag not in replaced]
    return theirs.with_children((*kept, *added))


def _devices(
    guest: ResolvedGuest, ours: Iterable[Element], theirs: tuple[Element, ...]
) -> Iterator[Element]:
    """Yield the template's devices, then the guest's."""
    present = {child.tag for child in theirs}
    own = [child for child in ours if not present & set(_UNLESS_THERE.get(child.tag, ()))]
    if guest.spec.emulator:
        own += [child for child in ours if child.tag == "emulator" and child not in own]
        theirs = tuple(child for child in theirs if child.tag != "emulator")
    root = next((child for child in theirs if _is_root(child)), None)
    has_scsi = any(child.tag == "controller" and child.get("type") == "scsi" for child in theirs)
    yield from theirs if root is None else _with_hole(theirs, own)
    for child in own:
        is_scsi = child.tag == "controller" and child.get("type") == "scsi"
        if not (is_scsi and has_scsi) and not (root is not None and _is_root(child)):
            yield child


def _all_devices(guest: ResolvedGuest, ours: Element, theirs: Element) -> Element:
    merged = _devices(guest, ours.children, theirs.children)
    return theirs.with_children(sort_disks(merged))


def _is_root(child: Element) -> bool:
    return child.tag == "controller" and child.get("model") == "pcie-root"


def _with_hole(theirs: Iterable[Element], own: Iterable[Element]) -> Iterator[Element]:
    """Yield the template's devices, its root complex with the window that the guest needs."""
    hole = next((child.find("pcihole64") for child in own if _is_root(child)), None)
    for child in theirs:
        if _is_root(child) and hole is not None:
            kept = (item for item in child.children if item.tag != "pcihole64")
            yield child.with_children((hole, *kept))
        else:
            yield child


_MERGERS = {"devices": _all_devices, "os": _os, "features": _features}
