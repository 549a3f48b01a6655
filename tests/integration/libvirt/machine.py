"""Read the machine out of a QEMU command line that libvirt made."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Option = tuple[str, str, dict[str, Any]]
Options = Sequence[tuple[str, dict[str, Any]]]
_BRIDGES = {"pcie-root-port", "pxb-pcie"}
_FUNCTION = {"vfio-pci", "vfio-pci-nohotplug"}
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Node:
    """A NUMA node of the guest, or all of its memory where it has no nodes.

    Args:
        cpus: Such as 0-15; empty for a node without.
        size: Bytes.
        has_hugepages: Whether its memory is a file of hugetlbfs.
        host_nodes: The host's nodes that it is bound to.
    """

    cpus: str = ""
    size: int = 0
    has_hugepages: bool = False
    host_nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Function:
    """A PCI function that is passed through.

    Args:
        host: Its address on the host; empty where iommufd brings it as an open file.
        path: The bridges from it up to the root complex.
        initiators: The guest's nodes that it initiates for.
        properties: Others that matter, sorted: rombar, bootindex, x-no-mmap, iommufd.
    """

    host: str
    path: tuple[str, ...]
    initiators: tuple[int, ...] = ()
    properties: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Smmu:
    """An SMMUv3 of the guest: the bridge whose devices it translates for, and its properties."""

    bus: str
    properties: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """What of a virtual machine follows from a policy.

    Args:
        board: Such as virt.
        gic: Version, empty on x86.
        aperture: Bytes of high MMIO; 0 for QEMU's own default.
    """

    board: str
    gic: str
    aperture: int
    vcpus: int
    nodes: tuple[Node, ...]
    functions: tuple[Function, ...]
    smmus: tuple[Smmu, ...] = ()


def read_machine(words: Sequence[str]) -> Machine:
    """Return the machine of a command line without the program's name."""
    told = [(name, properties) for name, _, properties in options(words)]
    boards = [properties for name, properties in told if name == "-machine"]
    board: dict[str, Any] = {key: value for item in reversed(boards) for key, value in item.items()}
    devices = {item["id"]: item for name, item in told if name == "-device" and "id" in item}
    return Machine(
        board="-".join(board[""].split("-")[:-1]),
        gic=board.get("gic-version", ""),
        aperture=_size(board.get("highmem-mmio-size", "0")),
        vcpus=int(_one(told, "-smp")[""]),
        nodes=tuple(_nodes(told)),
        functions=tuple(_functions(told, devices)),
        smmus=tuple(
            Smmu(_bridge(devices[item["primary-bus"]]), _pick(item, _SMMU_PLACES))
            for item in devices.values()
            if item["driver"] == "arm-smmuv3"
        ),
    )


_SMMU_PLACES = ("driver", "id", "primary-bus")
_FUNCTION_PLACES = ("driver", "id", "bus", "addr", "host")


def options(words: Sequence[str]) -> Iterator[Option]:
    """Yield each option, its value, and that as properties; one without a name is under ''."""
    for at, word in enumerate(words):
        if not word.startswith("-"):
            continue
        value = words[at + 1] if at + 1 < len(words) else "-"
        if value.startswith("-"):
            yield word, "", {}
        else:
            yield word, value, _properties(value, word)


def _properties(value: str, option: str) -> dict[str, Any]:
    if value.startswith("{"):
        return dict(json.loads(value))
    pairs = [part.partition("=") for part in value.split(",")]
    found = {name if equals else "": text or name for name, equals, text in reversed(pairs)}
    kind = {"-device": "driver", "-object": "qom-type"}.get(option, "")
    return {kind if name == "" else name: text for name, text in found.items()}


def _one(told: Options, name: str) -> dict[str, Any]:
    (found,) = [properties for option, properties in told if option == name]
    return found


def _nodes(told: Options) -> Iterator[Node]:
    backends = {
        item["id"]: item
        for option, item in told
        if option == "-object" and item["qom-type"].startswith("memory-backend")
    }
    nodes = [item for option, item in told if option == "-numa"]
    if not nodes:
        (backend,) = backends.values()
        yield _node("", backend)
    for item in nodes:
        yield _node(item.get("cpus", ""), backends.get(item.get("memdev", ""), {}))


def _node(cpus: str, backend: dict[str, Any]) -> Node:
    path = backend.get("mem-path", "")
    return Node(
        cpus, int(backend.get("size", 0)), "hugepages" in path, tuple(backend.get("host-nodes", ()))
    )


def _functions(told: Options, devices: dict[str, Any]) -> Iterator[Function]:
    for item in devices.values():
        if item["driver"] not in _FUNCTION:
            continue
        initiators = [
            int(other["node"])
            for option, other in told
            if option == "-object"
            and other["qom-type"] == "acpi-generic-initiator"
            and other["pci-dev"] == item["id"]
        ]
        yield Function(
            host=item.get("host", ""),
            path=tuple(_path(item, devices)),
            initiators=tuple(initiators),
            properties=_pick(item, _FUNCTION_PLACES),
        )


def _path(item: dict[str, Any], devices: dict[str, Any]) -> Iterator[str]:
    while above := devices.get(item["bus"]):
        assert above["driver"] in _BRIDGES, above
        yield _bridge(above)
        item = above


def _bridge(item: dict[str, Any]) -> str:
    words = [f"{name}={item[name]}" for name in ("bus_nr", "numa_node") if name in item]
    return " ".join([str(item["driver"]), *words])


def _pick(item: dict[str, Any], places: Sequence[str]) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((key, value) for key, value in item.items() if key not in places))


def _size(text: str) -> int:
    unit = text[-1].lower()
    return int(text[:-1]) * _UNITS[unit] if unit in _UNITS else int(text)
