"""Name what a finding about an observed host is about."""

from difflib import unified_diff

from fleetpolicy.diagnostics import Span, Subject
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.artifact import Artifact
from fleetpolicy.model.record import HostRecord

_SHOWN_LINES = 20


def subject_of(record: HostRecord, device: str = "") -> Subject:
    """Return a host, and a device of it, as the record showed them."""
    return Subject(record.host, (), device, f"{record.span.path}, {record.collected_at[:10]}")


def place_of(artifact: Artifact | None, record: HostRecord) -> Span:
    """Return the first line of policy behind an artefact, else the record."""
    return min(artifact.origins, default=record.span) if artifact else record.span


def show_difference(rendered: str, kept: str | None) -> str:
    """Return the lines in which a host's file differs from the rendered one, the first of them."""
    if kept is None:
        return "its content was not recorded"
    lines = list(
        unified_diff(rendered.splitlines(), kept.splitlines(), "rendered", "host", "", "", 0, "")
    )[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    more = len(lines) - _SHOWN_LINES
    return "\n".join(
        [*lines[:_SHOWN_LINES], *([f"and {amount(more, 'more line')}"] if more > 0 else [])]
    )
