"""Find hosts that carry what was deployed while policy leaves them out."""

from collections.abc import Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.record import HostRecord, Manifest
from fleetpolicy.verify.rules import HOST_LEFT_OUT
from fleetpolicy.verify.subject import subject_of

_NO_VERDICT = "what policy asks for cannot be worked out for it"


def list_left_out(fleet: Fleet, records: Mapping[str, HostRecord]) -> tuple[HostRecord, ...]:
    """Return the records of hosts that are not in the fleet: skipped ones, and those with errors.

    A host that policy skips and that has nothing of ours is what policy wants it to be.
    """
    members = {host.name for host in fleet.hosts}
    return tuple(
        record
        for name, record in sorted(records.items())
        if name not in members and (name not in fleet.skipped or record.state.manifest)
    )


def find_left_out(fleet: Fleet, record: HostRecord) -> Iterator[Diagnostic]:
    """Say why a host is not judged, and what it carries all the same."""
    manifest = record.state.manifest
    reason = fleet.skipped.get(record.host, _NO_VERDICT)
    carried = f"; it carries {_say_carried(manifest, record)}" if manifest else ""
    yield HOST_LEFT_OUT.at(
        record.span,
        why=f"{reason}{carried}",
        fix="give the host what it lacks, or ask for what it has, then: fleetpolicy apply; "
        "to clear it, let no policy match it",
        subject=subject_of(record),
    )


def _say_carried(manifest: Manifest, record: HostRecord) -> str:
    release = record.facts.kernel.release
    now = f", {release} runs now" if release != manifest.kernel else ""
    things = ", ".join((*sorted(manifest.files), *(f"domain {name}" for name in manifest.domains)))
    return f"{things or 'nothing'} of plan {manifest.plan[:12]}, made for {manifest.kernel}{now}"
