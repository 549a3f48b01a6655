"""Load what a run works on: settings, policy, inventory, records of hosts."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NoReturn

from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Span
from fleetpolicy.load import (
    Places,
    dump_record,
    find_places,
    load_inventory,
    load_policies,
    load_records,
    load_settings,
    parse_record,
)
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.ages import find_old, now, parse_age
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.pipeline.exceptions import check_exceptions
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import NO_INVENTORY, OFFLINE

__all__ = [
    "Hosts",
    "Loaded",
    "Looked",
    "dump_record",
    "load",
    "load_hosts",
    "load_policy",
    "look",
    "narrow",
    "parse_record",
    "records_of",
]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy and the inventory that it is for.

    Args:
        today: The day that exceptions are judged by; without one all of them have ended.
    """

    places: Places
    policy: PolicySet
    inventory: Inventory
    findings: tuple[Diagnostic, ...]
    today: date = date.max


@dataclass(frozen=True, slots=True)
class Hosts:
    """An inventory alone."""

    places: Places
    inventory: Inventory
    findings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """Records of hosts, and what went wrong with the others.

    Args:
        live: Whether the hosts were looked at just now.
    """

    records: dict[str, HostRecord]
    findings: tuple[Diagnostic, ...]
    live: bool


def places_of(request: Request) -> Places:
    """Return where the files of the fleet are."""
    settings = load_settings(Path.cwd(), request.config)
    return find_places(settings, request.inventory, request.policies, request.facts)


def today_of(request: Request) -> date:
    """Return the day that exceptions are judged by."""
    return request.today or datetime.now(UTC).date()


def load_policy(request: Request) -> tuple[PolicySet, tuple[Diagnostic, ...]]:
    """Return the policy alone, and what is wrong with its exceptions today."""
    policy, findings = load_policies(places_of(request).policies)
    return policy, (*findings, *check_exceptions(policy, today_of(request)))


def load(request: Request) -> Loaded:
    """Return policy and inventory.

    Raises:
        FleetPolicyError: With the findings of both.
    """
    places, source = _sources_of(request)
    try:
        policy, findings = load_policies(places.policies)
    except FleetPolicyError as error:
        _raise_with_inventory(error, source, request.limit)
    patterns = {match.pattern for *_, match in policy.host_matches() if match.pattern}
    inventory = load_inventory(source, limit=request.limit, patterns=sorted(patterns))
    remarks = (*findings, *inventory.remarks)
    return Loaded(places, policy, inventory, remarks, today_of(request))


def load_hosts(request: Request) -> Hosts:
    """Return the inventory alone, for work that no policy decides.

    Raises:
        FleetPolicyError: With its findings.
    """
    places, source = _sources_of(request)
    inventory = load_inventory(source, limit=request.limit)
    return Hosts(places, inventory, inventory.remarks)


def _sources_of(request: Request) -> tuple[Places, Path]:
    """Return where the files of the fleet are, its inventory among them."""
    if request.max_age:
        parse_age(request.max_age)  # refused before anything is read, records or none
    places = places_of(request)
    if places.inventory is None:
        raise FleetPolicyError(
            NO_INVENTORY.at(
                Span("command line"),
                why="neither -i nor the settings name an inventory",
                fix="add -i, such as -i inventories/demo",
            )
        )
    return places, places.inventory


def _raise_with_inventory(error: FleetPolicyError, inventory: Path, limit: str) -> NoReturn:
    """Raise what is wrong with the policy, and with the inventory too: both are mended at once."""
    try:
        load_inventory(inventory, limit=limit, patterns=())
    except FleetPolicyError as other:
        raise FleetPolicyError(*error.diagnostics, *other.diagnostics) from error
    raise error


def narrow(loaded: Loaded, names: Collection[str]) -> Loaded:
    """Return the same with fewer hosts, as --limit would leave them."""
    inventory = loaded.inventory
    hosts = {name: host for name, host in inventory.hosts.items() if name in names}
    return replace(loaded, inventory=replace(inventory, hosts=hosts))


def records_of(request: Request, loaded: Hosts | Loaded, *, may_look: bool = True) -> Looked:
    """Return the records to judge hosts by: recorded ones, or those of a look.

    Args:
        request: May ask for a look, or forbid one.
        loaded: The hosts, and where their records would be.
        may_look: Whether real hosts may be contacted; simulated ones always may.

    Raises:
        FleetPolicyError: Nothing is recorded, and the hosts may not be looked at.
    """
    folder = loaded.places.facts
    if folder and not request.live:
        records, findings = load_records(folder)
        wanted = {name: records[name] for name in loaded.inventory.hosts if name in records}
        about = tuple(item for item in findings if not _is_about_others(item, loaded.inventory))
        old = judge_ages(request, loaded.places, wanted.values())
        return Looked(wanted, (*about, *old), live=False)
    real = [host.name for host in loaded.inventory.hosts.values() if host.simulated is None]
    if request.offline or (real and not may_look):
        raise FleetPolicyError(*loaded.findings, _need_look(loaded, request))
    return look(request, loaded, loaded.inventory.hosts)


def _is_about_others(finding: Diagnostic, inventory: Inventory) -> bool:
    """Tell whether a finding is about the record of a host that --limit leaves out."""
    host = finding.subject.host or Path(finding.span.path).stem
    return host in inventory.names and host not in inventory.hosts


def judge_ages(
    request: Request, places: Places, records: Iterable[HostRecord]
) -> tuple[Diagnostic, ...]:
    """Return a finding for the records that are older than the run or the settings permit."""
    limit = parse_age(request.max_age) if request.max_age else places.max_age
    return find_old(records, limit, now()) if limit else ()


def _need_look(loaded: Hosts | Loaded, request: Request) -> Diagnostic:
    hosts = amount(len(loaded.inventory.hosts), "host")
    because = "--offline forbids a look" if request.offline else "this command contacts no host"
    return OFFLINE.at(
        loaded.inventory.source,
        why=f"no facts are recorded for {hosts}, and {because}",
        fix=f"run: fleetpolicy facts collect -i {loaded.inventory.source.path}",
    )


def look(request: Request, loaded: Hosts | Loaded, hosts: Iterable[str]) -> Looked:
    """Return the records of a look at hosts now, simulated ones built first where they are not.

    Raises:
        FleetPolicyError: No host could be looked at; with status UNREACHABLE.
    """
    from fleetpolicy.lab import ensure  # noqa: PLC0415 simulated hosts only
    from fleetpolicy.observe import observe  # noqa: PLC0415 brings Ansible along
    from fleetpolicy.runner import RunOptions  # noqa: PLC0415

    chosen = [loaded.inventory.hosts[name] for name in hosts]
    for host in chosen:
        if host.simulated and ensure(host):
            request.progress(f"{host.name}: simulated host built in {host.root}")
    names = [host.name for host in chosen]
    request.progress(f"looking at {amount(len(names), 'host')}")
    options = RunOptions(playbooks_folder(), forks=request.forks)
    records, findings = observe(loaded.inventory, names, parse_record, options)
    if findings and not records:
        raise FleetPolicyError(*loaded.findings, *findings, status=ExitStatus.UNREACHABLE)
    return Looked(records, findings, live=True)
