"""Say what is wrong with a policy, a host or a plan: places, rules, findings, exit statuses."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from msgspec import Struct


class Severity(StrEnum):
    """How bad a finding is; only an error stops the pipeline."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Profile(IntEnum):
    """How strict a run is; a rule of a stricter profile is silent in a laxer one."""

    BASIC = 1
    SAFETY = 2
    PRODUCTION = 3


class ExitStatus(IntEnum):
    """What the process tells its caller; 2 and 64 never mix."""

    DONE = 0
    BUG = 1
    CHANGES = 2
    INVALID = 3
    STOPPED = 4
    UNREACHABLE = 5
    REFUSED = 6
    USAGE = 64
    INTERRUPTED = 130


class Span(Struct, frozen=True, order=True):
    """A place in a file; a Struct, since every record and value has one.

    Args:
        path: As the user named it, or relative to the working directory.
        line: Counted from 1; 0 when the finding is about the file as a whole.
        column: Counted from 1.
    """

    path: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        path = escape_unprintable(self.path)
        return f"{path}:{self.line}:{self.column}" if self.line else path

    def called(self, path: str) -> "Span":
        """Return the same place in a file that is called by another name."""
        return Span(path, self.line, self.column)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a finding is about, beside its place in a file.

    Args:
        host: The first host that has it.
        others: More hosts that have it alike, sorted.
        device: PCI address, where it is about one device.
        facts: File and date of the facts that it was judged by.
    """

    host: str = ""
    others: tuple[str, ...] = ()
    device: str = ""
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong, and the authority that says so.

    Args:
        id: FP and three digits; the first digit names the floor.
        name: Words joined by dashes, stable: exceptions and filters use it.
        severity: Of its findings.
        text: What is demanded and why, in a sentence or two.
        source: Manual section, kernel file, libvirt page or section of our own documentation.
        profile: The laxest profile in which the rule speaks.
        production: Its severity in the production profile, where that differs.
        waivable: Whether an Exception may silence it on hosts that it names. Rules that keep
            hosts safe are not, nor those that leave nothing of a host to work with.
        rejected: A few lines that break it: YAML, a command or words.
        accepted: A few lines that keep it.
    """

    id: str
    name: str
    severity: Severity
    text: str
    source: str
    profile: Profile = Profile.BASIC
    production: Severity | None = None
    waivable: bool = False
    rejected: str = ""
    accepted: str = ""

    def at(self, span: Span, *, why: str, fix: str, subject: Subject = Subject()) -> "Diagnostic":
        """Return a finding of this rule; what cannot be printed is escaped in its texts."""
        return Diagnostic(span, self, escape_unprintable(why), escape_unprintable(fix), subject)


class Waiver(Struct, frozen=True):
    """Who takes a finding upon himself, and until when.

    Args:
        name: Of the Exception.
        until: The day on which it ends, such as 2027-03-01.
        span: Its place.
        rules: Ids of the rules that it silences.
    """

    name: str
    until: str
    owner: str
    reason: str
    span: Span
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding: where, which rule, the values that disagree, and what to do.

    Args:
        waiver: Silences it; it stops nothing then, and is listed apart.
    """

    span: Span
    rule: Rule
    why: str
    fix: str
    subject: Subject = Subject()
    waiver: Waiver | None = None

    def severity(self, profile: Profile = Profile.BASIC) -> Severity:
        """Return how bad it is under a profile."""
        if profile is Profile.PRODUCTION and self.rule.production:
            return self.rule.production
        return self.rule.severity

    @property
    def order(self) -> tuple[Span, str, str, str, str]:
        """The key that findings are sorted by."""
        return (self.span, self.rule.id, self.subject.host, self.subject.device, self.why)


class FleetPolicyError(Exception):
    """A stage has no product; the findings say why.

    Args:
        diagnostics: At least one finding of severity error.
        status: The exit status this stop deserves.
    """

    def __init__(self, *diagnostics: Diagnostic, status: ExitStatus = ExitStatus.INVALID) -> None:
        super().__init__("; ".join(f"{item.span}: {item.rule.name}" for item in diagnostics))
        self.diagnostics = tuple(sorted(diagnostics, key=lambda item: item.order))
        self.status = status


def escape_unprintable(text: str) -> str:
    """Return a text whose control characters, all but line feeds, are spelt as escapes.

    Whatever a terminal obeys or hides, marks that turn the direction of writing among it, would
    let a text from outside tell the reader something else than what it is.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text
    )


def errors(
    diagnostics: tuple[Diagnostic, ...], profile: Profile = Profile.BASIC
) -> tuple[Diagnostic, ...]:
    """Return the findings that stop the pipeline under a profile."""
    return tuple(
        item
        for item in diagnostics
        if item.severity(profile) is Severity.ERROR and item.waiver is None
    )


def spoken(diagnostics: tuple[Diagnostic, ...], profile: Profile) -> tuple[Diagnostic, ...]:
    """Return the findings that a profile lets through and no Exception silences, sorted."""
    return tuple(item for item in _allowed(diagnostics, profile) if item.waiver is None)


def silenced(diagnostics: tuple[Diagnostic, ...], profile: Profile) -> tuple[Diagnostic, ...]:
    """Return the findings that a profile lets through and an Exception silences, sorted."""
    return tuple(item for item in _allowed(diagnostics, profile) if item.waiver is not None)


def _allowed(diagnostics: tuple[Diagnostic, ...], profile: Profile) -> list[Diagnostic]:
    return sorted(
        (item for item in diagnostics if item.rule.profile <= profile),
        key=lambda item: item.order,
    )
