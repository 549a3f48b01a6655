"""Judge what runs on a host: command line, module parameters, drivers, IOMMU groups."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

from fleetpolicy.diagnostics import Diagnostic, Rule
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.runtime import (
    COMMAND_LINE,
    DRIVER,
    INITRAMFS,
    MODULE_PARAMETER,
    Unmet,
    lacks_next,
    lacks_words,
)
from fleetpolicy.verify.rules import (
    COMMAND_LINE_UNMET,
    DRIVER_NOT_BOUND,
    FILE_NOT_IN_PLACE,
    GROUP_NOT_VIABLE,
    MODULE_PARAMETER_UNMET,
    NEXT_KERNEL_LACKS_DRIVER,
)
from fleetpolicy.verify.subject import subject_of

_BRIDGE = "0604"
_HARMLESS = frozenset({"pci-stub"})
IMAGE_FIX = "bring them into the host's image or machine, as fleetpolicy plan says"
_RULES: Mapping[str, Rule] = MappingProxyType(
    {
        COMMAND_LINE: COMMAND_LINE_UNMET,
        MODULE_PARAMETER: MODULE_PARAMETER_UNMET,
        DRIVER: DRIVER_NOT_BOUND,
        INITRAMFS: FILE_NOT_IN_PLACE,
    }
)
_FIXES: Mapping[str, str] = MappingProxyType(
    {
        COMMAND_LINE: "reboot the host: fleetpolicy apply; if it has booted since, see "
        "fleetpolicy explain FP501",
        MODULE_PARAMETER: "reboot the host: fleetpolicy apply; if it has booted since, look for "
        "another options line: modprobe -c",
        DRIVER: "reboot the host: fleetpolicy apply; if it has booted since, look for who took "
        "the device: lspci -nnk",
        INITRAMFS: "make the image anew: fleetpolicy apply; if that does not help, look for what "
        "keeps files out: update_initramfs= of /etc/initramfs-tools, omit_drivers of dracut.conf.d",
    }
)


def judge_running(what: str, missing: Iterable[Unmet], record: HostRecord) -> Iterator[Diagnostic]:
    """Find what the running host lacks of one sort."""
    is_given = record.facts.boot.initramfs == "image"
    for item in missing:
        if item.what == what:
            yield _RULES[what].at(
                item.origin,
                why=str(item),
                fix=IMAGE_FIX if what == INITRAMFS and is_given else _FIXES[what],
                subject=subject_of(record, item.subject if what == DRIVER else ""),
            )


def find_next_words(rule: Rule, host_class: HostClass, record: HostRecord) -> Iterator[Diagnostic]:
    """Find words that an image-based host will boot without, as far as that is known."""
    lacking = tuple(lacks_words(host_class, record.state))
    if lacking and record.state.next_command_line is not None:
        yield rule.at(
            min(item.origin for item in lacking),
            why=f"the entry that boots next lacks {' '.join(item.wanted for item in lacking)}",
            fix=IMAGE_FIX,
            subject=subject_of(record),
        )


def judge_next_kernel(host_class: HostClass, record: HostRecord) -> Iterator[Diagnostic]:
    """Find drivers that the kernel which boots next does not have."""
    for item in lacks_next(host_class, record.state):
        yield NEXT_KERNEL_LACKS_DRIVER.at(
            item.origin,
            why=f"{item.subject} would be {item.seen}; policy wants {item.wanted}",
            fix="install the module for that kernel before the host reboots, or have it boot the "
            "running one; then look again",
            subject=subject_of(record, item.subject),
        )


def judge_groups(
    host_class: HostClass, record: HostRecord, vfio_drivers: Collection[str]
) -> Iterator[Diagnostic]:
    """Find functions that keep the IOMMU group of an assigned device from being opened.

    Args:
        host_class: What the host is to be.
        record: What it showed.
        vfio_drivers: Names as /sys/bus/pci/drivers spells them.
    """
    judged: set[int] = set()
    assigned = {item.device.address for item in host_class.assignments}
    for assignment in host_class.assignments:
        group = _group_of(record, assignment.device.address)
        if group is None:
            yield GROUP_NOT_VIABLE.at(
                assignment.driver_origin,
                why=f"{assignment.device.address} is in no IOMMU group",
                fix="switch the SMMU or IOMMU on in firmware, boot, and look at what the kernel "
                "says: journalctl -k -g 'smmu|iommu'",
                subject=subject_of(record, assignment.device.address),
            )
        elif group not in judged:
            judged.add(group)
            for partner, driver in _strangers(record, group, vfio_drivers):
                yield GROUP_NOT_VIABLE.at(
                    assignment.driver_origin,
                    why=f"IOMMU group {group} of {assignment.device.address}: "
                    f"{partner} is bound to {driver}",
                    fix=_FIXES[DRIVER]
                    if partner in assigned
                    else f"match {partner} too, or set spec.group: take-all",
                    subject=subject_of(record, assignment.device.address),
                )


def _group_of(record: HostRecord, address: str) -> int | None:
    return next(
        (item.iommu_group for item in record.facts.devices if item.address == address), None
    )


def _strangers(
    record: HostRecord, group: int, vfio_drivers: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Return the functions of a group that a driver other than VFIO's owns, with the driver.

    Source:
        Linux drivers/iommu/iommu.c, iommu_device_use_default_domain(): pcieport and pci-stub
        manage DMA themselves and leave a group viable.
    """
    for device in record.facts.devices:
        if device.iommu_group != group or device.device_class.startswith(_BRIDGE):
            continue
        binding = record.state.bindings.get(device.address)
        driver = binding.driver if binding else None
        if driver and driver not in vfio_drivers and driver not in _HARMLESS:
            yield device.address, driver
