"""Start QEMU on the machine of a domain, with stand-ins for the hardware that is not here."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from tests.integration.libvirt.machine import options
from tests.integration.libvirt.stacks import Stack

_LEFT_OUT = {"-blockdev", "-netdev", "-mon", "-sandbox", "-name", "-S"}
_OBJECTS_LEFT_OUT = {"secret", "monitor-qmp", "thread-context", "iommufd"}
_FILES = ("drive", "netdev")
_PLACE = ("id", "bus", "addr", "multifunction")
_ACCELERATION = ("accel", "ats", "ril", "ssidsize", "oas", "cmdqv")


def complaint(stack: Stack, words: Sequence[str]) -> str:
    """Return what QEMU says against a machine, paused before its first instruction.

    A virtio device stands in for each disk, interface and function that is passed through, nothing
    for a console's other end, memory that is not reserved for huge pages; the SMMU is emulated.
    Bridges, NUMA nodes, initiators, GIC and apertures are those of the command line.
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
    return done.stderr or ("" if done.returncode == 0 else f"status {done.returncode}")


def _program(words: Sequence[str]) -> str:
    is_arm = any(word.startswith("virt-") for word in words)
    return "qemu-system-aarch64" if is_arm else "qemu-system-x86_64"


def _stand_in(words: Sequence[str]) -> Iterator[str]:
    for name, value, properties in options(words):
        if name in _LEFT_OUT:
            continue
        yield name
        if name == "-machine":
            yield ",".join(part for part in value.split(",") if not part.startswith("pflash"))
        elif name == "-chardev":
            yield f"null,id={properties['id']}"
        elif name == "-device":
            yield json.dumps(_device(properties))
        elif name == "-object":
            yield json.dumps(_object(properties))
        elif value:
            yield value
    yield from ("-S", "-monitor", "stdio")


def _device(properties: dict[str, Any]) -> dict[str, Any]:
    place = {key: value for key, value in properties.items() if key in _PLACE}
    if properties["driver"].startswith("vfio-") or any(key in properties for key in _FILES):
        return {"driver": "virtio-rng-pci", **place}
    if properties["driver"] == "arm-smmuv3":
        return {key: value for key, value in properties.items() if key not in _ACCELERATION}
    return properties


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
