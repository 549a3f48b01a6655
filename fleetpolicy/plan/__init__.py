"""Plan how hosts are brought to the policy: what changes, why, and who boots."""

from collections.abc import Callable
from dataclasses import replace

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.plan import HostPlan, Plan, Planning
from fleetpolicy.model.record import HostRecord
from fleetpolicy.plan.document import dump_plan, parse_plan, plan_schema
from fleetpolicy.plan.foreign import find_left_as_is
from fleetpolicy.plan.hosts import Outlook, Planner
from fleetpolicy.plan.identity import identify

__all__ = ["dump_plan", "parse_plan", "plan", "plan_schema"]


def plan(planning: Planning) -> tuple[Plan, tuple[Diagnostic, ...]]:
    """Return what brings every host of the fleet to the policy, and what stands in the way.

    Returns:
        Hosts sorted by name; a host with an error among its findings has nothing to do.
    """
    planner = Planner(planning)
    revision, inventory = planning.fleet.revision, planning.inventory
    hosts: list[HostPlan] = []
    writers: list[Callable[[str], str]] = []
    findings: list[Diagnostic] = []
    blobs: dict[str, str] = {}
    for host in sorted(planning.fleet.hosts, key=lambda host: host.name):
        record = planning.records[host.name]
        outlook, found = planner.plan_host(host)
        findings += found
        blobs |= outlook.blobs
        writers.append(_writer(outlook, record, revision))
        hosts.append(_host_plan(record, outlook, writers[-1]("")))
    findings += find_left_as_is(planning.fleet, planning.records)
    plan_id = identify(revision, inventory, hosts)
    named = (
        replace(host, manifest=write(plan_id)) if host.manifest else host
        for host, write in zip(hosts, writers, strict=True)
    )
    ordered = dict(sorted(blobs.items()))
    return Plan(plan_id, revision, inventory, tuple(named), ordered), tuple(findings)


def _writer(outlook: Outlook, record: HostRecord, revision: str) -> Callable[[str], str]:
    """Return a function from a plan's id to the text of the host's manifest."""

    def write(plan_id: str) -> str:
        if outlook.substance is None:
            return ""
        return outlook.substance.text(record.host, record.identity.boot_id, plan_id, revision)

    return write


def _host_plan(record: HostRecord, outlook: Outlook, manifest: str) -> HostPlan:
    return HostPlan(
        host=record.host,
        actions=outlook.actions,
        reasons=outlook.reasons,
        guests_off=outlook.guests_off,
        state=outlook.state,
        release=record.facts.kernel.release,
        manifest=manifest,
    )
