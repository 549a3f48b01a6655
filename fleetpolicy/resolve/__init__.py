"""Resolve a policy against an inventory and facts: what every host is to be, and why."""

from collections.abc import Iterator, Mapping
from operator import attrgetter

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Severity, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.fleet import (
    Assignment,
    Fleet,
    FleetHost,
    HostClass,
    Kernel,
    OptOut,
    Setting,
)
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.mapping import features_of
from fleetpolicy.model.policy import DevicePolicy
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.resolve.assignments import assign, fall_back, find_lost_memory
from fleetpolicy.resolve.blacklists import find_blacklisted
from fleetpolicy.resolve.claims import Claim, claim_devices, matches_device
from fleetpolicy.resolve.grouping import group_hosts, names_hosts
from fleetpolicy.resolve.guest_checks import check_guests
from fleetpolicy.resolve.guests import resolve_guests
from fleetpolicy.resolve.ids import find_taken_by_ids
from fleetpolicy.resolve.iommu import complete_groups
from fleetpolicy.resolve.kernel import choose_kernel, choose_platform
from fleetpolicy.resolve.kernel_rules import HOST_SKIPPED
from fleetpolicy.resolve.optout import choose_opt_out, with_opt_out
from fleetpolicy.resolve.rules import UNMATCHED_POLICY
from fleetpolicy.resolve.settings import (
    collect_module_settings,
    with_withheld,
)
from fleetpolicy.resolve.signing import find_unsigned
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.resolve.words import collect_settings


def resolve(
    policy: PolicySet, inventory: Inventory, records: Mapping[str, HostRecord]
) -> tuple[Fleet, tuple[Diagnostic, ...]]:
    """Return the fleet, every class of equal hosts worked out once.

    Returns:
        The fleet without the hosts that have an error, and every finding.
    """
    situations, found = group_hosts(policy, inventory, records)
    findings = [*found, *_find_unmatched(policy, inventory, situations)]
    guests: dict[str, dict[str, Span]] = {}
    for guest in policy.guests:
        guests.setdefault(guest.model.spec.host, {})[guest.model.metadata.name] = guest.span
    classes: list[HostClass] = []
    hosts: list[FleetHost] = []
    skipped: dict[str, str] = {}
    for situation in situations:
        resolved = _resolve_class(situation)
        findings += resolved.findings
        members = (situation.host, *situation.others)
        skip = next((item for item in resolved.findings if item.rule is HOST_SKIPPED), None)
        if skip:
            skipped |= dict.fromkeys(members, skip.why)
        elif resolved.host_class:
            hosts += (_place(name, len(classes), guests.get(name, {})) for name in members)
            classes.append(resolved.host_class)
    hosts.sort(key=attrgetter("name"))
    return Fleet(tuple(hosts), tuple(classes), skipped, policy.revision), tuple(findings)


def _place(name: str, index: int, guests: Mapping[str, Span]) -> FleetHost:
    return FleetHost(name, index, tuple(guests), tuple(guests.values()))


class _Resolved(Struct, frozen=True):
    """A class of hosts, or None where it has an error."""

    host_class: HostClass | None
    findings: tuple[Diagnostic, ...]


def _resolve_class(situation: Situation) -> _Resolved:
    """Return what a class of equal hosts is to be."""
    claims, found = claim_devices(situation)
    companions, partners = complete_groups(situation, claims)
    taken = (*claims, *companions)
    module_settings, unknown = collect_module_settings(situation)
    findings = (*found, *partners, *unknown)
    kernel = choose_kernel(situation)
    if isinstance(kernel, Diagnostic):
        return _Resolved(None, (kernel, *findings))
    opt_out = choose_opt_out(situation, kernel)
    if isinstance(opt_out, Diagnostic):
        if taken:
            return _Resolved(None, (opt_out, *findings))
        opt_out = None  # a host that gives nothing away has nothing to opt out of
    kernel = with_opt_out(kernel, opt_out)
    assignments, assigned = _assign_all(situation, taken, kernel, opt_out)
    settings, conflicts = collect_settings(situation, opt_out)
    module_settings, contradicting = with_withheld(situation, module_settings, assignments)
    refused = _check_modules(situation, settings, assignments)
    findings = (*findings, *assigned, *conflicts, *contradicting, *refused)
    if _is_stopped(findings):
        return _Resolved(None, findings)
    guests = resolve_guests(situation, assignments)
    findings = (*findings, *check_guests(situation, guests, settings))
    if _is_stopped(findings):
        return _Resolved(None, findings)
    host_class = HostClass(
        facts=situation.facts,
        facts_source=situation.facts_source,
        platform=choose_platform(situation),
        features=features_of(situation.facts),
        kernel=kernel,
        settings=settings,
        module_settings=module_settings,
        assignments=assignments,
        guests=guests,
        opt_out=opt_out,
    )
    return _Resolved(host_class, findings)


def _check_modules(
    situation: Situation, settings: tuple[Setting, ...], assignments: tuple[Assignment, ...]
) -> Iterator[Diagnostic]:
    yield from find_blacklisted(situation, settings, assignments)
    yield from find_unsigned(situation, assignments)
    yield from find_taken_by_ids(situation, assignments)


def _is_stopped(findings: tuple[Diagnostic, ...]) -> bool:
    return any(item.rule.severity is Severity.ERROR for item in findings)


def _assign_all(
    situation: Situation, taken: tuple[Claim, ...], kernel: Kernel | None, opt_out: OptOut | None
) -> tuple[tuple[Assignment, ...], tuple[Diagnostic, ...]]:
    """Return every assignment by address, after any fallback."""
    findings: list[Diagnostic] = []
    assignments: list[Assignment] = []
    for claim in taken:
        assigned = assign(situation, claim, kernel, opt_out)
        if isinstance(assigned, Diagnostic):
            findings.append(assigned)
            continue
        if not claim.companion:
            assigned, finding = fall_back(situation, claim, assigned, kernel)
            findings += [finding] if finding else []
            lost = find_lost_memory(situation, claim, assigned)
            findings += [lost] if lost else []
        assignments.append(assigned)
    assignments.sort(key=lambda assignment: assignment.device.address)
    return tuple(assignments), tuple(findings)


def _find_unmatched(
    policy: PolicySet, inventory: Inventory, situations: tuple[Situation, ...]
) -> Iterator[Diagnostic]:
    """Find policies that match no device, unless hosts are unknown that they could match."""
    judged = sum(1 + len(situation.others) for situation in situations)
    if judged < len(inventory.names):
        return
    matched = {
        located.model.metadata.name
        for situation in situations
        for located in situation.applicable
        if any(
            matches_device(located.model.spec, device, situation.serials.get(device.address))
            for device in situation.facts.devices
        )
    }
    for located in policy.device_policies:
        name = located.model.metadata.name
        if name not in matched and names_hosts(located.model.spec.match.hosts, inventory):
            yield UNMATCHED_POLICY.at(
                located.span_of(("spec", "match")),
                why=f"{name} matches no device of {amount(judged, 'host')}"
                f"{_near_miss(located, situations)}",
                fix="correct the match, or remove the policy",
            )


def _near_miss(policy: Located[DevicePolicy], situations: tuple[Situation, ...]) -> str:
    """Return what sits where a policy expects one device by its address; empty if nothing does."""
    match = policy.model.spec.match.device
    for situation in situations:
        for device in situation.facts.devices:
            if device.address == match.address and policy in situation.applicable:
                serial = situation.serials.get(device.address, "unknown")
                seen = f"{device.id}, class {device.device_class}, serial {serial}"
                return f"; {device.address} of {situation.host} is {seen}"
    return ""
