"""Run the simulated and emulated hosts of an inventory."""

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import missing_host
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Subject
from fleetpolicy.emulate import hosts as emulated
from fleetpolicy.lab import boot, build, ensure, remove, set_kernel, status
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.pipeline.loading import Loaded, load
from fleetpolicy.pipeline.rules import NOT_EMULATED, NOT_SIMULATED

_ENTERING = ("logs", "ssh")


def lab(arguments: Namespace, output: Output) -> ExitStatus:
    """Build, boot, show, enter or remove the hosts of the lab."""
    loaded = load(request_of(arguments, output))
    if arguments.host and arguments.host not in loaded.inventory.hosts:
        raise FleetPolicyError(missing_host(loaded, arguments.host))
    hosts = [
        host
        for host in loaded.inventory.hosts.values()
        if (host.simulated or host.emulated) and arguments.host in {"", host.name}
    ]
    if not hosts:
        raise FleetPolicyError(
            NOT_SIMULATED.at(
                loaded.inventory.source,
                why=f"{arguments.host} has neither fleetpolicy_model nor fleetpolicy_machine"
                if arguments.host
                else "none of its hosts has the variable fleetpolicy_model or fleetpolicy_machine",
                fix="name a simulated or an emulated host of the inventory",
            )
        )
    if arguments.action in _ENTERING:
        return _enter(arguments, _one(loaded, hosts, arguments.action))
    for host in (host for host in hosts if host.simulated):
        _simulated(arguments, host, output)
    _emulated(arguments, [host for host in hosts if host.emulated], output)
    return ExitStatus.DONE


def _simulated(arguments: Namespace, host: InventoryHost, output: Output) -> None:
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


def _emulated(arguments: Namespace, hosts: Sequence[InventoryHost], output: Output) -> None:
    match arguments.action:
        case "up" | "reset":
            _bring_up(hosts, output, anew=arguments.action == "reset")
        case "boot":
            for host in hosts:
                output.progress(f"{host.name}: rebooting")
                release = emulated.reboot(host, arguments.kernel)
                output.progress(f"{host.name}: runs {release}")
        case "down":
            for host in hosts:
                emulated.switch_off(host)
                output.progress(f"{host.name}: removed")
        case _:
            for host in hosts:
                sys.stdout.write(f"{host.name}: {emulated.status(host)}\n")


def _bring_up(hosts: Sequence[InventoryHost], output: Output, *, anew: bool) -> None:
    """Start all hosts, then wait for them: they boot beside each other."""
    for host in hosts:
        if anew:
            emulated.switch_off(host)
        started = emulated.switch_on(host, output.progress)
        output.progress(f"{host.name}: {'booting' if started else 'is on'}: {host.lab}")
    for host in hosts:
        output.progress(f"{host.name}: runs {emulated.await_host(host)}")


def _one(loaded: Loaded, hosts: Sequence[InventoryHost], action: str) -> InventoryHost:
    """Return the emulated host that is meant."""
    found = [host for host in hosts if host.emulated]
    if len(found) == 1:
        return found[0]
    names = ", ".join(host.name for host in loaded.inventory.hosts.values() if host.emulated)
    raise FleetPolicyError(
        NOT_EMULATED.at(
            loaded.inventory.source,
            why=f"{hosts[0].name} is simulated: its console and its shell are this machine's"
            if not found
            else f"lab {action} is for one host, and there are {len(found)}",
            fix=f"name one of: {names}" if names else "look into its folder instead",
            subject=Subject(hosts[0].name),
        )
    )


def _enter(arguments: Namespace, host: InventoryHost) -> ExitStatus:
    """Print the console of a host, or become a session on it."""
    if arguments.action == "ssh":
        # The session takes the place of this process.
        os.execvp("ssh", (*emulated.session(host), *arguments.command))  # noqa: S606 S607
    sys.stdout.write(emulated.console(host))
    return ExitStatus.DONE
