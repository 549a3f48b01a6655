"""Resolve a policy against an inventory and facts: what every host is to be, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.diagnostics import Diagnostic, Severity
from fleetpolicy.model.fleet import Assignment, Fleet, FleetHost, HostClass, Kernel, OptOut
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.mapping import features_of
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.resolve.assignments import assign, assign_companion, fall_back
from fleetpolicy.resolve.claims import Claim, claim_devices, matches_device
from fleetpolicy.resolve.grouping import group_hosts
from fleetpolicy.resolve.guests import resolve_guests
from fleetpolicy.resolve.iommu import complete_groups
from fleetpolicy.resolve.kernel import choose_kernel, choose_platform
from fleetpolicy.resolve.optout import choose_opt_out, with_opt_out
from fleetpolicy.resolve.rules import HOST_SKIPPED, UNMATCHED_POLICY
from fleetpolicy.resolve.settings import collect_module_settings, collect_settings
from fleetpolicy.resolve.situation import Situation


def resolve(
    policy: PolicySet, inventory: Inventory, records: Mapping[str, HostRecord]
) -> tuple[Fleet, tuple[Diagnostic, ...]]:
    """Return the fleet, every class of equal hosts worked out once.

    Returns:
        The fleet without the hosts that have an error, and every finding.
    """
    situations, found = group_hosts(policy, inventory, records)
    findings = [*found, *_find_unmatched(policy, inventory, situations)]
    guests: dict[str, list[str]] = {}
    for guest in policy.guests:
        guests.setdefault(guest.model.spec.host, []).append(guest.model.metadata.name)
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
            hosts += (
                FleetHost(name, len(classes), tuple(guests.get(name, ()))) for name in members
            )
            classes.append(resolved.host_class)
    hosts.sort(key=lambda host: host.name)
    return Fleet(tuple(hosts), tuple(classes), skipped, policy.revision), tuple(findings)


@dataclass(frozen=True, slots=True)
class _Resolved:
    """A class of hosts, or None where it has an error."""

    host_class: HostClass | None
    findings: tuple[Diagnostic, ...]


def _resolve_class(situation: Situation) -> _Resolved:
    """Return what a class of equal hosts is to be."""
    kernel = choose_kernel(situation)
    if isinstance(kernel, Diagnostic):
        return _Resolved(None, (kernel,))
    opt_out = choose_opt_out(situation, kernel)
    if isinstance(opt_out, Diagnostic):
        return _Resolved(None, (opt_out,))
    kernel = with_opt_out(kernel, opt_out)
    assignments, assigned = _assign_all(situation, kernel, opt_out)
    settings, conflicts = collect_settings(situation, opt_out)
    module_settings, unknown = collect_module_settings(situation)
    findings = (*assigned, *conflicts, *unknown)
    if any(item.rule.severity is Severity.ERROR for item in findings):
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
        guests=resolve_guests(situation, assignments),
        opt_out=opt_out,
    )
    return _Resolved(host_class, findings)


def _assign_all(
    situation: Situation, kernel: Kernel | None, opt_out: OptOut | None
) -> tuple[tuple[Assignment, ...], tuple[Diagnostic, ...]]:
    """Return every assignment by address, group companions included."""
    claims, found = claim_devices(situation)
    companions, partners = complete_groups(situation, claims)
    findings: list[Diagnostic] = [*found, *partners]
    assignments: list[Assignment] = []
    for claim, companion in (*_flag(claims, False), *_flag(companions, True)):
        place = assign_companion if companion else assign
        assigned = place(situation, claim, kernel, opt_out)
        if isinstance(assigned, Diagnostic):
            findings.append(assigned)
            continue
        if not companion:
            assigned, finding = fall_back(situation, claim, assigned, kernel)
            findings += [finding] if finding else []
        assignments.append(assigned)
    assignments.sort(key=lambda assignment: assignment.device.address)
    return tuple(assignments), tuple(findings)


def _flag(claims: tuple[Claim, ...], companion: bool) -> Iterator[tuple[Claim, bool]]:  # noqa: FBT001
    return ((claim, companion) for claim in claims)


def _find_unmatched(
    policy: PolicySet, inventory: Inventory, situations: tuple[Situation, ...]
) -> Iterator[Diagnostic]:
    """Find policies that match no device, unless hosts were left out that they could match."""
    if len(inventory.hosts) != len(inventory.names) or not situations:
        return
    for located in policy.device_policies:
        matched = any(
            matches_device(located.model.spec, device, situation.serials.get(device.address))
            for situation in situations
            if located in situation.applicable
            for device in situation.facts.devices
        )
        if not matched:
            yield UNMATCHED_POLICY.at(
                located.span_of(("spec", "match")),
                why=f"{located.model.metadata.name} matches no device of {len(inventory.hosts)} "
                "hosts",
                fix="correct the match, or remove the policy",
            )
