"""Choose one host of a fleet by name."""

from difflib import get_close_matches

from fleetpolicy.diagnostics import (
    Diagnostic,
    ExitStatus,
    FleetPolicyError,
    Profile,
    errors,
    spoken,
)
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.pipeline.loading import Hosts, Loaded
from fleetpolicy.pipeline.rules import UNKNOWN_SUBJECT
from fleetpolicy.pipeline.work import Work


def choose_host(work: Work, name: str, profile: Profile) -> FleetHost:
    """Return the host of that name.

    Raises:
        FleetPolicyError: The inventory has no such host, or findings leave it out of the fleet.
    """
    for host in work.fleet.hosts:
        if host.name == name:
            return host
    names = sorted(work.loaded.inventory.hosts)
    if name in names:
        about = [
            item
            for item in errors(spoken(work.findings, profile), profile)
            if name in (item.subject.host, *item.subject.others)
        ]
        if about:
            unseen = all(item in work.unseen for item in about)
            status = ExitStatus.UNREACHABLE if unseen else ExitStatus.INVALID
            raise FleetPolicyError(*about, status=status)
    if name in work.fleet.skipped:
        raise FleetPolicyError(
            UNKNOWN_SUBJECT.at(
                work.loaded.inventory.source,
                why=f"policy skips {name}: {work.fleet.skipped[name]}",
                fix="give the host what it lacks, or ask for what it has",
            )
        )
    raise FleetPolicyError(missing_host(work.loaded, name))


def missing_host(loaded: Hosts | Loaded, name: str) -> Diagnostic:
    """Return a finding about a host that the inventory, or --limit, does not have."""
    names = sorted(loaded.inventory.hosts)
    if name in loaded.inventory.names:
        why, fix = f"--limit leaves {name} out", "name it in --limit, or leave --limit away"
    else:
        near = get_close_matches(name, names, n=1)
        why = f"it has no host {name}"
        fix = f"write {near[0]}" if near else f"name one of its {amount(len(names), 'host')}"
    return UNKNOWN_SUBJECT.at(loaded.inventory.source, why=why, fix=fix)


def check_device(work: Work, host: FleetHost, address: str) -> None:
    """Refuse an address at which a host has nothing.

    Raises:
        FleetPolicyError: With status INVALID.
    """
    devices = [item.address for item in work.fleet.class_of(host).facts.devices]
    if address in devices:
        return
    near = get_close_matches(address, devices, n=1)
    raise FleetPolicyError(
        UNKNOWN_SUBJECT.at(
            work.records[host.name].span,
            why=f"{host.name} has no PCI device {address}",
            fix=f"write {near[0]}" if near else f"name one of {', '.join(devices) or 'no device'}",
        )
    )
