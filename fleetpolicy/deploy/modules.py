"""Install prebuilt kernel modules on hosts, for each of the kernels that a host has."""

from collections.abc import Sequence
from pathlib import Path

from fleetpolicy.deploy.outcome import judge_host
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.plan import HostResult
from fleetpolicy.model.prebuilt import PrebuiltModule
from fleetpolicy.runner import PlaybookRun, RunEvent, RunOptions, run_playbook


def install_modules(
    modules: Sequence[PrebuiltModule],
    inventory: Inventory,
    hosts: Sequence[str],
    options: RunOptions,
) -> tuple[HostResult, ...]:
    """Install modules and return what was done, host by host, sorted by name.

    Args:
        modules: A host leaves out those of kernels that it does not have.
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
    return tuple(judge_host(name, events, result, options) for name, events in told.items())
