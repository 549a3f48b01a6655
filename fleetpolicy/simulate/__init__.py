"""Simulate which mapping a guest really gets for every region of every assigned device."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Subject
from fleetpolicy.model.fleet import Assignment, Fleet, HostClass
from fleetpolicy.model.mapping import map_region, shortfalls
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.simulation import DeviceMapping, Simulation
from fleetpolicy.simulate.invariants import list_violations
from fleetpolicy.simulate.outcomes import list_outcomes
from fleetpolicy.simulate.points import list_points
from fleetpolicy.simulate.rules import (
    CONTAINMENT_NOT_ATTESTED,
    INVARIANT_BROKEN,
    MAPPING_NOT_HONOURED,
    NO_SUCH_CHOICE,
)

__all__ = ["list_outcomes", "list_points", "simulate"]

_WAYS_OUT = {
    MappingMode.CACHEABLE: "ask for normal-nc, or give the host era C with FWB and DIC and the "
    "device its coherent variant driver",
    MappingMode.NORMAL_NC: "ask for device, or boot a kernel of era B or C",
    MappingMode.DEVICE: "see the ways of the global opt-out: fleetpolicy explain FP215",
    MappingMode.TRAPPED: "remove the mapping",
}


def simulate(fleet: Fleet) -> tuple[Simulation, tuple[Diagnostic, ...]]:
    """Return every class's mappings, and where they are not what was asked for.

    Returns:
        One DeviceMapping per assignment, companions of an IOMMU group included, in the order of
        the class's assignments.
    """
    names: list[list[str]] = [[] for _ in fleet.classes]
    for host in fleet.hosts:
        names[host.index].append(host.name)
    rows: list[tuple[DeviceMapping, ...]] = []
    findings: list[Diagnostic] = []
    for host_class, members in zip(fleet.classes, names, strict=True):
        guests = _guest_of(host_class)
        rows.append(
            tuple(
                _map(host_class, assignment, guests.get(assignment.device.address, ""))
                for assignment in host_class.assignments
            )
        )
        findings += _judge(host_class, tuple(members))
    return Simulation(tuple(rows)), tuple(findings)


def _guest_of(host_class: HostClass) -> dict[str, str]:
    return {
        device.assignment.device.address: guest.name
        for guest in host_class.guests
        for device in guest.devices
    }


def _map(host_class: HostClass, assignment: Assignment, guest: str) -> DeviceMapping:
    return DeviceMapping(
        device=assignment.device.address,
        id=assignment.device.id,
        driver=assignment.driver.name,
        declared=assignment.declared,
        effective=assignment.mapping,
        guest=guest,
        regions=tuple(
            map_region(region, assignment.mapping, host_class.kernel, host_class.features)
            for region in assignment.regions
        ),
    )


def _judge(host_class: HostClass, members: tuple[str, ...]) -> Iterator[Diagnostic]:
    """Find mappings that the hosts do not honour, and what nobody attests."""
    if not members:
        return
    for assignment in host_class.assignments:
        if assignment.companion:
            continue
        subject = _subject(host_class, members, assignment.device.address)
        missing = shortfalls(assignment, host_class.kernel, host_class.facts)
        if missing:
            yield MAPPING_NOT_HONOURED.at(
                assignment.mapping_origin,
                why=f"{assignment.device.address} ({assignment.device.id}) cannot have "
                f"{assignment.mapping.value}: {'; '.join(missing)}",
                fix=f"{_way_out(assignment, host_class)}; or set onUnsupported: trapped or "
                "skip-host",
                subject=subject,
            )
        elif host_class.kernel is None and assignment.mapping is not MappingMode.TRAPPED:
            yield NO_SUCH_CHOICE.at(
                assignment.mapping_origin,
                why=f"{assignment.device.address} ({assignment.device.id}) is on an x86_64 host",
                fix="nothing is to be done; match arm64 hosts alone to silence this",
                subject=subject,
            )
    yield from _judge_invariants(host_class, members)
    yield from _judge_platform(host_class, members)


def _way_out(assignment: Assignment, host_class: HostClass) -> str:
    """Return what would help a host: nobody can give a CPU a feature that it lacks."""
    cpu = host_class.facts.cpu
    is_coherent = any(region.vma.pgprot.is_cacheable for region in assignment.regions)
    if assignment.mapping is MappingMode.CACHEABLE and host_class.kernel and is_coherent:
        if False in {cpu.fwb, cpu.dic}:
            return "ask for normal-nc, or take a host whose CPU has FWB and DIC"
        if None in {cpu.fwb, cpu.dic}:
            return (
                "run fleetpolicy facts collect for this host, and ask for normal-nc if it still "
                "shows no FWB and DIC"
            )
    return _WAYS_OUT[assignment.mapping]


def _judge_invariants(host_class: HostClass, members: tuple[str, ...]) -> Iterator[Diagnostic]:
    for assignment, region, verdict in list_violations(host_class):
        if verdict.witness is None:
            continue
        invariant, violation = verdict.invariant, verdict.witness.violation
        trace = f"\n{violation.trace}" if violation.trace else ""
        yield INVARIANT_BROKEN.at(
            assignment.mapping_origin,
            why=f"{assignment.device.address} {region.name} breaks {invariant.id} "
            f"{invariant.name}: {violation.why}; hurt: {violation.harmed.value} "
            f"({invariant.source}){trace}",
            fix=f"{_WAYS_OUT[assignment.mapping]}; or bind the device to vfio-pci, or trap it",
            subject=_subject(host_class, members, assignment.device.address),
        )


def _judge_platform(host_class: HostClass, members: tuple[str, ...]) -> Iterator[Diagnostic]:
    if not host_class.assignments or (host_class.platform and host_class.platform.attested):
        return
    firmware = host_class.facts.firmware
    machine = f"{firmware.vendor} {firmware.product}".strip() or "a machine without a DMI name"
    platform = host_class.platform
    who = (
        f"{platform.by} does not attest it (PlatformProfile {platform.profile})"
        if platform
        else "no PlatformProfile knows it"
    )
    yield CONTAINMENT_NOT_ATTESTED.at(
        host_class.assignments[0].mapping_origin,
        why=f"{machine}: {who}",
        fix="ask the vendor for SBSA PCI_ER_01/04/05/06 and RAS_10..12 of its root ports, then add "
        "a PlatformProfile with containment.attested: true and by whom",
        subject=_subject(host_class, members, ""),
    )


def _subject(host_class: HostClass, members: tuple[str, ...], device: str) -> Subject:
    return Subject(members[0], members[1:], device, host_class.facts_source)
