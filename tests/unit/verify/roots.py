"""Build a folder that stands for the root of a host."""

from pathlib import Path

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.inventory import Inventory, InventoryHost
from tests.unit.plan.fleets import NVME, make_artifacts


def make_root(folder: Path, driver: str = "vfio-pci") -> Path:
    for item in make_artifacts():
        path = folder / item.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(item.content)
        path.chmod(item.mode)
    (folder / "proc").mkdir()
    (folder / "proc/cmdline").write_text("root=/dev/vda1 iommu.passthrough=1\n")
    drivers = folder / "sys/bus/pci/drivers" / driver
    device = folder / "sys/bus/pci/devices" / NVME
    drivers.mkdir(parents=True)
    device.mkdir(parents=True)
    (device / "driver").symlink_to(f"../../drivers/{driver}")
    programs = folder / "usr/sbin"
    programs.mkdir(parents=True)
    (programs / "virsh").write_text('#!/bin/sh\necho "$FLEETPOLICY_ROOT/etc $*"\n')
    (programs / "virsh").chmod(0o755)
    return folder


def make_inventory(folder: Path, *names: str) -> Inventory:
    hosts = {name: InventoryHost(name, ("all",), {}, str(folder / name), None) for name in names}
    return Inventory(Span("inventories/lab"), hosts, frozenset(names), frozenset({"all"}), {})
