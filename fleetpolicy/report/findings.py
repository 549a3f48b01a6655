"""Write findings for people: one block each, equal ones of many hosts in one block."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from fleetpolicy.diagnostics import Diagnostic, Profile, Severity, Subject, Waiver
from fleetpolicy.report.colour import PLAIN, Palette

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
_NAMED_HOSTS = 3


def group_findings(findings: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the findings sorted, those that differ in their hosts alone made one."""
    groups: dict[tuple[object, ...], list[Diagnostic]] = {}
    for item in sorted(findings, key=lambda item: item.order):
        key = (item.span, item.rule.id, item.why, item.fix, item.subject.device, item.waiver)
        groups.setdefault(key, []).append(item)
    return tuple(_merge(group) for group in groups.values())


def _merge(group: list[Diagnostic]) -> Diagnostic:
    hosts = {name for item in group for name in (item.subject.host, *item.subject.others) if name}
    if not hosts:
        return group[0]
    first, *others = sorted(hosts)
    return replace(group[0], subject=replace(group[0].subject, host=first, others=tuple(others)))


def write_findings(
    findings: Iterable[Diagnostic], profile: Profile, palette: Palette = PLAIN
) -> str:
    """Return the findings as text, each with place, rule, host, evidence, fix and authority."""
    return "".join(
        "\n".join(_lines(item, profile, palette)) + "\n" for item in group_findings(findings)
    )


def _lines(item: Diagnostic, profile: Profile, palette: Palette) -> Iterator[str]:
    severity = item.severity(profile)
    word = palette.paint(severity.value, _COLOURS[severity])
    yield f"{palette.paint(str(item.span), 'bold')}: {word} {item.rule.id} {item.rule.name}"
    subject = describe_subject(item.subject)
    if subject:
        yield f"  {subject}"
    yield f"  why: {_indent(item.why)}"
    yield f"  fix: {_indent(item.fix)}"
    facts = f"  [facts: {item.subject.facts}]" if item.subject.facts else ""
    yield f"  see: {item.rule.source}; fleetpolicy explain {item.rule.id}{facts}"


def write_silenced(findings: Iterable[Diagnostic], palette: Palette = PLAIN) -> str:
    """Return a line per silenced finding: place, rule, subject, and who silences it until when."""
    lines = []
    for item in group_findings(findings):
        if waiver := item.waiver:
            subject = describe_subject(item.subject)
            said = (
                f"{item.span}: {item.rule.id} {item.rule.name}, {subject}: silenced by Exception "
            )
            said += f"{waiver.name} until {waiver.until} ({waiver.owner}, {waiver.reason})"
            lines.append(palette.paint(said, "dim") + "\n")
    return "".join(lines)


def write_idle(waivers: Iterable[Waiver], palette: Palette = PLAIN) -> str:
    """Return a line per Exception that is in force and silences nothing of what is told."""
    return "".join(
        palette.paint(
            f"{item.span}: Exception {item.name} is in force until {item.until} "
            f"({item.owner}, {item.reason}); nothing is silenced by it here",
            "dim",
        )
        + "\n"
        for item in waivers
    )


def _indent(text: str) -> str:
    return text.replace("\n", "\n       ")


def describe_subject(subject: Subject) -> str:
    """Return the hosts and the device that a finding is about; empty where it is about neither."""
    parts = []
    if subject.host:
        parts.append(describe_hosts((subject.host, *subject.others)))
    if subject.device:
        parts.append(f"device {subject.device}")
    return ", ".join(parts)


def describe_hosts(hosts: tuple[str, ...]) -> str:
    """Return a few names and how many more there are."""
    if len(hosts) == 1:
        return f"host {hosts[0]}"
    named, rest = hosts[:_NAMED_HOSTS], len(hosts) - _NAMED_HOSTS
    more = f" and {rest} more" if rest > 0 else ""
    return f"hosts {', '.join(named)}{more}"


def count_findings(findings: Iterable[Diagnostic], profile: Profile) -> str:
    """Return how many findings of each severity there are, such as `2 errors, 1 warning`."""
    counts = dict.fromkeys(Severity, 0)
    silenced = 0
    for item in group_findings(findings):
        if item.waiver:
            silenced += 1
        else:
            counts[item.severity(profile)] += 1
    words = {
        Severity.ERROR: ("error", "errors"),
        Severity.WARNING: ("warning", "warnings"),
        Severity.INFO: ("note", "notes"),
    }
    said = [
        f"{number} {words[severity][number > 1]}" for severity, number in counts.items() if number
    ]
    more = f", {silenced} silenced" if silenced else ""
    return (", ".join(said) or "no findings") + more
