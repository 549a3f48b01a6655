"""Say why functions stay without a driver, and which settings a boot passed over."""

from collections.abc import Iterator

from fleetpolicy.simcore.boot.aliases import matches_alias
from fleetpolicy.simcore.boot.cmdline import (
    Token,
    blacklisted_by_kmod,
    canonical,
    module_settings,
    refused_by_kernel,
)
from fleetpolicy.simcore.boot.machine import VFIO_PCI, Machine
from fleetpolicy.simcore.boot.modprobe import ModprobeConfig
from fleetpolicy.simcore.boot.trace import BootEvent, Cause, Ignored, Stage

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
        return _why_override_unmet(machine, address, override[0]), override[1]
    own = [event for event in machine.events if event.subject == address]
    if own and own[-1].what.startswith("unbound from"):
        return f"{own[-1].what}, and nothing bound it again", own[-1].cause
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
    return event.subject in takers and event.what.startswith(("not loaded", "replaced by"))


def _why_override_unmet(machine: Machine, address: str, override: str) -> str:
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
        *_ignored_parameters(machine, tokens),
        *_ignored_blacklists(machine, tokens),
        *(entry for config in configs for entry in _ignored_lines(machine, config)),
        *_ignored_options(machine, configs),
        *_ignored_ids(machine),
        *_ignored_overrides(machine),
    ]
    return tuple(sorted(dict.fromkeys(found), key=_place))


def _place(entry: Ignored) -> tuple[str, int, str, str]:
    return entry.setting.source, entry.setting.line, entry.setting.text, entry.why


def _ignored_parameters(machine: Machine, tokens: tuple[Token, ...]) -> Iterator[Ignored]:
    """Find parameters of the command line that reach no module."""
    for token in tokens:
        for setting in module_settings((token,)):
            if setting.module == "modprobe":
                continue
            why = _why_not_reached(machine, setting.module, on_command_line=True)
            if token.for_init and setting.module in machine.builtin:
                why = f'{setting.module} is built in, and the kernel reads nothing behind "--"'
            if why:
                yield Ignored(setting.cause, why)


def _ignored_blacklists(machine: Machine, tokens: tuple[Token, ...]) -> Iterator[Ignored]:
    """Find names on the command line's blacklists that keep nothing away."""
    for name, cause in blacklisted_by_kmod(tokens):
        if name in machine.builtin:
            yield Ignored(cause, _no_blacklist_reaches(name))
    for name, cause in refused_by_kernel(tokens):
        if canonical(name) != name:
            why = f"the kernel compares letter by letter and calls the module {canonical(name)}"
            yield Ignored(cause, why)
        elif name in machine.builtin:
            yield Ignored(cause, _no_blacklist_reaches(name))


def _no_blacklist_reaches(module: str) -> str:
    return f"{module} is built into the kernel: no blacklist reaches it"


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
    """Find lines of modprobe.d, options aside, that do nothing."""
    yield from config.ignored
    for entry in config.blacklists:
        if entry.module in machine.builtin:
            yield Ignored(entry.cause, _no_blacklist_reaches(entry.module))
    for softdep in config.softdeps:
        if softdep.module in machine.builtin and softdep.cause.line:
            yield Ignored(softdep.cause, f"{softdep.module} is built into the kernel")


def _ignored_options(machine: Machine, configs: tuple[ModprobeConfig, ...]) -> Iterator[Ignored]:
    """Find options for modules that no file reaches, or that another stage's files reached."""
    for stage, config in zip((Stage.INITRAMFS, Stage.ROOT), configs, strict=True):
        for setting in config.options:
            why = _why_not_reached(machine, setting.module)
            if why:
                yield Ignored(setting.cause, why)
                continue
            loading = _loading_stage(machine, setting.module)
            other = configs[0] if loading is Stage.INITRAMFS else configs[1]
            if loading is not stage and setting not in other.options:
                yield Ignored(
                    setting.cause,
                    f"{setting.module} was loaded in the {loading} stage, "
                    "under the files of that stage",
                )


def _loading_stage(machine: Machine, module: str) -> Stage:
    """Return the stage in which a module that is not built in was loaded."""
    return next(e.stage for e in machine.events if e.subject == module and e.what == "loaded")


def _ignored_ids(machine: Machine) -> Iterator[Ignored]:
    for driver in machine.drivers.values():
        for dynamic in driver.dynamic:
            if not any(dynamic.fits(function) for function in machine.devices.values()):
                yield Ignored(dynamic.cause, f"no function has the id {dynamic.text}")


def _ignored_overrides(machine: Machine) -> Iterator[Ignored]:
    for address, (override, cause) in machine.overrides.items():
        owner = machine.owners[address]
        if owner not in {None, override}:
            why = f"{address} was bound to {owner} before; an override unbinds nothing"
            yield Ignored(cause, why)
