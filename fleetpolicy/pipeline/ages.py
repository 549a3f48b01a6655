"""Tell how old recorded facts are, and which are older than they may be."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Span, Subject
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.scalars import duration_of
from fleetpolicy.pipeline.rules import BAD_AGE, OLD_FACTS


def now() -> datetime:
    """Return the time that records are judged at."""
    return datetime.now(UTC)


def parse_age(text: str) -> timedelta:
    """Return an age such as 36h or 30d.

    Raises:
        FleetPolicyError: It is none, with status USAGE.
    """
    age = duration_of(text)
    if age is None:
        finding = BAD_AGE.at(
            Span("--max-age"), why=f"it is {text!r:.60}", fix="write an age such as 36h or 30d"
        )
        raise FleetPolicyError(finding, status=ExitStatus.USAGE)
    return age


def find_old(
    records: Iterable[HostRecord], limit: timedelta, at: datetime
) -> tuple[Diagnostic, ...]:
    """Return a finding for the records of a file, or of a folder's files, that one day made."""
    oldest = (at - limit).strftime("%Y-%m-%dT%H:%M:%SZ")
    groups: dict[tuple[str, str], list[HostRecord]] = {}
    for record in records:
        if record.collected_at < oldest:
            path = Path(record.span.path)
            place = path if path.suffix == ".jsonl" else path.parent
            groups.setdefault((str(place), record.collected_at[:10]), []).append(record)
    return tuple(_old(place, day, found, limit) for (place, day), found in sorted(groups.items()))


def _old(place: str, day: str, records: list[HostRecord], limit: timedelta) -> Diagnostic:
    first, *others = sorted(records, key=lambda record: record.host)
    path = first.span.path if not others else place
    return OLD_FACTS.at(
        Span(path),
        why=f"the facts were collected on {day}, and they may be {_spell(limit)} old",
        fix="collect them anew: fleetpolicy facts collect",
        subject=Subject(
            first.host,
            tuple(record.host for record in others),
            facts=f"{first.span.path}, {day}",
        ),
    )


def _spell(age: timedelta) -> str:
    hours = age.days * 24 + age.seconds // 3600
    number, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{number} {unit}{'s' if number != 1 else ''}"
