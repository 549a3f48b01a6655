"""Start QEMU on the machine of a domain, with stand-ins for the hardware that is not here."""

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.integration.libvirt.machine import options
from tests.integration.libvirt.stacks import Stack

_LEFT_OUT = {"-mon", "-sandbox", "-name", "-S"}
_OBJECTS_LEFT_OUT = {"secret", "monitor-qmp", "thread-context", "iommufd", "rng-random"}
_FIRMWARE = "libvirt-pflash"
_PLACE = ("id", "bus", "addr", "multifunction")
_ACCELERATION = ("accel", "ats", "ril", "ssidsize", "oas", "cmdqv")


def complaint(stack: Stack, words: Sequence[str]) -> str:
    """Return what QEMU says against a machine, paused before its first instruction.

    A virtio device stands in for each function that is passed through, zeros for disks, a hub for
    networks, nothing for a console's other end, memory that is not reserved for huge pages; SMMUs
    are emulated, and the firmware is left out. Bridges, NUMA nodes, initiators, GIC and apertures
    are those of the command line.
    """
    room = ["unshare", "--pid", "--fork", f"--mount-proc={stack.root / 'proc'}"]
    done = subprocess.run(
        [*room, "chroot", stack.root, f"/usr/bin/{_program(words)}", *_stand_in(words)],
        input="quit\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = [line for line in done.stderr.splitlines() if "warning:" not in line]
    return "\n".join(said) or ("" if done.returncode == 0 else f"status {done.returncode}")


def _program(words: Sequence[str]) -> str:
    is_arm = any(word.startswith("virt-") for word in words)
    return "qemu-system-aarch64" if is_arm else "qemu-system-x86_64"


def _stand_in(words: Sequence[str]) -> Iterator[str]:
    for name, value, properties in options(words):
        if name in _LEFT_OUT or properties.get("node-name", "").startswith(_FIRMWARE):
            continue
        yield name
        if name == "-machine":
            yield _board(value)
        elif name in _SPELT_AS_JSON:
            yield json.dumps(_SPELT_AS_JSON[name](properties))
        elif name == "-chardev":
            yield f"null,id={properties['id']}"
        elif value:
            yield value
    yield from ("-S", "-monitor", "stdio")


def _board(value: str) -> str:
    parts = [part for part in value.split(",") if _FIRMWARE not in part]
    return ",".join(parts).replace("gic-version=host", "gic-version=3")


def _device(properties: dict[str, Any]) -> dict[str, Any]:
    if properties["driver"].startswith("vfio-"):
        place = {key: value for key, value in properties.items() if key in _PLACE}
        return {"driver": "virtio-rng-pci", **place}
    if properties["driver"] == "arm-smmuv3":
        return {key: value for key, value in properties.items() if key not in _ACCELERATION}
    return properties


def _block(properties: dict[str, Any]) -> dict[str, Any]:
    name = {"node-name": properties["node-name"]}
    if "file" in properties:
        return {"driver": "raw", "file": properties["file"], **name}
    return {"driver": "null-co", "size": 1 << 30, **name}


def _network(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "hubport", "hubid": 0, "id": properties["id"]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    kind = properties["qom-type"]
    if kind in _OBJECTS_LEFT_OUT:
        return {"qom-type": "rng-builtin", "id": properties["id"]}
    if kind.startswith("memory-backend"):
        size = int(properties["size"])
        return {
            "qom-type": "memory-backend-ram",
            "id": properties["id"],
            "size": size,
            "reserve": False,
        }
    return {key: int(value) if key == "node" else value for key, value in properties.items()}


_SPELT_AS_JSON: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "-blockdev": _block,
    "-device": _device,
    "-netdev": _network,
    "-object": _object,
}
