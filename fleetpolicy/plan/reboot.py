"""Say why a host has to boot, and what must be shut down first."""

from collections.abc import Iterable, Iterator

from fleetpolicy.diagnostics import Diagnostic, Span, Subject
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.commandline import FILE_BY_LOADER, IMAGE_BASED
from fleetpolicy.model.difference import Difference
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.runtime import (
    COMMAND_LINE,
    DRIVER,
    MODULE_PARAMETER,
    Unmet,
    lacks_next,
)
from fleetpolicy.plan.rules import NEXT_KERNEL_LACKS_DRIVER, NOT_CONVERGED

_DONE = {Verb.CREATE: "is new", Verb.CHANGE: "changes", Verb.REMOVE: "goes"}
_ENTRIES = {
    "grub": "/boot/grub/grub.cfg",
    "grub-bls": "/boot/loader/entries",
    IMAGE_BASED: "/boot/loader/entries",
    "systemd-boot": "what bootctl list prints",
}
_LOOK_AT = {
    MODULE_PARAMETER: "look for another options line and a stale initramfs: modprobe -c, then "
    "lsinitramfs or lsinitrd",
    DRIVER: "look for who took the device first: journalctl -b -k, lspci -nnk, and the device's "
    "driver_override in /sys/bus/pci/devices",
}


def boot_reasons(differences: Iterable[Difference]) -> tuple[str, ...]:
    """Return why changed files need a boot, each with the lines of policy that changed them."""
    return tuple(
        f"{item.kind.value}: {item.path} {_DONE[item.verb]}{_because(item)}"
        for item in differences
        if item.needs_boot
    )


def _because(difference: Difference) -> str:
    origins = difference.artifact.origins if difference.artifact else ()
    return f" ({', '.join(str(origin) for origin in origins)})" if origins else ""


def pending_reasons(missing: tuple[Unmet, ...]) -> tuple[str, ...]:
    """Return why a boot that was put off is still needed."""
    return tuple(f"pending reboot: {item} ({item.origin})" for item in missing)


def has_booted_since(record: HostRecord) -> bool:
    """Return whether the host booted after the last deployment; one without any counts as not."""
    manifest = record.state.manifest
    return manifest is not None and manifest.boot_id != record.identity.boot_id


def find_not_converged(record: HostRecord, missing: tuple[Unmet, ...]) -> Iterator[Diagnostic]:
    """Find what a boot did not bring."""
    for item in missing:
        yield NOT_CONVERGED.at(
            _place(item, record),
            why=f"{item}, though the host booted since it was deployed",
            fix=f"{_look_at(item, record)}; then correct the policy, or reboot the host yourself",
            subject=Subject(
                record.host,
                device=item.subject if item.what == DRIVER else "",
                facts=f"{record.span.path}, {record.collected_at[:10]}",
            ),
        )


def _look_at(item: Unmet, record: HostRecord) -> str:
    """Say where to look for the reason that something is missing."""
    if item.what != COMMAND_LINE:
        return _LOOK_AT[item.what]
    loader = record.facts.boot.loader or ""
    files = (FILE_BY_LOADER.get(loader), _ENTRIES.get(loader))
    named = " and ".join(name for name in files if name) or "the boot loader's configuration"
    return f"read {named}, and find out which entry booted: cat /proc/cmdline"


def find_next_kernel(host_class: HostClass, record: HostRecord) -> Iterator[Diagnostic]:
    """Find drivers that the kernel which boots next does not have."""
    for item in lacks_next(host_class, record.state):
        yield NEXT_KERNEL_LACKS_DRIVER.at(
            item.origin,
            why=f"{item.subject} would be {item.seen}; policy wants {item.wanted}",
            fix="install the module for that kernel, or have the host boot the running one; then "
            "plan again",
            subject=Subject(
                record.host,
                device=item.subject,
                facts=f"{record.span.path}, {record.collected_at[:10]}",
            ),
        )


def _place(item: Unmet, record: HostRecord) -> Span:
    return item.origin if item.origin.path else record.span


def guests_to_shut(
    differences: Iterable[Difference], running: tuple[str, ...], *, reboots: bool
) -> tuple[str, ...]:
    """Return the running domains that are in the way, sorted."""
    if reboots:
        return tuple(sorted(running))
    changing = {
        item.name
        for item in differences
        if item.kind is ArtifactKind.DOMAIN and item.verb is not Verb.CREATE
    }
    return tuple(sorted(changing & set(running)))
