"""Write what an edit does to a fleet: a block per group of hosts that change alike."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff

from fleetpolicy.diagnostics import Diagnostic, Severity
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.radius import ArtifactChange, ChangeGroup, MappingChange, Move, Radius, Shift
from fleetpolicy.model.simulation import RegionMapping
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.findings import (
    count_findings,
    describe_hosts,
    group_findings,
    write_findings,
    write_silenced,
)
from fleetpolicy.report.table import write_table

SHOWN_GROUPS = 25
_NAMED_GUESTS = 3
_SIGNS = {
    Verb.CREATE: ("+", "green"),
    Verb.CHANGE: ("~", "yellow"),
    Verb.REMOVE: ("-", "red"),
}
_HEADER = ("device", "region", "stage 2", "the weakest that a guest reaches", "mapping")
_UNREACHABLE = "-"

Shape = tuple[str, str, str]


def write_radius(radius: Radius, palette: Palette = PLAIN, *, verbose: bool = False) -> str:
    """Return the difference as text, the groups with the most hosts first.

    Args:
        radius: The difference.
        palette: Its colours.
        verbose: Show every group, notes, and the lines of new and removed files.
    """
    shown = radius.groups if verbose else radius.groups[:SHOWN_GROUPS]
    texts = _number_texts(shown)
    told: set[Shape] = set()
    blocks = [_block(group, texts, told, palette, verbose=verbose) for group in shown]
    blocks += _rest(radius.groups[len(shown) :])
    blocks += _moves("enter the fleet", radius.entering, palette)
    blocks += _moves("leave the fleet", radius.leaving, palette)
    blocks += _findings("new findings", radius, radius.new, palette, verbose=verbose)
    gone = f"findings that are gone, at their places in {radius.revision}"
    blocks += _findings(gone, radius, radius.gone, palette, verbose=verbose)
    blocks += _findings(
        "findings that are no longer silenced", radius, radius.unsilenced, palette, verbose=verbose
    )
    blocks += _silenced(radius, palette)
    return "\n".join((*blocks, summarise_radius(radius)))


def _number_texts(groups: Iterable[ChangeGroup]) -> Mapping[Shape, int]:
    """Return a number for each difference that several groups have, in the order of telling."""
    counts = Counter(item.shape for group in groups for item in group.artifacts if _is_told(item))
    shared = (shape for shape, number in counts.items() if number > 1)
    return {shape: number for number, shape in enumerate(shared, start=1)}


def _is_told(change: ArtifactChange) -> bool:
    return change.verb is Verb.CHANGE


def _block(
    group: ChangeGroup,
    texts: Mapping[Shape, int],
    told: set[Shape],
    palette: Palette,
    *,
    verbose: bool,
) -> str:
    boots = (": reboot" if len(group.hosts) > 1 else ": reboots") if group.reboots else ""
    lines = [palette.paint(describe_group(group.hosts), "bold") + boots]
    for change in group.artifacts:
        number = texts.get(change.shape, 0)
        lines += _artifact(change, number, palette, verbose=verbose, again=change.shape in told)
        told.add(change.shape)
    if group.boot_kinds:
        lines.append(f"  to boot for: {', '.join(group.boot_kinds)}")
    if group.guests_off:
        lines.append(f"  must be off meanwhile: {describe_guests(group.guests_off)}")
    text = "".join(line + "\n" for line in lines)
    return text + (write_table(_HEADER, _rows(group.mappings), "  ") if group.mappings else "")


def describe_group(hosts: tuple[str, ...]) -> str:
    """Return a few names and how many more there are, with the number of all of many."""
    return describe_hosts(hosts) + (f" ({len(hosts)})" if len(hosts) > 1 else "")


def describe_guests(guests_off: Mapping[str, tuple[str, ...]]) -> str:
    """Return a few guests and how many more there are."""
    names = [name for guests in guests_off.values() for name in guests]
    rest = len(names) - _NAMED_GUESTS
    return ", ".join(names[:_NAMED_GUESTS]) + (f" and {rest} more" if rest > 0 else "")


def _artifact(
    change: ArtifactChange, number: int, palette: Palette, *, verbose: bool, again: bool
) -> Iterator[str]:
    sign, colour = _SIGNS[change.verb]
    mark = f" [{number}]" if number else ""
    origins = ", ".join(str(origin) for origin in change.origins)
    because = f"  <- {origins}" if origins else ""
    head = palette.paint(f"{sign} {change.path}", colour)
    if again and number:
        yield f"  {head}  {change.kind.value}, the text as above{mark}"
        return
    yield f"  {head}  {change.kind.value}{mark}{because}"
    if not (_is_told(change) or verbose):
        return
    for line in list_difference(change):
        painted = {"+": "green", "-": "red"}.get(line[:1])
        yield "      " + (palette.paint(line, painted) if painted else line)


def list_difference(change: ArtifactChange) -> list[str]:
    """Return the lines of a unified difference, without its header."""
    before, after = change.before.splitlines(), change.after.splitlines()
    return list(unified_diff(before, after, lineterm="", n=1))[2:]


def _rows(mappings: Iterable[MappingChange]) -> list[tuple[str, ...]]:
    """Return a row per device and change, the regions that change alike in one."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for item in mappings:
        stage2 = arrow(stage2_of(item.before), stage2_of(item.after))
        weakest = arrow(name_weakest(item.before), name_weakest(item.after))
        key = (f"{item.device} {item.id}", stage2, weakest, item.shift.value)
        rows.setdefault(key, []).append(item.region)
    return [(key[0], ", ".join(regions), *key[1:]) for key, regions in rows.items()]


def arrow(before: str, after: str) -> str:
    """Return both words with an arrow between them, or one where they are equal."""
    return before if before == after else f"{before} -> {after}"


def stage2_of(mapping: RegionMapping | None) -> str:
    """Return the stage-2 type of a region, in words where there is none."""
    return mapping.stage2 if mapping else "not assigned"


def name_weakest(mapping: RegionMapping | None) -> str:
    """Return the weakest type that a guest can reach."""
    return mapping.reachable[-1] if mapping and mapping.reachable else _UNREACHABLE


def _rest(groups: tuple[ChangeGroup, ...]) -> list[str]:
    if not groups:
        return []
    hosts = sum(len(group.hosts) for group in groups)
    return [f"{amount(len(groups), 'more group')} with {_hosts(hosts)}; -v shows them all\n"]


def _moves(what: str, moves: Iterable[Move], palette: Palette) -> list[str]:
    lines = [f"  {describe_group(move.hosts)}: {move.why}\n" for move in moves]
    return [palette.paint(what, "bold") + "\n" + "".join(lines)] if lines else []


def _findings(
    what: str, radius: Radius, found: tuple[Diagnostic, ...], palette: Palette, *, verbose: bool
) -> list[str]:
    shown = [
        item for item in found if verbose or item.severity(radius.profile) is not Severity.INFO
    ]
    if not shown:
        return []
    head = palette.paint(what, "bold") + f": {count_findings(shown, radius.profile)}\n"
    return [head + write_findings(shown, radius.profile, palette)]


def _silenced(radius: Radius, palette: Palette) -> list[str]:
    if not radius.silenced:
        return []
    count = amount(len(group_findings(radius.silenced)), "finding")
    head = palette.paint("newly silenced", "bold") + f": {count}\n"
    return [head + write_silenced(radius.silenced, palette)]


def summarise_radius(radius: Radius) -> str:
    """Return the difference in a few lines, each with one thing to know."""
    changing = sum(len(group.hosts) for group in radius.groups)
    rebooting = sum(len(group.hosts) for group in radius.groups if group.reboots)
    guests = sum(len(names) for group in radius.groups for names in group.guests_off.values())
    against = f"Against {radius.revision} ({radius.commit[:12]})"
    change = (
        f"{against}: {changing} of {_hosts(radius.total)} change, {rebooting} reboot, "
        f"{amount(guests, 'guest')} must be off."
    )
    nothing = f"{against}: nothing changes on {_hosts(radius.total)}."
    lines = [nothing if radius.is_empty else change]
    if radius.is_broken:
        lines.append("The policy there cannot be loaded: its findings count as gone, hosts as new.")
    shifts = count_shifts(radius)
    if shifts:
        said = ", ".join(f"{shift.value} on {_hosts(hosts)}" for shift, hosts in shifts.items())
        lines.append(f"Mappings: {said}.")
    entering, leaving = (sum(len(move.hosts) for move in moves) for moves in _sides(radius))
    if entering or leaving:
        lines.append(f"Hosts: {entering} enter, {leaving} leave.")
    counts = tuple(_count_findings(radius))
    if counts:
        lines.append(f"Findings: {'; '.join(counts)}.")
    if radius.other_facts:
        lines.append(f"Facts differ too, on {_hosts(len(radius.other_facts))}.")
    return "".join(line + "\n" for line in lines)


def _count_findings(radius: Radius) -> Iterator[str]:
    counted = (
        (radius.new, "new"),
        (radius.gone, "gone"),
        (radius.unsilenced, "no longer silenced"),
    )
    for found, what in counted:
        if found:
            yield f"{count_findings(found, radius.profile)} {what}"
    if radius.silenced:
        yield f"{len(group_findings(radius.silenced))} newly silenced"


def _hosts(number: int) -> str:
    return amount(number, "host")


def _sides(radius: Radius) -> tuple[tuple[Move, ...], tuple[Move, ...]]:
    return radius.entering, radius.leaving


def count_shifts(radius: Radius) -> Mapping[Shift, int]:
    """Return on how many hosts mappings change in which way, those that nobody has left out."""
    counts = dict.fromkeys(Shift, 0)
    for group in radius.groups:
        for shift in {item.shift for item in group.mappings}:
            counts[shift] += len(group.hosts)
    return {shift: number for shift, number in counts.items() if number}
