"""Silence the findings that exceptions name, on their hosts, until they end."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Rule
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.exceptions import ended, waiver_of
from fleetpolicy.pipeline.loading import Loaded
from fleetpolicy.pipeline.rules import EXCEPTION_IDLE, all_rules
from fleetpolicy.resolve.claims import fits
from fleetpolicy.resolve.grouping import matches_host, names_hosts

_OF_THE_MAPPING = frozenset({"FP301", "FP705"})
"""What the global opt-out decides; it comes before exceptions."""


class Scene(Struct, frozen=True):
    """What exceptions are carried out on.

    Args:
        sheltered: Hosts under the global opt-out.
        known: Hosts of which everything is known that the stages can find.
    """

    loaded: Loaded
    records: Mapping[str, HostRecord]
    sheltered: frozenset[str]
    known: frozenset[str]


def set_scene(loaded: Loaded, records: Mapping[str, HostRecord], fleet: Fleet) -> Scene:
    """Return the scene of a fleet that was worked out."""
    sheltered = (host.name for host in fleet.hosts if fleet.class_of(host).opt_out)
    known = (*(host.name for host in fleet.hosts), *fleet.skipped)
    return Scene(loaded, records, frozenset(sheltered), frozenset(known))


def silence(findings: Iterable[Diagnostic], scene: Scene) -> tuple[Diagnostic, ...]:
    """Return the findings, those on hosts of an exception split off and given its waiver."""
    loaded = scene.loaded
    gone = {item.model.metadata.name for item in ended(loaded.policy, loaded.today)}
    for located in loaded.policy.exceptions:
        if located.model.metadata.name not in gone:
            findings = _apply(located, findings, scene)
    return tuple(findings)


def find_idle(
    findings: Iterable[Diagnostic], scene: Scene, judged: tuple[str, ...], latest: tuple[str, ...]
) -> Iterator[Diagnostic]:
    """Find exceptions that silence nothing, though all was judged that they could silence.

    Args:
        findings: All of the run, silenced ones included.
        scene: What was judged.
        judged: How the ids begin of the rules that were judged.
        latest: Those among them that were judged last; what needs none of them was told before.
    """
    loaded = scene.loaded
    if len(loaded.inventory.hosts) < len(loaded.inventory.names):
        return
    gone = {item.model.metadata.name for item in ended(loaded.policy, loaded.today)}
    busy = gone | {item.waiver.name for item in findings if item.waiver}
    for located in loaded.policy.exceptions:
        spec, name = located.model.spec, located.model.metadata.name
        hosts = _hosts_of(located, scene)
        is_judged = all(rule.startswith(judged) for rule in spec.rules)
        is_new = any(rule.startswith(latest) for rule in spec.rules)
        if name in busy or not (is_judged and is_new and hosts <= scene.known):
            continue
        if not _can_be_silenced(spec.rules) or not names_hosts(spec.hosts, loaded.inventory):
            continue
        count = amount(len(hosts), "host")
        yield EXCEPTION_IDLE.at(
            located.span_of(("spec", "rules")),
            why=f"{name} is for {count} without a finding of {' or '.join(spec.rules)}",
            fix="remove it, or correct its hosts and rules",
        )


def _can_be_silenced(rule_ids: Iterable[str]) -> bool:
    rules: list[Rule | None] = [all_rules().get(item) for item in rule_ids]
    return all(rule is not None and rule.waivable for rule in rules)


def _hosts_of(located: Located[PolicyException], scene: Scene) -> frozenset[str]:
    inventory, match = scene.loaded.inventory, located.model.spec.hosts
    return frozenset(
        name for name, host in inventory.hosts.items() if matches_host(match, host, inventory)
    )


def _apply(
    located: Located[PolicyException], findings: Iterable[Diagnostic], scene: Scene
) -> list[Diagnostic]:
    spec = located.model.spec
    hosts = _hosts_of(located, scene)
    waiver = waiver_of(located)
    applied: list[Diagnostic] = []
    for item in findings:
        if item.waiver or not item.rule.waivable or item.rule.id not in spec.rules:
            applied.append(item)
            continue
        every = tuple(name for name in (item.subject.host, *item.subject.others) if name)
        taken = tuple(
            name for name in every if name in hosts and _covers(located, item, name, scene)
        )
        rest = tuple(name for name in every if name not in frozenset(taken))
        if rest or not every:
            applied.append(_narrow(item, rest, scene))
        if taken:
            applied.append(replace(_narrow(item, taken, scene), waiver=waiver))
    return applied


def _covers(located: Located[PolicyException], item: Diagnostic, host: str, scene: Scene) -> bool:
    """Tell whether an exception speaks for a finding on one of its hosts."""
    if item.rule.id in _OF_THE_MAPPING and host in scene.sheltered:
        return False
    match, record = located.model.spec.devices, scene.records.get(host)
    if match is None or record is None:
        return match is None
    serial = record.identity.serials.get(item.subject.device)
    return any(
        device.address == item.subject.device and fits(match, device, serial)
        for device in record.facts.devices
    )


def _narrow(item: Diagnostic, hosts: tuple[str, ...], scene: Scene) -> Diagnostic:
    """Return a finding about some of its hosts alone, with the facts of the first of them."""
    if not hosts:
        return item
    facts, first = item.subject.facts, scene.records.get(hosts[0])
    if facts and first and hosts[0] != item.subject.host:
        facts = _facts_of(first)
    subject = replace(item.subject, host=hosts[0], others=hosts[1:], facts=facts)
    return replace(item, subject=subject)


def _facts_of(record: HostRecord) -> str:
    return f"{record.span.path}, {record.collected_at[:10]}"
