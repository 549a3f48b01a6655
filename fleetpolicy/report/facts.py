"""Write what is known of hosts."""

from collections.abc import Iterable
from datetime import datetime

from fleetpolicy.model.record import HostRecord, PciDevice
from fleetpolicy.report.table import write_table

_SHOWN = {True: "yes", False: "no", None: "unknown"}
_A_FEW_DAYS = 72
_HEADER = ("device", "id", "class", "group", "driver now", "native driver", "used by")


def write_facts(records: Iterable[HostRecord], at: datetime) -> str:
    """Return a block per host: kernel, CPU, libvirt, and its PCI functions.

    Args:
        records: What is known of the hosts.
        at: The time that ages are counted from.
    """
    return "\n".join(_block(record, at) for record in records)


def describe_age(record: HostRecord, at: datetime) -> str:
    """Return how long ago a record was made, such as `3 days ago`."""
    hours = int((at - datetime.fromisoformat(record.collected_at)).total_seconds() // 3600)
    if hours < 1:
        return "just now"
    number, unit = (hours, "hour") if hours < _A_FEW_DAYS else (hours // 24, "day")
    return f"{number} {unit}{'s' if number != 1 else ''} ago"


def _block(record: HostRecord, at: datetime) -> str:
    facts = record.facts
    kernel = facts.kernel
    libvirt = (
        f"libvirt {_version(facts.libvirt.libvirt)}, QEMU {_version(facts.libvirt.qemu)}"
        if facts.libvirt
        else "no libvirt"
    )
    head = (
        f"{record.host}  {facts.arch}, {facts.cpu.model}, {libvirt}  [{record.collected_at}, "
        f"{describe_age(record, at)}]\n"
        f"  kernel {kernel.release}, pages of {kernel.page_size_kib} KiB; "
        f"NORMAL_NC in BTF: {_SHOWN[kernel.normal_nc_marker]}, "
        f"capability 243: {kernel.capability_on_kvm or 'unknown'} on /dev/kvm, "
        f"{kernel.capability_on_vm or 'unknown'} on a VM; "
        f"FWB {_SHOWN[facts.cpu.fwb]}, DIC {_SHOWN[facts.cpu.dic]}\n"
    )
    rows = [_row(record, device) for device in facts.devices]
    return head + (write_table(_HEADER, rows, indent="  ") if rows else "  no PCI functions\n")


def _row(record: HostRecord, device: PciDevice) -> tuple[str, ...]:
    binding = record.state.bindings.get(device.address)
    return (
        device.address,
        device.id,
        device.device_class,
        "none" if device.iommu_group is None else str(device.iommu_group),
        (binding.driver if binding else None) or "-",
        device.native_driver or "-",
        ", ".join(device.used_by) or "-",
    )


def _version(number: int) -> str:
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def facts_document(records: Iterable[HostRecord], at: datetime) -> list[dict[str, object]]:
    """Return the facts of hosts as plain data."""
    return [
        {
            "host": record.host,
            "collectedAt": record.collected_at,
            "age": describe_age(record, at),
            "facts": record.facts.model_dump(mode="json", by_alias=True),
        }
        for record in records
    ]
