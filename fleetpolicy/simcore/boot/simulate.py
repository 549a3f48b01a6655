"""Boot a host on paper: what its files make of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from fleetpolicy.simcore.boot.cmdline import Token, builtin_settings, canonical, parse_cmdline
from fleetpolicy.simcore.boot.kernel import HostConfig, PciFunction
from fleetpolicy.simcore.boot.kmod import Kmod, Request
from fleetpolicy.simcore.boot.leftover import explain_owners, list_ignored
from fleetpolicy.simcore.boot.machine import VFIO_PCI, Machine
from fleetpolicy.simcore.boot.modprobe import ModprobeConfig, order_files, parse_modprobe_d
from fleetpolicy.simcore.boot.trace import BootTrace, Cause, Race, Stage
from fleetpolicy.simcore.boot.udev import BadRule, Rule, parse_rules
from fleetpolicy.simcore.boot.uevent import LoadAlias, Uevent, process

_MODULES_LOAD = (
    "/etc/modules-load.d",
    "/run/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
    "/lib/modules-load.d",
)
_LINKED_BEHIND_VFIO = ("ehci_", "ohci_", "uhci_", "xhci_", "snd_")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Hold what is read once for every order of the steps that have none."""

    config: HostConfig
    tokens: tuple[Token, ...]
    initramfs_modprobe: ModprobeConfig
    initramfs_rules: tuple[Rule | BadRule, ...]
    modprobe: ModprobeConfig
    rules: tuple[Rule | BadRule, ...]
    modules_load: tuple[tuple[str, Cause], ...]


@dataclass(frozen=True, slots=True)
class _Order:
    """Choose one order of the steps that a boot runs side by side."""

    backwards: bool = False
    modules_load_first: bool = False


def simulate_boot(config: HostConfig) -> BootTrace:
    """Return what a host will be after a boot with these files.

    Functions are taken in the order of their addresses, and modules-load.d after the functions.
    A real boot runs both side by side; a function whose owner would be another one if they came the
    other way round is listed in `races`.

    Source:
        Linux drivers/pci/pci-driver.c, kernel/params.c, kernel/module/main.c; kmod libkmod; systemd
        src/udev and src/modules-load; initramfs-tools init and scripts/init-top/udev.
    """
    prepared = _prepare(config)
    machine = _boot(prepared, _Order())
    others = [_boot(prepared, _Order(backwards=True))]
    if prepared.modules_load:
        others.append(_boot(prepared, _Order(modules_load_first=True)))
    explain_owners(machine)
    return BootTrace(
        events=tuple(machine.events),
        owners=dict(machine.owners),
        overrides={address: value for address, (value, _) in sorted(machine.overrides.items())},
        loaded=frozenset(machine.loaded),
        parameters={
            module: {name: values[name].value for name in sorted(values)}
            for module, values in sorted(machine.parameters.items())
        },
        ignored=list_ignored(
            machine, prepared.tokens, (prepared.initramfs_modprobe, prepared.modprobe)
        ),
        races=tuple(_races(machine, others)),
    )


def _prepare(config: HostConfig) -> _Prepared:
    initramfs = config.initramfs
    softdeps = config.kernel.softdeps
    return _Prepared(
        config,
        parse_cmdline(config.cmdline),
        parse_modprobe_d(initramfs.modprobe_d if initramfs else {}, softdeps),
        parse_rules(initramfs.udev_rules) if initramfs else (),
        parse_modprobe_d(config.modprobe_d, softdeps),
        parse_rules(config.udev_rules),
        tuple(_modules_load(config)),
    )


def _modules_load(config: HostConfig) -> Iterable[tuple[str, Cause]]:
    for path, text in order_files(config.modules_load_d, _MODULES_LOAD, ".conf"):
        for number, line in enumerate(text.splitlines(), start=1):
            name = line.strip()
            if name and not name.startswith(("#", ";")):
                yield name, Cause(path, name, number)


def _races(machine: Machine, others: list[Machine]) -> Iterable[Race]:
    for address, owner in machine.owners.items():
        outcomes = dict.fromkeys((owner, *(other.owners[address] for other in others)))
        if len(outcomes) > 1:
            yield Race(address, tuple(outcomes))


def _boot(prepared: _Prepared, order: _Order) -> Machine:
    config = prepared.config
    functions = {f.address: f for f in sorted(config.devices, key=lambda f: f.address)}
    machine = Machine(config.kernel, functions)
    _start_builtin(machine, prepared.tokens)
    if config.initramfs is not None:
        _run_initramfs(machine, prepared, order)
    machine.stage = Stage.ROOT
    kmod = Kmod(machine, prepared.modprobe, prepared.tokens, machine.loadable)
    if order.modules_load_first:
        _load_modules(kmod, prepared.modules_load)
    _coldplug(kmod, prepared.rules, order)
    _load_modules(kmod, prepared.modules_load)
    return machine


def _start_builtin(machine: Machine, tokens: tuple[Token, ...]) -> None:
    """Start built-in modules in the order in which the kernel links them, as far as it matters.

    Source:
        Linux drivers/Makefile: vfio comes behind gpu, scsi, nvme, ata and net, before usb; sound
        comes behind drivers.
    """
    settings = builtin_settings(tokens)
    cause = Cause("kernel", f"built into {machine.kernel.release}")
    for module in sorted(machine.builtin, key=lambda name: (_link_rank(machine, name), name)):
        own = tuple(setting for setting in settings if setting.module == module)
        machine.start(module, own, cause)


def _link_rank(machine: Machine, module: str) -> int:
    if module == VFIO_PCI or machine.kernel.patterns(module, "vfio_pci:"):
        return 1
    return 2 if module.startswith(_LINKED_BEHIND_VFIO) else 0


def _run_initramfs(machine: Machine, prepared: _Prepared, order: _Order) -> None:
    initramfs = prepared.config.initramfs
    if initramfs is None:
        return
    machine.stage = Stage.INITRAMFS
    carried = frozenset(canonical(name) for name in initramfs.modules) & machine.loadable
    kmod = Kmod(machine, prepared.initramfs_modprobe, prepared.tokens, carried)
    _load_listed(kmod, initramfs.early, "initramfs early load list")
    _coldplug(kmod, prepared.initramfs_rules, order)
    _load_listed(kmod, initramfs.load, "initramfs load list")


def _load_listed(kmod: Kmod, entries: tuple[str, ...], source: str) -> None:
    for entry in entries:
        words = entry.split()
        kmod.load(words[0], Cause(source, entry), Request(options=tuple(words[1:])))


def _load_modules(kmod: Kmod, entries: tuple[tuple[str, Cause], ...]) -> None:
    for name, cause in entries:
        kmod.load(name, cause, Request(by_blacklist=True))


def _coldplug(kmod: Kmod, rules: tuple[Rule | BadRule, ...], order: _Order) -> None:
    """Let udev process an add event of every function."""
    others = kmod.machine.devices
    functions: list[PciFunction] = list(others.values())
    for function in reversed(functions) if order.backwards else functions:
        owner = kmod.machine.owners[function.address]
        override = kmod.machine.overrides.get(function.address)
        event = Uevent(function, owner or "", override[0] if override else "", others)
        for effect, cause in process(event, rules):
            if isinstance(effect, LoadAlias):
                kmod.load(effect.name, _seen(cause, function), Request(by_blacklist=True))
            else:
                kmod.run((effect,), cause)


def _seen(cause: Cause, function: PciFunction) -> Cause:
    """Point at the rule, with the function whose event ran it."""
    return Cause(cause.source, f"{cause.text}, for {function.address}", cause.line)
