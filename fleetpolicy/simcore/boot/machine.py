"""Bind PCI functions to drivers as the Linux driver core does."""

from dataclasses import dataclass, field

from fleetpolicy.simcore.boot.aliases import matches_alias
from fleetpolicy.simcore.boot.cmdline import SOURCE, Setting, canonical
from fleetpolicy.simcore.boot.dynamic_id import DynamicId, parse_ids
from fleetpolicy.simcore.boot.kernel import KernelBuild, PciFunction
from fleetpolicy.simcore.boot.trace import BootEvent, Cause, Ignored, Stage

VFIO_PCI = "vfio_pci"
_SYSFS = "/sys/bus/pci"


@dataclass(slots=True)
class Driver:
    """Hold a registered PCI driver.

    Args:
        native: Patterns of the functions it takes by itself.
        is_vfio: It is a VFIO driver, which takes no bridge.
        dynamic: Ids given at load or through new_id.
    """

    name: str
    module: str
    native: tuple[str, ...]
    is_vfio: bool
    dynamic: list[DynamicId] = field(default_factory=list)


@dataclass(slots=True)
class Machine:
    """Hold the kernel's state while a host boots: drivers, functions, overrides, parameters."""

    kernel: KernelBuild
    devices: dict[str, PciFunction]
    stage: Stage = Stage.KERNEL
    owners: dict[str, str | None] = field(default_factory=dict)
    overrides: dict[str, tuple[str, Cause]] = field(default_factory=dict)
    drivers: dict[str, Driver] = field(default_factory=dict)
    loaded: dict[str, Cause] = field(default_factory=dict)
    parameters: dict[str, dict[str, Setting]] = field(default_factory=dict)
    events: list[BootEvent] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    builtin: frozenset[str] = frozenset()
    loadable: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.builtin = frozenset(canonical(name) for name in self.kernel.builtin)
        self.loadable = frozenset(canonical(name) for name in self.kernel.modules) - self.builtin
        self.owners = dict.fromkeys(sorted(self.devices))

    def record(self, subject: str, what: str, cause: Cause) -> None:
        """Note one step."""
        self.events.append(BootEvent(self.stage, subject, what, cause))

    def ignore(self, setting: Cause, why: str) -> None:
        """Note a setting that has no effect, once."""
        found = Ignored(setting, why)
        if found not in self.ignored:
            self.ignored.append(found)

    def is_present(self, module: str) -> bool:
        """Tell whether a module runs already, loaded or built in."""
        return module in self.loaded or module in self.builtin

    def start(self, module: str, settings: tuple[Setting, ...], cause: Cause) -> None:
        """Let a module's init run: take its parameters, register its driver, bind."""
        self.parameters[module] = self._accepted(module, settings)
        native = self.kernel.patterns(module, "pci:")
        is_vfio = module == VFIO_PCI or bool(self.kernel.patterns(module, "vfio_pci:"))
        if not native and not is_vfio and module not in self.kernel.drivers:
            return
        name = self.kernel.driver_name(module)
        driver = Driver(name, module, native, is_vfio)
        if module == VFIO_PCI and "ids" in self.parameters[module]:
            driver.dynamic.extend(parse_ids(self.parameters[module]["ids"], self.ignore))
        self.drivers[name] = driver
        self.record(name, f"driver registered by {module}", cause)
        for address in self.owners:
            self._try_driver(address, driver, cause)

    def _accepted(self, module: str, settings: tuple[Setting, ...]) -> dict[str, Setting]:
        known = self.kernel.parameters.get(module)
        values: dict[str, Setting] = {}
        for setting in settings:
            if known is not None and setting.parameter not in {canonical(name) for name in known}:
                self.ignore(setting.cause, f"{module} has no parameter {setting.parameter}")
                continue
            if setting.parameter in values:
                replaced = values.pop(setting.parameter)
                why = f"a later value of {module}.{setting.parameter} replaces it: {setting.value}"
                if replaced.value != setting.value:
                    self.ignore(replaced.cause, why)
            values[setting.parameter] = setting
            if setting.cause.source == SOURCE or self.stage is not Stage.KERNEL:
                what = f"parameter {setting.parameter}={setting.value}"
                self.record(module, what, setting.cause)
        return values

    def probe(self, address: str, cause: Cause) -> None:
        """Offer a function without a driver to every registered one, the first first."""
        for driver in self.drivers.values():
            self._try_driver(address, driver, cause)

    def _try_driver(self, address: str, driver: Driver, cause: Cause) -> None:
        if self.owners[address] is not None:
            self._note_taken(address, driver)
            return
        why = self.match(address, driver)
        if why is None:
            return
        reason, decisive = why
        if driver.is_vfio and self.devices[address].is_bridge:
            self.record(address, f"{driver.name} refuses a bridge with EINVAL", cause)
            return
        self.owners[address] = driver.name
        self.record(address, f"bound to {driver.name}: {reason}", decisive or cause)

    def _note_taken(self, address: str, driver: Driver) -> None:
        """Record that an id given to a driver comes too late for a function."""
        for dynamic in driver.dynamic:
            if dynamic.fits(self.devices[address]) and self.owners[address] != driver.name:
                what = f"stays with {self.owners[address]}: {driver.name} came later"
                self.record(address, what, dynamic.cause)

    def match(self, address: str, driver: Driver) -> tuple[str, Cause | None] | None:
        """Return why a driver may take a function, or None.

        Source:
            Linux drivers/pci/pci-driver.c, pci_match_device(): another override excludes, then
            dynamic ids, then the driver's own table, then the override alone.
        """
        override = self.overrides.get(address)
        if override is not None and override[0] != driver.name:
            return None
        function = self.devices[address]
        for dynamic in driver.dynamic:
            if dynamic.fits(function):
                return f"its id {dynamic.text} was given", dynamic.cause
        for pattern in driver.native:
            if matches_alias(function.modalias, pattern):
                return f"alias {pattern}", None
        if override is not None:
            return f"driver_override={override[0]}", override[1]
        return None

    def write(self, path: str, value: str, cause: Cause) -> bool:
        """Carry out a write to sysfs and tell whether it is one that is modelled."""
        parts = path.removeprefix(_SYSFS).strip("/").split("/")
        if not path.startswith(_SYSFS + "/"):
            return False
        match parts:
            case ["drivers_probe"]:
                if value in self.owners:
                    self.probe(value, cause)
            case ["devices", address, "driver_override"]:
                self._write_override(address, value, cause)
            case ["devices", address, "driver", "unbind"]:
                self._unbind(address, cause)
            case ["drivers", name, "bind" | "unbind" | "new_id" as leaf]:
                self._write_driver(name, leaf, value, cause)
            case _:
                return False
        return True

    def _write_override(self, address: str, value: str, cause: Cause) -> None:
        if address not in self.owners:
            return
        if not value:
            self.overrides.pop(address, None)
            self.record(address, "driver_override cleared", cause)
            return
        known = self.overrides.get(address)
        if known is not None and known[0] == value:
            return
        self.overrides[address] = (value, cause)
        owner = self.owners[address]
        kept = f"; {owner} keeps the function" if owner not in {None, value} else ""
        self.record(address, f"driver_override={value}{kept}", cause)

    def _unbind(self, address: str, cause: Cause) -> None:
        if self.owners.get(address) is not None:
            self.record(address, f"unbound from {self.owners[address]}", cause)
            self.owners[address] = None

    def _write_driver(self, name: str, leaf: str, value: str, cause: Cause) -> None:
        driver = self.drivers.get(name)
        if driver is None:
            self.ignore(cause, f"{_SYSFS}/drivers/{name} does not exist when this is written")
        elif leaf == "unbind":
            if self.owners.get(value) == name:
                self._unbind(value, cause)
        elif leaf == "new_id":
            driver.dynamic.extend(parse_ids(self._new_id(value, cause), self.ignore))
            for address in self.owners:
                self._try_driver(address, driver, cause)
        elif value in self.owners:
            self._try_driver(value, driver, cause)

    @staticmethod
    def _new_id(value: str, cause: Cause) -> Setting:
        return Setting("", "new_id", ":".join(value.split()), cause)
