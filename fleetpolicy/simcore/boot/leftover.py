"""Say why functions stay without a driver, and which settings a boot passed over."""

from collections.abc import Iterator

from fleetpolicy.simcore.boot.cmdline import (
    Token,
    blacklisted_by_kmod,
    canonical,
    module_settings,
    refused_by_kernel,
)
from fleetpolicy.simcore.boot.kernel import driver_for, matches_alias
from fleetpolicy.simcore.boot.machine import VFIO_PCI, Machine
from fleetpolicy.simcore.boot.modprobe import ModprobeConfig
from fleetpolicy.simcore.boot.trace import BootEvent, Cause, Ignored

_BUILT_IN = "is built into the kernel: only the command line reaches it"


def explain_owners(machine: Machine) -> None:
    """Record, as the last word on each function without a driver, why it has none."""
    for address, owner in machine.owners.items():
        if owner is None:
            what, cause = _why_unbound(machine, address)
            machine.record(address, f"no driver: {what}", cause)


def _why_unbound(machine: Machine, address: str) -> tuple[str, Cause]:
    override = machine.overrides.get(address)
    if override is not None:
        return _why_override_unmet(machine, address, *override), override[1]
    modalias = machine.devices[address].modalias
    cause = Cause("modalias", modalias)
    takers = [
        canonical(module)
        for pattern, module in machine.kernel.aliases
        if pattern.startswith("pci:") and matches_alias(modalias, pattern)
    ]
    if not takers:
        return "no module has an alias that fits", cause
    blocked = [event for event in machine.events if _is_blocked(event, takers)]
    if blocked:
        return f"{blocked[-1].subject} was {blocked[-1].what}", blocked[-1].cause
    return f"nothing loaded {', '.join(dict.fromkeys(takers))}", cause


def _is_blocked(event: BootEvent, takers: list[str]) -> bool:
    return event.subject in takers and event.what.startswith(("not loaded", "install command"))


def _why_override_unmet(machine: Machine, address: str, override: str, cause: Cause) -> str:
    del cause
    if override in machine.drivers:
        if machine.drivers[override].is_vfio and machine.devices[address].is_bridge:
            return f"{override} refuses a bridge"
        return (
            f"{override} was registered before driver_override={override} and nothing probed again"
        )
    names = {machine.kernel.driver_name(m): m for m in machine.builtin | machine.loadable}
    if override in names:
        return f"driver_override={override}, and {names[override]} was never loaded"
    similar = sorted(name for name in names if canonical(name) == canonical(override))
    if similar:
        return f"driver_override={override} names no driver; the driver is called {similar[0]}"
    return f"driver_override={override}, and kernel {machine.kernel.release} has no such driver"


def list_ignored(
    machine: Machine, tokens: tuple[Token, ...], configs: tuple[ModprobeConfig, ...]
) -> tuple[Ignored, ...]:
    """Return the settings that changed nothing, each once, sorted by where they stand."""
    found = [
        *machine.ignored,
        *_ignored_tokens(machine, tokens),
        *(entry for config in configs for entry in _ignored_lines(machine, config)),
        *_ignored_ids(machine),
        *_ignored_overrides(machine),
    ]
    return tuple(
        sorted(
            dict.fromkeys(found),
            key=lambda entry: (
                entry.setting.source,
                entry.setting.line,
                str(entry.setting),
                entry.why,
            ),
        )
    )


def _ignored_tokens(machine: Machine, tokens: tuple[Token, ...]) -> Iterator[Ignored]:
    for setting in module_settings(tokens):
        if setting.module == "modprobe":
            continue
        why = _why_not_reached(machine, setting.module, on_command_line=True)
        if why:
            yield Ignored(setting.cause, why)
    for name, cause in blacklisted_by_kmod(tokens):
        if name in machine.builtin:
            yield Ignored(cause, f"{name} is built into the kernel: no blacklist reaches it")
    for name, cause in refused_by_kernel(tokens):
        if canonical(name) != name:
            why = f"the kernel compares letter by letter and calls the module {canonical(name)}"
            yield Ignored(cause, why)
        elif name in machine.builtin:
            yield Ignored(cause, f"{name} is built into the kernel: no blacklist reaches it")


def _why_not_reached(machine: Machine, module: str, *, on_command_line: bool = False) -> str:
    """Return why a module's parameters reach nothing, or an empty string if they do."""
    if module in machine.builtin:
        return "" if on_command_line else f"{module} {_BUILT_IN}"
    if module in machine.loaded:
        return ""
    if module in machine.loadable:
        return f"nothing loads {module} during the boot"
    if on_command_line and module not in machine.kernel.parameters and module != VFIO_PCI:
        return ""
    return f"kernel {machine.kernel.release} has no module {module}"


def _ignored_lines(machine: Machine, config: ModprobeConfig) -> Iterator[Ignored]:
    yield from config.ignored
    for setting in config.options:
        why = _why_not_reached(machine, setting.module) or _why_replaced(machine, setting.module)
        used = machine.parameters.get(setting.module, {}).get(setting.parameter)
        if why and (used is None or used.cause != setting.cause):
            yield Ignored(setting.cause, why)
    for entry in config.blacklists:
        if entry.module in machine.builtin:
            why = f"{entry.module} is built into the kernel: no blacklist reaches it"
            yield Ignored(entry.cause, why)
    for softdep in config.softdeps:
        if softdep.module in machine.builtin:
            yield Ignored(softdep.cause, f"{softdep.module} is built into the kernel")


def _why_replaced(machine: Machine, module: str) -> str:
    """Return why an option that stands in this stage's files did not reach a loaded module."""
    cause = machine.loaded.get(module)
    if cause is None:
        return ""
    stage = next(e.stage for e in machine.events if e.subject == module and e.what == "loaded")
    return f"{module} was loaded in the {stage} stage, under the files of that stage"


def _ignored_ids(machine: Machine) -> Iterator[Ignored]:
    for driver in machine.drivers.values():
        for dynamic in driver.dynamic:
            if not any(dynamic.fits(function) for function in machine.devices.values()):
                yield Ignored(dynamic.cause, f"no function has the id {dynamic.text}")


def _ignored_overrides(machine: Machine) -> Iterator[Ignored]:
    for address, (override, cause) in machine.overrides.items():
        owner = machine.owners[address]
        if owner is not None and owner != override and driver_for("", ()) is None:
            yield Ignored(
                cause, f"{address} was bound to {owner} before; an override unbinds nothing"
            )
