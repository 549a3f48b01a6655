"""Describe what a simulated host is made of, apart from what is on its disk."""

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.lab.rules import NO_HOST_FOLDER
from fleetpolicy.lab.tree import Tree

if TYPE_CHECKING:  # pydantic, which the programs of a host do without
    from fleetpolicy.model.simulated import SimulatedHost

PLACE = "/.hardware.json"
_BYTES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


@dataclass(frozen=True, slots=True)
class Region:
    """A memory BAR; its size is in bytes."""

    index: int
    size: int
    prefetchable: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A PCI function; numbers are lower-case hexadecimal text without 0x."""

    address: str
    vendor: str
    device: str
    subvendor: str
    subdevice: str
    class_code: str
    native_driver: str | None
    iommu_group: int | None
    numa_node: int
    used_by: tuple[str, ...]
    serial: str | None
    regions: tuple[Region, ...]
    iommu: str | None = None

    @property
    def modalias(self) -> str:
        """The alias that the kernel makes of the ids."""
        ids = (self.vendor, self.device, self.subvendor, self.subdevice)
        vendor, device, subvendor, subdevice = (f"0000{number.upper()}" for number in ids)
        base, sub, interface = re.findall("..", self.class_code.upper())
        return f"pci:v{vendor}d{device}sv{subvendor}sd{subdevice}bc{base}sc{sub}i{interface}"

    @property
    def folder(self) -> str:
        """The function's folder in sysfs."""
        return f"/sys/devices/pci{self.address.rpartition(':')[0]}/{self.address}"


@dataclass(frozen=True, slots=True)
class Kernel:
    """An installed kernel: its build, and what its probes show."""

    release: str
    page_size_kib: int
    has_marker: bool
    knows_cacheable: bool
    builtin: tuple[str, ...]
    modules: tuple[str, ...]
    is_signed: bool = True
    enforces_signatures: bool | None = None
    options: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A NUMA node: its CPUs, and its huge pages as pairs of size in KiB and number."""

    cpus: str
    hugepages: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hardware:
    """A machine, with the kernels that are installed on it.

    Args:
        fwb: None leaves no trace in the boot log; so does None for dic.
        versions: Of libvirt and QEMU, None on a host without them.
    """

    name: str
    arch: str
    kernels: dict[str, Kernel]
    cpu: str
    fwb: bool | None
    dic: bool | None
    vendor: str
    product: str
    command_line: tuple[str, ...]
    loader: str
    initramfs: str
    versions: tuple[str, str] | None
    functions: tuple[Function, ...]
    nodes: tuple[Node, ...] = ()
    has_swtpm: bool = False

    def used_by(self, use: str) -> Function | None:
        """Return the function that the host needs for something."""
        return next((item for item in self.functions if use in item.used_by), None)


def write_hardware(tree: Tree, name: str, model: "SimulatedHost") -> Hardware:
    """Keep a description in the host's folder, where the host's programs find it."""
    described = {"name": name, "model": model.model_dump(mode="json")}
    tree.write(PLACE, json.dumps(described, indent=1, sort_keys=True) + "\n")
    return read_hardware(tree)


def read_hardware(tree: Tree) -> Hardware:
    """Return the description that is kept in a host's folder.

    Raises:
        FleetPolicyError: There is none, or it is damaged.
    """
    try:
        described = json.loads(tree.text(PLACE) or "")
        return _hardware(described["name"], described["model"])
    except (ValueError, KeyError, TypeError) as error:
        raise FleetPolicyError(
            NO_HOST_FOLDER.at(
                Span(str(tree.root)),
                why=f"{tree.root}{PLACE} is missing or damaged",
                fix="build the host anew: fleetpolicy lab reset",
            )
        ) from error


def _hardware(name: str, model: dict[str, Any]) -> Hardware:
    libvirt = model["libvirt"]
    return Hardware(
        name=name,
        arch=model["arch"],
        kernels={release: _kernel(release, item) for release, item in model["kernels"].items()},
        cpu=model["cpu"]["model"],
        fwb=model["cpu"]["fwb"],
        dic=model["cpu"]["dic"],
        vendor=model["firmware"]["vendor"],
        product=model["firmware"]["product"],
        command_line=tuple(model["command_line"]),
        loader=model["loader"],
        initramfs=model["initramfs"],
        versions=(libvirt["libvirt"], libvirt["qemu"]) if libvirt else None,
        functions=tuple(_function(item) for item in model["devices"]),
        nodes=tuple(_node(item) for item in model.get("numa", ())),
        has_swtpm=bool(libvirt and libvirt.get("swtpm")),
    )


def _kernel(release: str, item: dict[str, Any]) -> Kernel:
    return Kernel(
        release,
        item["page_size_kib"],
        item["normal_nc_marker"],
        item["cacheable_capability"] == "known",
        tuple(item["builtin"]),
        tuple(item["modules"]),
        # Hosts that an older version described have neither.
        item.get("signed", True),
        item.get("signatures_enforced"),
        None if item.get("options") is None else tuple(item["options"]),
    )


def _node(item: dict[str, Any]) -> Node:
    pools = ((_size(size) >> 10, pages) for size, pages in item["hugepages"].items())
    return Node(item["cpus"], tuple(sorted(pools)))


def _function(item: dict[str, Any]) -> Function:
    vendor, device = item["id"].split(":")
    subvendor, subdevice = (item["subsystem"] or "0000:0000").split(":")
    return Function(
        address=item["address"],
        vendor=vendor,
        device=device,
        subvendor=subvendor,
        subdevice=subdevice,
        class_code=item["device_class"].ljust(6, "0"),
        native_driver=item["native_driver"],
        iommu_group=item["iommu_group"],
        numa_node=item["numa_node"],
        used_by=tuple(item["used_by"]),
        serial=item["serial"],
        regions=tuple(
            Region(region["index"], _size(region["size"]), region["prefetchable"])
            for region in item["regions"]
        ),
        iommu=item.get("iommu"),
    )


def _size(text: str) -> int:
    return int(text[:-3]) * _BYTES[text[-3:]]
