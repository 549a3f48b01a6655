"""Load the hosts of a fleet, as Ansible reads them."""

import re
from collections.abc import Collection, Iterator
from os.path import isdir, normpath
from pathlib import Path

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Rule, Severity, Span, Subject
from fleetpolicy.load.host_rules import (
    BAD_MACHINE,
    BAD_PATTERN,
    BAD_ROOT,
    INVENTORY_NOT_PARSED,
    INVENTORY_REMARK,
    INVENTORY_SKIPPED,
    NO_HOSTS,
    NO_INVENTORY,
    NOTHING_LEFT,
    READER_CRASHED,
    UNSAFE_NAME,
    VARIABLES_UNREADABLE,
)
from fleetpolicy.load.host_variables import HostVariables, Problem, Problems
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.runner.inventory import (
    Complaint,
    InventoryReading,
    InventoryRequest,
    Place,
    ReadHost,
    read_inventory,
)

# What a fleet's folder holds beside its inventory.
_LAB = ".lab"
_NO_INVENTORY = ("facts", "fleetpolicy.yaml", "plans", "policies")
_SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@-]{0,199}")
_LOST = re.compile(r"Skipping |[Dd]uplicate ")

_FIXES = {
    "crashed": (READER_CRASHED, "install ansible-core beside fleetpolicy and run again"),
    "limit": (BAD_PATTERN, "correct --limit"),
    "pattern": (BAD_PATTERN, "correct the pattern"),
    "unparsed": (INVENTORY_NOT_PARSED, "correct the file, or move it out of the inventory"),
    "variables": (VARIABLES_UNREADABLE, "correct it until ansible-inventory --list shows the host"),
}


class _Source(Struct, frozen=True):
    """An inventory's path, as named and absolute, and the folder that holds it."""

    named: Path
    path: Path
    folder: Path

    @classmethod
    def of(cls, named: Path) -> "_Source":
        path = Path(normpath(named.absolute()))
        return cls(named, path, path if isdir(path) else path.parent)  # noqa: PTH112 never raises

    @property
    def span(self) -> Span:
        return Span(str(self.named))

    def show(self, place: Place | None) -> Span:
        """Return a place with its path as the user would name it."""
        if place is None:
            return self.span
        path, line, column = place
        if Path(path) == self.path:
            return Span(str(self.named), line, column)
        beside = self.named if self.path.is_dir() else self.named.parent
        if Path(path).is_relative_to(self.folder):
            path = str(beside / Path(path).relative_to(self.folder))
        return Span(path, line, column)


def load_inventory(source: Path, *, limit: str = "", patterns: Collection[str] = ()) -> Inventory:
    """Return the hosts of an inventory.

    Args:
        source: File or folder, static or dynamic, as Ansible takes it.
        limit: Host pattern that hosts are kept by.
        patterns: Host patterns of policies, to be resolved whatever the limit is.

    Raises:
        FleetPolicyError: The inventory or what it says of a host cannot be used.
    """
    place = _Source.of(source)
    _refuse_missing(place)
    ignored = tuple(place.path / name for name in _NO_INVENTORY)
    reading = read_inventory(
        InventoryRequest(place.path, ignored, limit, tuple(sorted(set(patterns))))
    )
    findings = [*_complaints(reading, place), *_emptiness(reading, place, limit)]
    hosts, problems = _take_hosts(reading, place)
    findings.extend(problems)
    if any(item.severity() is Severity.ERROR for item in findings):
        raise FleetPolicyError(*findings)
    return Inventory(
        source=place.span,
        hosts=hosts,
        names=frozenset(reading.names),
        groups=frozenset(reading.groups),
        patterns={
            pattern: frozenset(reading.names[index] for index in indices)
            for pattern, indices in reading.patterns.items()
        },
        remarks=tuple(sorted(findings, key=lambda item: item.order)),
        lab=f"{place.folder}/{_LAB}",
    )


def _refuse_missing(place: _Source) -> None:
    try:
        if place.path.is_dir():
            next(place.path.iterdir(), None)
        else:
            place.path.open("rb").close()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        fix = "name an inventory file or folder that is there and can be read"
        raise FleetPolicyError(NO_INVENTORY.at(place.span, why=why.lower(), fix=fix)) from error


def _complaints(reading: InventoryReading, place: _Source) -> Iterator[Diagnostic]:
    for complaint in (*reading.errors, *reading.remarks):
        rule, fix = _rule_of(complaint)
        where = complaint.place
        if where is None and complaint.about.startswith("/"):
            where = (complaint.about, 0, 0)
        why = complaint.message
        if rule is BAD_PATTERN:
            why = f"{complaint.about}: {why}"
        yield rule.at(place.show(where), why=why, fix=fix, subject=_subject(complaint.hosts))


def _rule_of(complaint: Complaint) -> tuple[Rule, str]:
    if complaint.kind == "misspelt":
        return INVENTORY_SKIPPED, complaint.about
    if complaint.kind != "remark":
        return _FIXES[complaint.kind]
    if _LOST.search(complaint.message):
        return INVENTORY_SKIPPED, "correct or remove what is skipped"
    return INVENTORY_REMARK, "correct it, or leave it if it is meant"


def _subject(hosts: Collection[str]) -> Subject:
    first, *others = sorted(set(hosts)) or [""]
    return Subject(host=first, others=tuple(others))


def _emptiness(reading: InventoryReading, place: _Source, limit: str) -> Iterator[Diagnostic]:
    if reading.errors:
        return
    if not reading.names:
        why = "Ansible finds no host in it"
        yield NO_HOSTS.at(place.span, why=why, fix="add a host below all: hosts:")
    elif not reading.hosts:
        why = f"--limit {limit} leaves none of {amount(len(reading.names), 'host')}"
        yield NOTHING_LEFT.at(place.span, why=why, fix="name hosts or groups of the inventory")


def _take_hosts(
    reading: InventoryReading, place: _Source
) -> tuple[dict[str, InventoryHost], Iterator[Diagnostic]]:
    variables = HostVariables(reading.values, place.show)
    hosts: dict[str, InventoryHost] = {}
    problems: dict[Problem, list[str]] = {}
    for read in reading.hosts:
        groups = reading.memberships[read.membership]
        hosts[read.name], wrong = _take_host(read, groups, variables, place)
        for problem in wrong:
            problems.setdefault(problem, []).append(read.name)
    _find_shared_roots(hosts, place, problems)
    return hosts, (
        problem.rule.at(problem.span, why=problem.why, fix=problem.fix, subject=_subject(names))
        for problem, names in problems.items()
    )


def _take_host(
    read: ReadHost, groups: tuple[str, ...], variables: HostVariables, place: _Source
) -> tuple[InventoryHost, Problems]:
    labels, bad_labels = variables.labels(read.labels)
    model, bad_model = variables.model(read.model)
    machine, bad_machine = variables.machine(read.machine)
    root, bad_root = variables.root(read.root, place.folder)
    kept = f"{place.folder}/{_LAB}/{read.name}"
    if variables.is_given(read.model):
        root = root or kept
        if variables.is_given(read.machine):
            bad_machine = (*bad_machine, _machine_with_model(place))
    elif root:
        bad_root = (*bad_root, _root_without_model(place))
    bad_name = () if _SAFE_NAME.fullmatch(read.name) else (_unsafe_name(read.name, place),)
    lab = kept if machine else ""
    host = InventoryHost(read.name, groups, labels, root or "/", model, machine, lab)
    return host, (*bad_labels, *bad_model, *bad_machine, *bad_root, *bad_name)


def _machine_with_model(place: _Source) -> Problem:
    why = "fleetpolicy_machine and fleetpolicy_model are both set"
    fix = "remove one: a host is emulated or simulated"
    return Problem(BAD_MACHINE, place.span, why, fix)


def _root_without_model(place: _Source) -> Problem:
    why = "fleetpolicy_root is set, but fleetpolicy_model is not"
    fix = "describe the simulated host in fleetpolicy_model, or remove fleetpolicy_root"
    return Problem(BAD_ROOT, place.span, why, fix)


def _unsafe_name(name: str, place: _Source) -> Problem:
    why = f"the host is called {name!r}"
    fix = "rename it: at most 200 letters, digits and . _ - : @, a letter, digit or _ first"
    return Problem(UNSAFE_NAME, place.span, why, fix)


def _find_shared_roots(
    hosts: dict[str, InventoryHost], place: _Source, problems: dict[Problem, list[str]]
) -> None:
    by_root: dict[str, list[str]] = {}
    for host in hosts.values():
        if host.root != "/":
            by_root.setdefault(host.root, []).append(host.name)
    for root, names in by_root.items():
        if len(names) > 1:
            why = f"{len(names)} hosts have the root {root}"
            fix = "give each a folder of its own, such as .lab/{{ inventory_hostname }}"
            problems[Problem(BAD_ROOT, place.span, why, fix)] = names
