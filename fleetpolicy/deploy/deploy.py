"""Apply a plan's bundles through Ansible, one task per host and bundle."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from fleetpolicy.deploy.bundle import write_bundle
from fleetpolicy.deploy.outcome import judge_host
from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.plan import Deployment, Plan
from fleetpolicy.model.record import HostRecord, write_record
from fleetpolicy.runner import DONE_WELL, PlaybookRun, RunEvent, RunOptions, run_playbook

Parse = Callable[[bytes, Span], HostRecord]


def deploy(
    plan: Plan, inventory: Inventory, parse: Parse, options: RunOptions
) -> tuple[Deployment, dict[str, HostRecord]]:
    """Bring hosts to a plan and return what was done, with the looks that were taken afterwards.

    Args:
        plan: Hosts with nothing to do are not contacted.
        inventory: How hosts are reached; hosts that it leaves out are left alone.
        parse: Takes the JSON of a record apart.
        options: How the playbook is run.
    """
    due = {
        host.host: host for host in plan.hosts if not host.is_empty and host.host in inventory.hosts
    }
    if not due:
        return Deployment(plan.id, ()), {}
    run = PlaybookRun(
        "apply.yml",
        Path(inventory.source.path),
        tuple(inventory.hosts[name] for name in sorted(due)),
        tuple(
            (name, write_bundle(plan, host, no_reboot=options.no_reboot))
            for name, host in sorted(due.items())
        ),
    )
    result = run_playbook(run, options)
    told: dict[str, list[RunEvent]] = {name: [] for name in sorted(due)}
    for event in result.events:
        told[event.host].append(event)
    results = tuple(judge_host(name, events, result, options) for name, events in told.items())
    return Deployment(plan.id, results), _records(result.events, parse)


def _records(events: Iterable[RunEvent], parse: Parse) -> dict[str, HostRecord]:
    """Return the last record of each host; one that cannot be read is left to a later look."""
    now = datetime.now(UTC)
    found: dict[str, HostRecord] = {}
    for event in events:
        body = event.result.get("record")
        if event.status not in DONE_WELL or not isinstance(body, str):
            continue
        try:
            data = write_record(event.host, body, now)
            found[event.host] = parse(data, Span(f"look at {event.host}"))
        except FleetPolicyError:
            found.pop(event.host, None)
    return dict(sorted(found.items()))
