"""Run the simulated hosts of an inventory."""

import sys
from argparse import Namespace
from collections.abc import Sequence

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import missing_host
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError
from fleetpolicy.lab import boot, build, ensure, remove, set_kernel, status
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.pipeline.loading import load
from fleetpolicy.pipeline.rules import NOT_SIMULATED


def lab(arguments: Namespace, output: Output) -> ExitStatus:
    """Build, boot, show or remove simulated hosts."""
    loaded = load(request_of(arguments, output))
    if arguments.host and arguments.host not in loaded.inventory.hosts:
        raise FleetPolicyError(missing_host(loaded, arguments.host))
    hosts = [
        host
        for host in loaded.inventory.hosts.values()
        if host.simulated and arguments.host in {"", host.name}
    ]
    if not hosts:
        raise FleetPolicyError(
            NOT_SIMULATED.at(
                loaded.inventory.source,
                why=f"{arguments.host} has no host variable fleetpolicy_model"
                if arguments.host
                else "none of its hosts has the variable fleetpolicy_model",
                fix="name a simulated host of the inventory",
            )
        )
    _act(arguments, hosts, output)
    return ExitStatus.DONE


def _act(arguments: Namespace, hosts: Sequence[InventoryHost], output: Output) -> None:
    for host in hosts:
        match arguments.action:
            case "up":
                built = ensure(host)
                output.progress(f"{host.name}: {'built' if built else 'is there'}: {host.root}")
            case "reset":
                remove(host)
                build(host)
                output.progress(f"{host.name}: built anew: {host.root}")
            case "boot":
                ensure(host)
                if arguments.kernel:
                    set_kernel(host, arguments.kernel)
                boot(host)
                output.progress(f"{host.name}: booted: {status(host)}")
            case "down":
                remove(host)
                output.progress(f"{host.name}: removed")
            case _:
                sys.stdout.write(f"{host.name}: {status(host)}\n")
