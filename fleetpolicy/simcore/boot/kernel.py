"""Describe a host before it boots: the kernel's build, its PCI functions and its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetpolicy.simcore.boot.cmdline import canonical


@dataclass(frozen=True, slots=True)
class ModuleSoftdep:
    """Hold the modules that a module asks kmod to load before and after itself."""

    pre: tuple[str, ...] = ()
    post: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KernelBuild:
    """Describe one kernel as its build and its modules directory describe it.

    Args:
        release: What `uname -r` says.
        builtin: The modules of modules.builtin.
        modules: The modules of modules.dep, without those built in.
        aliases: (pattern, module) as in modules.alias, the `vfio_pci:` ones too, in the file's
            order; for built-in drivers as in modules.builtin.modinfo.
        softdeps: As in modules.softdep.
        parameters: The parameters of each module that is described; a module that is not here
            takes every name.
        drivers: The name in /sys/bus/pci/drivers where it differs from the module's.
        dependencies: The modules that must be there first, as in modules.dep.
    """

    release: str
    builtin: frozenset[str]
    modules: frozenset[str]
    aliases: tuple[tuple[str, str], ...]
    softdeps: Mapping[str, ModuleSoftdep] = field(default_factory=dict)
    parameters: Mapping[str, frozenset[str]] = field(default_factory=dict)
    drivers: Mapping[str, str] = field(default_factory=dict)
    dependencies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def driver_name(self, module: str) -> str:
        """Return the name under which a module's PCI driver stands in sysfs."""
        return self.drivers.get(module, module)

    def patterns(self, module: str, prefix: str) -> tuple[str, ...]:
        """Return the module's alias patterns that begin with a prefix."""
        return tuple(
            pattern
            for pattern, owner in self.aliases
            if pattern.startswith(prefix) and canonical(owner) == module
        )


@dataclass(frozen=True, slots=True)
class PciFunction:
    """Describe one PCI function; numbers are lower-case hexadecimal text without 0x.

    Args:
        address: domain:bus:device.function, as in sysfs.
        modalias: As in sysfs, `pci:v0000...`.
        class_code: Six digits: class, subclass, programming interface.
    """

    address: str
    modalias: str
    vendor: str
    device: str
    subvendor: str
    subdevice: str
    class_code: str

    @property
    def is_bridge(self) -> bool:
        """Tell whether the function is a PCI-to-PCI bridge, a port of a switch or a root port."""
        return self.class_code.startswith("0604")


@dataclass(frozen=True, slots=True)
class Initramfs:
    """Describe what an initial RAM file system carries.

    Args:
        modprobe_d: Its copy of modprobe.d, text by path.
        udev_rules: Its copy of the udev rules, text by path.
        modules: The modules whose files it holds.
        load: What it loads by name once the devices were seen, with parameters if any
            (initramfs-tools: /conf/modules, read after the udev script of init-top).
        early: What it loads by name before udev starts (dracut: force_drivers; mkinitcpio:
            MODULES).
    """

    modprobe_d: Mapping[str, str]
    udev_rules: Mapping[str, str]
    modules: frozenset[str]
    load: tuple[str, ...] = ()
    early: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostConfig:
    """Hold all that decides which driver owns which function after a boot.

    Args:
        modprobe_d: Text by path; a bare file name counts as one of /etc/modprobe.d.
        modules_load_d: Text by path.
        udev_rules: Text by path. Where 80-drivers.rules is not among them, systemd's is implied.
        initramfs: None where the kernel mounts the root file system itself.
    """

    kernel: KernelBuild
    cmdline: str
    modprobe_d: Mapping[str, str]
    modules_load_d: Mapping[str, str]
    udev_rules: Mapping[str, str]
    initramfs: Initramfs | None
    devices: tuple[PciFunction, ...]
