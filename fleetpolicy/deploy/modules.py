"""Install prebuilt kernel modules on hosts, for each of the kernels that a host has."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.plan import HostResult
from fleetpolicy.model.prebuilt import PrebuiltModule
from fleetpolicy.runner import (
    DONE_WELL,
    PlaybookResult,
    PlaybookRun,
    RunEvent,
    RunOptions,
    run_playbook,
)

_COPY = "Copy the modules"


def install_modules(
    modules: Sequence[PrebuiltModule],
    inventory: Inventory,
    hosts: Sequence[str],
    options: RunOptions,
) -> tuple[HostResult, ...]:
    """Install modules and return what was done, host by host, sorted by name.

    Args:
        modules: Those of kernels that a host does not have are not sent to it.
        inventory: How hosts are reached.
        hosts: Names in the inventory.
        options: How the playbook is run.
    """
    chosen = tuple(inventory.hosts[name] for name in sorted(hosts))
    if not chosen:
        return ()
    wanted = [{"release": item.release, "path": str(item.path.resolve())} for item in modules]
    run = PlaybookRun(
        "modules.yml",
        Path(inventory.source.path),
        chosen,
        variables={"fleetpolicy_prebuilt": wanted},
    )
    result = run_playbook(run, options)
    told: dict[str, list[RunEvent]] = {host.name: [] for host in chosen}
    for event in result.events:
        told[event.host].append(event)
    return tuple(_judge(name, events, result) for name, events in told.items())


def _judge(host: str, events: Sequence[RunEvent], run: PlaybookResult) -> HostResult:
    """Return how it went with a host; one without any of the kernels is unchanged, and says so."""
    if not events:
        status = "interrupted" if run.is_interrupted else "failed"
        return _result(host, status, message=run.output or f"Ansible ended: {run.status}")
    last = events[-1]
    if last.status not in DONE_WELL:
        return _result(host, last.status, message=_reason(last))
    copied = next((event for event in events if event.task == _COPY), None)
    if copied is None:
        if run.is_interrupted:
            return _result(host, "interrupted", message="not done, or its end was not seen")
        return _result(host, "unchanged", message="it has none of these kernels")
    changed = tuple(
        str(item["dest"]) for item in _parts(copied) if item.get("changed") and item.get("dest")
    )
    return _result(host, "changed" if changed else "unchanged", changed)


def _result(host: str, status: str, changed: tuple[str, ...] = (), message: str = "") -> HostResult:
    return HostResult(host, status, changed, rebooted=False, message=message)


def _reason(event: RunEvent) -> str:
    """Return why a task failed; of a loop the first part that did."""
    bad = next((part for part in _parts(event) if part.get("failed")), None)
    if bad is None:
        return event.message
    said = str(bad.get("stderr") or bad.get("msg") or event.message)
    return " ".join(said.split())


def _parts(event: RunEvent) -> list[Mapping[str, object]]:
    found = event.result.get("results")
    return found if isinstance(found, list) else []
