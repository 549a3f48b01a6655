"""Look at hosts through Ansible, in one round trip each."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Span, Subject
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.record import HostRecord, write_record
from fleetpolicy.observe.rules import LOOK_FAILED, NO_ANSWER, UNREACHABLE
from fleetpolicy.runner import (
    DONE_WELL,
    PlaybookResult,
    PlaybookRun,
    RunEvent,
    RunOptions,
    run_playbook,
)

Parse = Callable[[bytes, Span], HostRecord]
Records = tuple[dict[str, HostRecord], tuple[Diagnostic, ...]]


def observe(
    inventory: Inventory, hosts: Sequence[str], parse: Parse, options: RunOptions
) -> Records:
    """Return a record of each host that could be looked at, and findings about the others.

    Args:
        inventory: How hosts are reached.
        hosts: Names in the inventory.
        parse: Takes the JSON of a record apart.
        options: How the playbook is run.

    Raises:
        FleetPolicyError: Somebody interrupted the look.
    """
    chosen = tuple(inventory.hosts[name] for name in sorted(set(hosts)))
    if not chosen:
        return {}, ()
    run = PlaybookRun("look.yml", Path(inventory.source.path), chosen)
    result = run_playbook(run, options)
    last = {event.host: event for event in result.events}
    records: dict[str, HostRecord] = {}
    findings: list[Diagnostic] = []
    for host in chosen:
        try:
            body = _told(inventory, (host.name, last.get(host.name)), "record", result)
            data = write_record(host.name, body, datetime.now(UTC))
            records[host.name] = parse(data, Span(f"look at {host.name}"))
        except FleetPolicyError as error:
            findings += error.diagnostics
    if result.is_interrupted and findings:
        raise FleetPolicyError(*findings, status=ExitStatus.INTERRUPTED)
    return dict(sorted(records.items())), tuple(sorted(findings, key=lambda item: item.order))


def measure(
    inventory: Inventory, wanted: Mapping[str, Sequence[str]], options: RunOptions
) -> tuple[dict[str, str], tuple[Diagnostic, ...]]:
    """Return the JSON text of what hosts measured, and findings about the others.

    Args:
        inventory: How hosts are reached.
        wanted: Host to the PCI addresses of the devices that it is to measure.
        options: How the playbook is run.

    Raises:
        FleetPolicyError: Somebody interrupted it.
    """
    chosen = tuple(inventory.hosts[name] for name in sorted(wanted))
    if not chosen:
        return {}, ()
    bundles = tuple(
        (host.name, json.dumps({"devices": {address: [] for address in wanted[host.name]}}))
        for host in chosen
    )
    run = PlaybookRun("measure.yml", Path(inventory.source.path), chosen, bundles)
    result = run_playbook(run, options)
    last = {event.host: event for event in result.events}
    measured: dict[str, str] = {}
    findings: list[Diagnostic] = []
    for host in chosen:
        try:
            told = _told(inventory, (host.name, last.get(host.name)), "measurement", result)
            measured[host.name] = told
        except FleetPolicyError as error:
            findings += error.diagnostics
    if result.is_interrupted and findings:
        raise FleetPolicyError(*findings, status=ExitStatus.INTERRUPTED)
    return measured, tuple(sorted(findings, key=lambda item: item.order))


def _told(
    inventory: Inventory, said: tuple[str, RunEvent | None], name: str, result: PlaybookResult
) -> str:
    """Return the text that a host's last event brought under a name.

    Raises:
        FleetPolicyError: It brought none.
    """
    host, event = said
    if event is None:
        why = result.output or f"Ansible ended ({result.status}) before this host was looked at"
        fix = f"try it by hand: ansible -i {inventory.source.path} -m ping {host}"
        if result.status == "canceled":
            fix = "run the command again"
        raise FleetPolicyError(
            NO_ANSWER.at(inventory.source, why=why, fix=fix, subject=Subject(host))
        )
    body = event.result.get(name)
    if event.status not in DONE_WELL or not isinstance(body, str):
        raise FleetPolicyError(_finding(inventory, event))
    return body


def _finding(inventory: Inventory, event: RunEvent) -> Diagnostic:
    source = inventory.source.path
    if event.status == "unreachable":
        rule, fix = UNREACHABLE, f"try it by hand: ansible -i {source} -m ping {event.host}"
        if inventory.hosts[event.host].emulated:
            fix = f"start it: fleetpolicy lab up -i {source} {event.host}"
    else:
        rule = LOOK_FAILED
        fix = f"see more of it: ansible -vvv -i {source} -b -m setup {event.host}"
    return rule.at(inventory.source, why=event.message, fix=fix, subject=Subject(event.host))
