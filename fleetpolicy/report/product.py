"""Hold what a verb has to say, for every format to take its part from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Profile, Rule, Severity, Waiver
from fleetpolicy.report.colour import Palette

if TYPE_CHECKING:  # a policy that is judged alone knows neither hosts nor plans
    from fleetpolicy.model.plan import Check, Plan
    from fleetpolicy.model.radius import Radius

BAD_RESULTS = frozenset({"invalid", "failed", "stopped", "unreachable", "refused", "drift"})
_TOLD_BY_FIELDS = frozenset({"findings", "drift", "silenced", "hosts", "checks"})


class Table(Struct, frozen=True):
    """Rows under a title, for formats that lay tables out."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Product:
    """What a verb has to say.

    Args:
        text: Writes it for people.
        parts: Returns the body of its JSON document. A list of mappings under a name of its own
            is carried by every format without more ado.
        findings: What is wrong, sorted.
        drift: What changed since the last apply, sorted.
        silenced: Findings of either kind that an Exception silences, sorted.
        in_force: Exceptions that have not ended, sorted; None where no policy was read.
        hosts: Those that were judged, sorted.
        files: Those that were judged, sorted.
        checks: Those that ran.
        plan: What an apply would do, where that was worked out.
        radius: What an edit does, where that was worked out.
        tables: What else is to be laid out.
        profile: How strict the run is.
        strict: Whether warnings fail.
        folder: The working directory, which places are made relative to.
        rules: Returns the rules of the tool, sorted.
    """

    command: str
    result: str
    text: Callable[[Palette], str]
    parts: Callable[[], Mapping[str, object]]
    findings: tuple[Diagnostic, ...] = ()
    drift: tuple[Diagnostic, ...] = ()
    silenced: tuple[Diagnostic, ...] = ()
    in_force: tuple[Waiver, ...] | None = None
    hosts: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    checks: "tuple[Check, ...]" = ()
    plan: "Plan | None" = None
    radius: "Radius | None" = None
    tables: tuple[Table, ...] = ()
    profile: Profile = Profile.SAFETY
    strict: bool = False
    folder: str = "/"
    rules: Callable[[], Iterable[Rule]] = tuple

    @property
    def is_bad(self) -> bool:
        """Whether the result is one that somebody must look at."""
        return self.result in BAD_RESULTS

    @property
    def every_finding(self) -> tuple[Diagnostic, ...]:
        """The findings that count, those of drift and of the checks included."""
        checked = (item for check in self.checks for item in check.findings)
        found = (*self.findings, *self.drift, *checked)
        return tuple(item for item in found if item.waiver is None)

    def fails(self, finding: Diagnostic) -> bool:
        """Tell whether a finding turns the run red."""
        severity = finding.severity(self.profile)
        return severity is Severity.ERROR or (self.strict and severity is Severity.WARNING)

    def extras(self) -> dict[str, list[Mapping[str, object]]]:
        """Return the lists of the document that no field tells of, by name."""
        return {
            name: rows
            for name, rows in lists_of(self.parts()).items()
            if name not in _TOLD_BY_FIELDS and rows
        }


def lists_of(parts: Mapping[str, object]) -> dict[str, list[Mapping[str, object]]]:
    """Return the lists of mappings among the parts of a document, by name."""
    return {
        name: rows
        for name, rows in parts.items()
        if isinstance(rows, list) and all(isinstance(row, Mapping) for row in rows)
    }


def headline(message: str) -> str:
    """Return the line of a check's message that says most: pytest's first error, else the first."""
    lines = message.strip().splitlines() or [""]
    failed = (line[2:].strip() for line in lines if line.startswith("E "))
    return next(failed, lines[0])


def say_waiver(waiver: Waiver) -> str:
    """Return who silences a finding, until when, and why."""
    return f"Exception {waiver.name} ({waiver.owner}, until {waiver.until}): {waiver.reason}"


def flatten(row: Mapping[str, object]) -> dict[str, str]:
    """Return a row of the document as words, without what is empty; rows within it are counted."""
    return {name: said for name, value in row.items() if (said := _say(value))}


def _say(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_say(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        if value and all(isinstance(item, Mapping) for item in value):
            return str(len(value))
        return ", ".join(_say(item) for item in value)
    return "" if value is None else str(value)
