"""Write what an edit does to a fleet as parts of a comment for a pull request."""

from collections.abc import Iterable, Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.radius import ArtifactChange, ChangeGroup, MappingChange, Radius
from fleetpolicy.report.findings import describe_subject, group_findings
from fleetpolicy.report.markup import Section, block, code, escape, fold, open_table, row
from fleetpolicy.report.product import say_waiver
from fleetpolicy.report.radius import (
    arrow,
    describe_guests,
    list_difference,
    name_weakest,
    stage2_of,
    summarise_radius,
)

_NAMED_HOSTS = 3
_SHOWN_LINES = 60


def sum_up_radius(radius: Radius) -> str:
    """Return the difference in a few lines, as Markdown."""
    return escape(summarise_radius(radius))


def radius_sections(radius: Radius) -> Iterator[Section]:
    """Yield tables of hosts, mappings and moves, then each difference once, folded."""
    yield _hosts(radius.groups)
    yield _mappings(radius.groups)
    yield _moves(radius)
    yield _differences(radius.groups)
    yield from _judgements(radius)


def _hosts(groups: Iterable[ChangeGroup]) -> Section:
    """Return a row per set of changed texts: mappings have a table of their own."""
    alike: dict[object, list[ChangeGroup]] = {}
    for group in groups:
        alike.setdefault(tuple(item.shape for item in group.artifacts), []).append(group)
    rows = sorted(
        ((_count(same), _row(same)) for same in alike.values()), key=lambda item: -item[0]
    )
    header = ("hosts", "names", "changes", "reboots for", "guests that must be off")
    opening = f"### Hosts that change\n\n{open_table(header)}"
    return Section("groups of hosts", opening, tuple(text for _, text in rows))


def _count(groups: list[ChangeGroup]) -> int:
    return sum(len(group.hosts) for group in groups)


def _row(groups: list[ChangeGroup]) -> str:
    first = groups[0]
    hosts = tuple(sorted(name for group in groups for name in group.hosts))
    guests = {host: names for group in groups for host, names in group.guests_off.items()}
    changes = "<br>".join(f"{item.verb.value} {code(item.path)}" for item in first.artifacts)
    return row(
        (
            str(len(hosts)),
            _names(hosts),
            changes or "mappings alone",
            escape(", ".join(first.boot_kinds)) or "no",
            escape(describe_guests(dict(sorted(guests.items())))) or "none",
        )
    )


def _names(hosts: tuple[str, ...]) -> str:
    more = f" and {len(hosts) - _NAMED_HOSTS} more" if len(hosts) > _NAMED_HOSTS else ""
    return ", ".join(code(name) for name in hosts[:_NAMED_HOSTS]) + more


def _mappings(groups: Iterable[ChangeGroup]) -> Section:
    """Return a row per kind of device and change, with the number of hosts that have it."""
    hosts: dict[tuple[str, ...], set[str]] = {}
    for group in groups:
        for item in group.mappings:
            hosts.setdefault(_change(item), set()).update(group.hosts)
    ordered = sorted(hosts.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = tuple(row((*(escape(cell) for cell in key), str(len(names)))) for key, names in ordered)
    header = ("device", "stage 2", "the weakest that a guest reaches", "mapping", "hosts")
    return Section("mappings", f"### Mappings\n\n{open_table(header)}", rows)


def _change(item: MappingChange) -> tuple[str, ...]:
    return (
        item.id,
        arrow(stage2_of(item.before), stage2_of(item.after)),
        arrow(name_weakest(item.before), name_weakest(item.after)),
        item.shift.value,
    )


def _moves(radius: Radius) -> Section:
    sides = (("enter", radius.entering), ("leave", radius.leaving))
    rows = tuple(
        row((what, str(len(move.hosts)), _names(move.hosts), escape(move.why)))
        for what, moves in sides
        for move in moves
    )
    header = ("", "hosts", "names", "why")
    return Section("moves", f"### Hosts that enter or leave\n\n{open_table(header)}", rows)


def _differences(groups: Iterable[ChangeGroup]) -> Section:
    """Return every distinct pair of texts once, the one that most hosts have first."""
    changes: dict[tuple[str, str, str], tuple[ArtifactChange, list[str]]] = {}
    for group in groups:
        for item in group.artifacts:
            changes.setdefault(item.shape, (item, []))[1].extend(group.hosts)
    ordered = sorted(changes.values(), key=lambda change: (-len(change[1]), change[0].path))
    return Section("differences", "", tuple(_difference(item, hosts) for item, hosts in ordered))


def _difference(change: ArtifactChange, hosts: list[str]) -> str:
    lines = list_difference(change)
    more = len(lines) - _SHOWN_LINES
    if more > 0:
        lines = [*lines[:_SHOWN_LINES], f"and {amount(more, 'more line')}"]
    because = f"# because of {', '.join(map(str, change.origins))}\n" if change.origins else ""
    count = f"{len(hosts)} hosts" if len(hosts) > 1 else f"host {hosts[0]}"
    title = f"{change.verb.value} {change.path} ({change.kind.value}) on {count}"
    return fold(title, block(because + "\n".join(lines), "diff"))


def _judgements(radius: Radius) -> Iterator[Section]:
    yield _findings(radius, radius.gone, "findings that are gone", "Findings gone")
    yield _findings(
        radius,
        radius.unsilenced,
        "findings that are no longer silenced",
        "Findings no longer silenced",
    )
    yield _silenced(radius)


def _findings(radius: Radius, found: tuple[Diagnostic, ...], noun: str, title: str) -> Section:
    rows = tuple(
        row(
            (
                item.severity(radius.profile).value,
                escape(f"{item.rule.id} {item.rule.name}"),
                escape(describe_subject(item.subject)),
                escape(item.why.partition("\n")[0]),
            )
        )
        for item in group_findings(found)
    )
    header = ("severity", "rule", "about", "why")
    return Section(noun, f"### {title}\n\n{open_table(header)}", rows)


def _silenced(radius: Radius) -> Section:
    rows = tuple(
        row(
            (
                escape(f"{item.rule.id} {item.rule.name}"),
                escape(describe_subject(item.subject)),
                escape(say_waiver(item.waiver)),
            )
        )
        for item in group_findings(radius.silenced)
        if item.waiver
    )
    opening = f"### Findings newly silenced\n\n{open_table(('rule', 'about', 'silenced by'))}"
    return Section("findings that are newly silenced", opening, rows)
