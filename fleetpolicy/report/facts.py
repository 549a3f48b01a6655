"""Write what is known of hosts."""

from collections.abc import Iterable

from fleetpolicy.model.record import HostRecord, PciDevice
from fleetpolicy.report.table import write_table

_SHOWN = {True: "yes", False: "no", None: "unknown"}
_HEADER = ("device", "id", "class", "group", "driver now", "native driver", "used by")


def write_facts(records: Iterable[HostRecord]) -> str:
    """Return a block per host: kernel, CPU, libvirt, and its PCI functions."""
    return "\n".join(_block(record) for record in records)


def _block(record: HostRecord) -> str:
    facts = record.facts
    kernel = facts.kernel
    libvirt = (
        f"libvirt {_version(facts.libvirt.libvirt)}, QEMU {_version(facts.libvirt.qemu)}"
        if facts.libvirt
        else "no libvirt"
    )
    head = (
        f"{record.host}  {facts.arch}, {facts.cpu.model}, {libvirt}  [{record.collected_at}]\n"
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


def facts_document(records: Iterable[HostRecord]) -> list[dict[str, object]]:
    """Return the facts of hosts as plain data."""
    return [
        {
            "host": record.host,
            "collectedAt": record.collected_at,
            "facts": record.facts.model_dump(mode="json", by_alias=True),
        }
        for record in records
    ]
