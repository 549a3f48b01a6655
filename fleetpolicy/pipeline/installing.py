"""Install kernel modules of a build farm on the hosts of a fleet."""

from collections.abc import Sequence
from pathlib import Path

from fleetpolicy.deploy import install_modules
from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.load import read_prebuilt
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import HostResult
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.pipeline.loading import Hosts
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import ONLY_SIMULATED
from fleetpolicy.runner import RunEvent, RunOptions


def install(
    request: Request, loaded: Hosts, folder: Path, *, check: bool
) -> tuple[HostResult, ...]:
    """Install the modules below a folder and return what was done, host by host.

    Simulated hosts are left out: no module of theirs is one.

    Raises:
        FleetPolicyError: A module is unfit, or there is no host to install it on.
    """
    modules = read_prebuilt(folder)
    hosts = _real_hosts(loaded)

    def tell(event: RunEvent) -> None:
        request.progress(f"{event.host}: {event.task}: {event.status}")

    request.progress(f"bringing {amount(len(modules), 'module')} to {amount(len(hosts), 'host')}")
    options = RunOptions(playbooks_folder(), forks=request.forks, on_event=tell, check=check)
    return install_modules(modules, loaded.inventory, hosts, options)


def _real_hosts(loaded: Hosts) -> Sequence[str]:
    hosts = [host.name for host in loaded.inventory.hosts.values() if host.simulated is None]
    if not hosts:
        source = loaded.inventory.source
        raise FleetPolicyError(
            ONLY_SIMULATED.at(
                Span(source.path),
                why="every host of it is simulated",
                fix="give the model of a simulated host the module: kernels.RELEASE.modules",
            )
        )
    return hosts
