"""Find what of an operator's domain clashes with a guest, and what libvirt takes though wrong."""

from collections import Counter
from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.hugepages import hugepage_sizes_kib
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.template import Template
from fleetpolicy.render.hostdev import alias_of
from fleetpolicy.render.merge import taken_by
from fleetpolicy.render.rules import (
    TAKEN_BEHIND_POLICY,
    TEMPLATE_CONFLICT,
    TEMPLATE_UNUSABLE,
    WRONG_BUT_ACCEPTED,
)
from fleetpolicy.render.site import Site
from fleetpolicy.render.template import Fault, walk
from fleetpolicy.render.topology import BUSES, has_cells, plan_topology
from fleetpolicy.render.xml import Element, number_of

_MANY = {"seclabel"}
_GIC_2_CPUS = 8
_MOST_SSID_BITS = 20
_LEAST_HOLE_KIB = 512 << 20
_KIB = {"": 1, "k": 1, "KiB": 1, "M": 1 << 10, "MiB": 1 << 10, "G": 1 << 20, "GiB": 1 << 20}
_KIB |= {"T": 1 << 30, "TiB": 1 << 30}


def refuse(site: Site, guest: ResolvedGuest, template: Template, fault: Fault) -> Diagnostic:
    """Return a finding about a template that is no domain."""
    return site.find(
        TEMPLATE_UNUSABLE,
        Span(template.path, fault.line, 1),
        why=f"the template of guest {guest.name}: {fault.why}",
        fix=fault.fix,
    )


def check_template(
    site: Site, guest: ResolvedGuest, template: Template, root: Element
) -> Iterator[Diagnostic]:
    """Find what of a template cannot stand beside the guest, each at its line."""
    for rule, item, why, fix in (
        *((TAKEN_BEHIND_POLICY, *found) for found in _taken(root)),
        *((TEMPLATE_CONFLICT, *found) for found in _conflicts(site, guest, root)),
        *((WRONG_BUT_ACCEPTED, *found) for found in _wrong(site, guest, root)),
    ):
        span = Span(template.path, item.line, 1)
        said = f"the template of guest {guest.name}: {why}"
        yield site.find(rule, span, why=said, fix=fix)


Found = tuple[Element, str, str]


def _taken(root: Element) -> Iterator[Found]:
    """Yield devices of the host that the policy does not know of."""
    for item in root.find_all("devices", "hostdev"):
        if item.get("type") == "pci":
            yield item, "it takes a PCI device", "remove it, and write it under spec.devices"
    for item in root.find_all("devices", "interface"):
        if item.get("type") == "hostdev":
            yield item, "an interface takes a PCI device", "write it under spec.devices"
    for item in root.find_all("qemu:commandline", "qemu:arg"):
        if "vfio" in item.get("value"):
            yield item, "QEMU's own words take a device", "write it under spec.devices"


def _conflicts(site: Site, guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    yield from _misfits(site, guest, root)
    yield from _repeated(root)
    yield from _boot_conflicts(guest, root)
    yield from _used_twice(guest, root)
    last = plan_topology(guest, taken_by(root)).last_bus
    if last >= BUSES:
        why = f"behind its controllers the guest's would need bus {last} of {BUSES}"
        yield root, why, "give its PCI controllers, addresses and buses lower numbers"


def _misfits(site: Site, guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    """Yield parts that are of another kind of guest."""
    arch = site.host_class.facts.arch
    for item in root.find_all("os", "type"):
        if item.get("arch") not in {"", arch}:
            yield item, f"it is for {item.get('arch'):.60}, and its host is {arch}", f"write {arch}"
    for item in root.find_all("cpu", "numa"):
        if not has_cells(guest):
            yield item, "it has NUMA cells, which the guest does not know of", "write spec.numa"
    for item in root.find_all("devices", "iommu"):
        if any(device.smmu for device in guest.devices):
            fix = "remove it, or write iommu: none in the guest"
            yield item, "it has an IOMMU, and the guest's devices bring SMMUs", fix


def _repeated(root: Element) -> Iterator[Found]:
    seen: set[str] = set()
    for item in root.children:
        if item.tag in seen and item.tag not in _MANY:
            yield item, f"there is more than one <{item.tag:.60}>", "keep one of them"
        seen.add(item.tag)


def _boot_conflicts(guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    orders = {device.boot_order for device in guest.devices}
    orders |= {disk.boot_order or 0 for disk in guest.spec.disks}
    taken = {str(order) for order in orders if order}
    for item in walk(root):
        if item.tag == "boot" and item.get("order") in taken:
            yield item, f"boot order {item.get('order'):.60} is the guest's too", "give it another"
    for item in root.find_all("os", "boot") if taken else ():
        fix = "remove it, or the guest's bootOrder"
        yield item, "<boot dev> does not go with a bootOrder", fix


def _used_twice(guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    """Yield aliases and guest addresses that two devices have."""
    trapped = (
        alias_of(number)
        for number, device in enumerate(guest.devices, start=1)
        if device.assignment.mapping is MappingMode.TRAPPED
    )
    aliases = Counter(trapped)
    for item in (item for item in walk(root) if item.tag == "alias"):
        aliases[item.get("name")] += 1
        if aliases[item.get("name")] > 1:
            yield item, f"alias {item.get('name'):.60} is taken", "give it another"
    places: set[tuple[int, ...]] = set()
    devices = (child for item in root.find_all("devices") for child in item.children)
    for item in (place for device in devices for place in device.find_all("address")):
        if item.get("type") != "pci":
            continue
        names = ("domain", "bus", "slot", "function")
        place = tuple(number_of(item.get(name) or "0") for name in names)
        if place in places:
            spelt = "{:04x}:{:02x}:{:02x}.{:x}".format(*place)
            yield item, f"two devices are at {spelt}", "give each an address of its own"
        places.add(place)


def _wrong(site: Site, guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    """Yield what libvirt takes although QEMU exits or the guest misses something.

    Source:
        QEMU, hw/arm/virt.c and hw/arm/smmuv3.c; libvirt, docs/formatdomain.
    """
    yield from _wrong_iommus(root)
    yield from _wrong_sizes(site, guest, root)
    for item in root.find_all("features", "gic"):
        if item.get("version") == "2" and not guest.spec.gic and guest.spec.vcpus > _GIC_2_CPUS:
            yield item, f"a GICv2 serves 8 of {guest.spec.vcpus} vCPUs", "write version='3'"
    for item in root.find_all("cputune", "vcpupin"):
        number = number_of(item.get("vcpu"))
        if number >= guest.spec.vcpus and not guest.spec.pinning.vcpus:
            why = f"vCPU {number} is pinned, and there are {guest.spec.vcpus}"
            yield item, why, "remove it, or write spec.pinning"


def _wrong_sizes(site: Site, guest: ResolvedGuest, root: Element) -> Iterator[Found]:
    facts = site.host_class.facts
    for item in root.find_all("devices", "controller", "pcihole64"):
        kib = _kib(item.text.strip(), item)
        is_ours = facts.arch != "aarch64" or guest.mmio_aperture_kib
        if not is_ours and (kib < _LEAST_HOLE_KIB or kib & (kib - 1)):
            fix = "write a power of two of at least 512 GiB"
            yield item, f"a window of {kib} KiB", fix
    sizes = hugepage_sizes_kib(facts.arch, facts.kernel.page_size_kib)
    for item in root.find_all("memoryBacking", "hugepages", "page"):
        kib = _kib(item.get("size"), item)
        if kib not in sizes and not guest.spec.hugepages:
            yield item, f"the host has no pages of {kib} KiB", "write spec.hugepages in its place"


def _kib(number: str, item: Element) -> int:
    return number_of(number) * _KIB.get(item.get("unit"), 0)


def _wrong_iommus(root: Element) -> Iterator[Found]:
    found = root.find_all("devices", "iommu")
    controllers = {
        item.get("index"): item.get("model")
        for item in root.find_all("devices", "controller")
        if item.get("type") == "pci"
    }
    for item in found:
        driver = item.find("driver") or Element("driver")
        bus = driver.get("pciBus")
        if item.get("model") == "smmuv3" and not bus and (len(found) > 1 or driver.get("accel")):
            yield item, "an SMMU of several, or with accel, has no pciBus", "write its pciBus"
        if bus and controllers.get(bus) not in {"pcie-root", "pcie-expander-bus"}:
            why = f"pciBus {bus:.60} is {controllers.get(bus) or 'no controller':.60}"
            yield item, why, "name the index of an expander bus or of the root complex"
        if item.get("model") == "smmuv3" and any(one.get("model") == "virtio" for one in found):
            yield item, "an smmuv3 stands beside a virtio IOMMU", "keep one kind of them"
        ssids, oas = driver.get("ssidsize"), driver.get("oas")
        if ssids and ssids != "auto" and not 0 <= number_of(ssids) <= _MOST_SSID_BITS:
            yield item, f"ssidsize {ssids:.60}", "write 0 to 20, or auto"
        if oas and oas not in {"44", "48", "auto"}:
            yield item, f"oas {oas:.60}", "write 44, 48 or auto"
