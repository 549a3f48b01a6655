"""Run the simulated and emulated hosts of an inventory."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from fleetpolicy.cli.interruption import interruptible
from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import missing_host
from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Subject
from fleetpolicy.emulate import hosts as emulated
from fleetpolicy.lab import boot, build, ensure, remove, set_kernel, status
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.pipeline.loading import Hosts, load_hosts
from fleetpolicy.pipeline.rules import NOT_EMULATED, NOT_SIMULATED

_OF_ALL_THAT_IS_LEFT = ("down", "status")


def lab(arguments: Namespace, output: Output) -> ExitStatus:
    """Build, boot, show, enter or remove the hosts of the lab."""
    loaded = load_hosts(request_of(arguments, output))
    of_all = arguments.action in _OF_ALL_THAT_IS_LEFT and not arguments.limit
    left = _left_behind(loaded) if of_all else ()
    known = {*loaded.inventory.hosts, *(host.name for host in left)}
    if arguments.host and arguments.host not in known:
        raise FleetPolicyError(missing_host(loaded, arguments.host))
    hosts = [
        host
        for host in loaded.inventory.hosts.values()
        if (host.simulated or host.emulated) and arguments.host in {"", host.name}
    ]
    gone = [host for host in left if arguments.host in {"", host.name}]
    if not hosts and not gone:
        raise FleetPolicyError(_nothing_to_run(loaded, arguments.host))
    if arguments.action == "ssh":
        # The session takes the place of this process.
        words = emulated.session(_one(loaded, hosts, "ssh"))
        output.pulse.stop()
        os.execvp("ssh", (*words, *arguments.command))  # noqa: S606 S607
    if arguments.action == "logs":
        return _print(_console(_one(loaded, hosts, "logs"), output), output)
    if arguments.action == "status":
        return _print_states((*hosts, *gone), output)
    for host in (host for host in hosts if host.simulated):
        _simulated(arguments, host, output)
    with interruptible():
        emulating = [host for host in hosts if host.emulated]
        try:
            _emulated(arguments, emulating, gone, output)
        except KeyboardInterrupt:
            _tell_what_goes_on((*emulating, *gone))
            raise
    return _print("", output)


def _print(text: str, output: Output) -> ExitStatus:
    output.emit("lab", "ok", lambda _: text, {})
    return ExitStatus.DONE


def _print_states(hosts: Sequence[InventoryHost], output: Output) -> ExitStatus:
    """Print what each host does, whatever comes of the others."""
    lines: list[str] = []

    def ask(host: InventoryHost) -> None:
        output.begin(f"asking {host.name}")
        lines.append(f"{host.name}: {_state(host)}\n")

    try:
        _each(sorted(hosts, key=lambda host: not host.simulated), ask)
    except FleetPolicyError:
        _print("".join(lines), output)
        raise
    return _print("".join(lines), output)


def _state(host: InventoryHost) -> str:
    if host.simulated:
        return status(host)
    return emulated.status(host) + ("" if host.emulated else "; the inventory has it no more")


def _console(host: InventoryHost, output: Output) -> str:
    text = emulated.console(host)
    if not text:
        output.progress(f"{host.name}: has printed nothing: {emulated.status(host)}")
    return text


def _left_behind(loaded: Hosts) -> tuple[InventoryHost, ...]:
    """Return emulated hosts that were started, and are none in the inventory any more."""
    inventory = loaded.inventory
    other = {name for name, host in inventory.hosts.items() if not host.emulated}
    return emulated.left_behind(Path(inventory.lab), inventory.names - other)


def _nothing_to_run(loaded: Hosts, name: str) -> Diagnostic:
    return NOT_SIMULATED.at(
        loaded.inventory.source,
        why=f"{name} has neither fleetpolicy_model nor fleetpolicy_machine"
        if name
        else "none of its hosts has the variable fleetpolicy_model or fleetpolicy_machine",
        fix="name a simulated or an emulated host of the inventory",
    )


def _tell_what_goes_on(hosts: Iterable[InventoryHost]) -> None:
    """Tell an operator who interrupts what works on without the process."""
    for host in hosts:
        pid = emulated.process_of(host)
        if pid is not None:
            fate = f"QEMU works on as process {pid}; lab up waits for it, lab down ends it"
            sys.stderr.write(f"{host.name}: {fate}\n")


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
        case _:
            remove(host)
            output.progress(f"{host.name}: removed")


def _emulated(
    arguments: Namespace,
    hosts: Sequence[InventoryHost],
    gone: Sequence[InventoryHost],
    output: Output,
) -> None:
    match arguments.action:
        case "up" | "reset":
            _bring_up(hosts, output, anew=arguments.action == "reset")
        case "boot":
            _each(hosts, lambda host: _boot(host, arguments.kernel, output))
        case _:
            _each((*hosts, *gone), lambda host: _take_down(host, output))


def _boot(host: InventoryHost, kernel: str, output: Output) -> None:
    """Reboot a host; one that is off is started first: only one that runs is told a kernel."""
    started = emulated.switch_on(host, output.progress)
    if started:
        output.progress(f"{host.name}: booting: {host.lab}")
        release = emulated.await_host(host)
    if kernel or not started:
        output.progress(f"{host.name}: rebooting")
        release = emulated.reboot(host, kernel, output.progress)
    output.progress(f"{host.name}: runs {release}")


def _take_down(host: InventoryHost, output: Output) -> None:
    was_there = emulated.switch_off(host, output.progress)
    output.progress(f"{host.name}: {'removed' if was_there else 'was not built'}")


def _each(hosts: Iterable[InventoryHost], do: Callable[[InventoryHost], None]) -> None:
    """Do something with each host, whatever comes of the others.

    Raises:
        FleetPolicyError: It failed with some; their findings are together.
    """
    findings: dict[Diagnostic, None] = {}
    for host in hosts:
        try:
            do(host)
        except FleetPolicyError as error:
            findings |= dict.fromkeys(_about(host, item) for item in error.diagnostics)
    if findings:
        raise FleetPolicyError(*findings)


def _about(host: InventoryHost, finding: Diagnostic) -> Diagnostic:
    """Return a finding with the host that it came up with; the cache knows of none."""
    return finding if finding.subject.host else replace(finding, subject=Subject(host.name))


def _bring_up(hosts: Sequence[InventoryHost], output: Output, *, anew: bool) -> None:
    """Start all hosts, then wait for them: they boot beside each other."""
    on: list[InventoryHost] = []

    def start(host: InventoryHost) -> None:
        if anew:
            emulated.switch_off(host, output.progress)
        started = emulated.switch_on(host, output.progress)
        on.append(host)
        output.progress(f"{host.name}: {'booting' if started else 'is on'}: {host.lab}")

    def await_one(host: InventoryHost) -> None:
        output.progress(f"{host.name}: runs {emulated.await_host(host)}")

    findings: list[Diagnostic] = []
    for part, do in ((hosts, start), (on, await_one)):
        try:
            _each(part, do)
        except FleetPolicyError as error:
            findings += error.diagnostics
    if findings:
        raise FleetPolicyError(*findings)


def _one(loaded: Hosts, hosts: Sequence[InventoryHost], action: str) -> InventoryHost:
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
