"""Turn the description of an emulated host into QEMU's words."""

from collections.abc import Iterator
from pathlib import Path

from fleetpolicy.emulate.debian import MANAGEMENT_MAC
from fleetpolicy.emulate.machine import MAX_CPU, Machine
from fleetpolicy.model.emulated import EmulatedDevice, EmulatedHost
from fleetpolicy.model.scalars import size_kib

DISK = "disk"
NVME_BYTES = 64 << 20


def board_of(host: EmulatedHost, firmware: Path, port: int) -> Machine:
    """Return the machine of a host; what it is asked for sits behind root ports.

    Args:
        host: Its description.
        firmware: EFI for arm64.
        port: On the loopback, leads to the host's SSH.
    """
    return Machine(
        cpu=MAX_CPU if host.cpu == "max" else host.cpu,
        memory_mib=size_kib(host.memory) >> 10,
        cpus=host.cpus,
        boot=("-bios", str(firmware)),
        devices=(*_management(port), *_devices(host.devices)),
    )


def nvme_files(devices: tuple[EmulatedDevice, ...]) -> tuple[str, ...]:
    """Return the names of the files that stand for flash memory."""
    return tuple(
        f"nvme{slot}.{function}"
        for slot, device in enumerate(devices, 1)
        for function in range(device.functions)
        if device.model == "nvme"
    )


def _management(port: int) -> tuple[str, ...]:
    """Return the disk and the network that the host lives on."""
    drive = f"if=none,id=root,file={DISK},format=raw,cache=unsafe,discard=unmap"
    network = f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    return (
        *("-drive", drive, "-device", "virtio-blk-pci,drive=root,bootindex=0"),
        *("-netdev", network),
        *("-device", f"virtio-net-pci,netdev=net,mac={MANAGEMENT_MAC},romfile="),
        *("-device", "virtio-rng-pci"),
    )


def _devices(devices: tuple[EmulatedDevice, ...]) -> Iterator[str]:
    for slot, device in enumerate(devices, 1):
        yield from ("-device", f"pcie-root-port,id=rp{slot},chassis={slot},slot={slot}")
        for function in range(device.functions):
            place = f"bus=rp{slot},addr=0.{function}"
            if device.functions > 1 and not function:
                place += ",multifunction=on"
            yield from _function(device, f"{slot}.{function}", place)


def _function(device: EmulatedDevice, name: str, place: str) -> Iterator[str]:
    match device.model:
        case "e1000e" | "igb":
            yield from ("-device", f"{device.model},{place},romfile=")
        case "edu":
            yield from ("-device", f"edu,{place}")
        case "ivshmem":
            size = f"{size_kib(device.size)}K"
            yield from ("-object", f"memory-backend-ram,id=memory{name},size={size},share=on")
            yield from ("-device", f"ivshmem-plain,memdev=memory{name},{place}")
        case "nvme":
            drive = f"if=none,id=flash{name},file=nvme{name},format=raw,cache=unsafe"
            yield from ("-drive", drive)
            yield from ("-device", f"nvme,drive=flash{name},serial={device.serial},{place}")
