"""Boot a simulated host: from what is on its disk to what /proc and /sys then show."""

from uuid import uuid4

from fleetpolicy.lab.evidence import leave_evidence
from fleetpolicy.lab.hardware import Function, Hardware, read_hardware
from fleetpolicy.lab.initramfs import read_image
from fleetpolicy.lab.kernelbuild import Build, read_build
from fleetpolicy.lab.loader import Choice, next_choice, no_boot
from fleetpolicy.lab.modules import Parameter
from fleetpolicy.lab.optout import DRIVER, lay_out_choice
from fleetpolicy.lab.ostree import BOOTED, finalize
from fleetpolicy.lab.sysfs import DEVICES, lay_out_nodes
from fleetpolicy.lab.tree import Tree
from fleetpolicy.lab.uses import lay_out_disk, lay_out_network
from fleetpolicy.simcore.boot import BootTrace, HostConfig, PciFunction, simulate_boot

_DRIVERS = "/sys/bus/pci/drivers"
_MODULES = "/sys/module"
_ETC_FIRST = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")


def boot(tree: Tree) -> None:
    """Boot a host with nothing but its own files and the description of its hardware.

    Raises:
        FleetPolicyError: It does not come up; what it shows is as it was.
    """
    hardware = read_hardware(tree)
    is_deployed = hardware.loader == "ostree"
    if is_deployed:
        finalize(tree)
    choice = next_choice(tree, hardware, starts=True)
    kernel = hardware.kernels.get(choice.release)
    if kernel is None or not (is_deployed or tree.exists(f"/boot/vmlinuz-{choice.release}")):
        raise no_boot(tree, f"there is no kernel {choice.release or 'without a name'}")
    build = read_build(tree, choice.release)
    trace = simulate_boot(_config(tree, hardware, choice, build))
    _check_root(tree, hardware, trace)
    tree.remove("/run")
    tree.folder("/run/libvirt/qemu")
    if is_deployed:
        tree.write(BOOTED, "")
    _show_modules(tree, build, trace)
    _show_drivers(tree, hardware, build, trace)
    _show_uses(tree, hardware, trace)
    lay_out_nodes(tree, hardware, kernel, choice.command_line)
    leave_evidence(tree, hardware, kernel, choice.command_line, trace)
    tree.write("/proc/cmdline", f"{choice.command_line}\n")
    tree.write("/proc/sys/kernel/osrelease", f"{choice.release}\n")
    tree.write("/proc/uptime", "21.50 60.25\n")
    # Last: whoever waits for a new boot sees everything of it.
    tree.write("/proc/sys/kernel/random/boot_id", f"{uuid4()}\n")


def _config(tree: Tree, hardware: Hardware, choice: Choice, build: Build) -> HostConfig:
    image = read_image(tree, choice.initrd) if choice.initrd else None
    if choice.initrd and image is None:
        raise no_boot(tree, f"{choice.initrd} is missing or damaged")
    return HostConfig(
        kernel=build.kernel,
        cmdline=choice.command_line,
        modprobe_d=tree.texts(_folders("modprobe.d")),
        modules_load_d=tree.texts(_folders("modules-load.d"), ".conf"),
        udev_rules=tree.texts(_folders("udev/rules.d"), ".rules"),
        initramfs=image,
        devices=tuple(_pci_function(item) for item in hardware.functions),
    )


def _folders(name: str) -> tuple[str, ...]:
    return tuple(f"{parent}/{name}" for parent in _ETC_FIRST)


def _pci_function(function: Function) -> PciFunction:
    return PciFunction(
        address=function.address,
        modalias=function.modalias,
        vendor=function.vendor,
        device=function.device,
        subvendor=function.subvendor,
        subdevice=function.subdevice,
        class_code=function.class_code,
    )


def _check_root(tree: Tree, hardware: Hardware, trace: BootTrace) -> None:
    """Refuse a boot that would end in the initramfs for want of the root file system."""
    disk = hardware.used_by("root disk")
    if disk is None:
        return
    owner = trace.owners[disk.address]
    if owner is None or owner.endswith(("vfio-pci", "vfio_pci")):
        event = trace.reason(disk.address)
        why = f"the root disk {disk.address} is not there: {event.what} ({event.cause})"
        raise no_boot(tree, why)


def _show_modules(tree: Tree, build: Build, trace: BootTrace) -> None:
    """Write /sys/module: what is loaded, and what is built in and has parameters.

    Source:
        Linux, kernel/params.c: a parameter without permissions has no file there.
    """
    tree.remove(_MODULES)
    for module in sorted({*trace.loaded, *build.kernel.builtin}):
        given = trace.parameters.get(module, {})
        if module in trace.loaded:
            tree.folder(f"{_MODULES}/{module}")
        for parameter in build.parameters.get(module, ()):
            if parameter.default is not None:
                value = _shown(parameter, parameter.default, given.get(parameter.name))
                tree.write(f"{_MODULES}/{module}/parameters/{parameter.name}", f"{value}\n")


def _shown(parameter: Parameter, default: str, value: str | None) -> str:
    """Return a parameter's value as sysfs shows it; one that cannot be read changes nothing.

    Source:
        Linux, lib/kstrtox.c, kstrtobool(): the first letter counts, of o the second.
    """
    if value is None:
        return default
    if parameter.kind == "bool":
        key = value[:2].lower() if value[:1] in {"o", "O"} else value[:1].lower()
        truths = {"": "Y", "y": "Y", "t": "Y", "1": "Y", "on": "Y"}
        return truths.get(key, "N" if key in {"n", "f", "0", "of"} else default)
    if parameter.kind == "int":
        try:
            return str(int(value, 0))
        except ValueError:
            return default
    return value


def _show_drivers(tree: Tree, hardware: Hardware, build: Build, trace: BootTrace) -> None:
    """Write the drivers that are there, the functions that each owns, and the overrides."""
    tree.remove(_DRIVERS)
    for module in sorted({*trace.loaded, *build.kernel.builtin}):
        name = build.kernel.driver_name(module)
        if module in build.kernel.drivers or build.kernel.patterns(module, "pci:"):
            tree.folder(f"{_DRIVERS}/{name}")
    for function in hardware.functions:
        link = f"{function.folder}/driver"
        tree.remove(link)
        owner = trace.owners[function.address]
        if owner:
            tree.link(link, f"{_DRIVERS}/{owner}")
            tree.link(f"{_DRIVERS}/{owner}/{function.address}", function.folder)
        lay_out_choice(tree, function, owner, trace.parameters.get(DRIVER, {}))
        override = trace.overrides.get(function.address, "(null)")
        tree.write(f"{DEVICES}/{function.address}/driver_override", f"{override}\n")


def _show_uses(tree: Tree, hardware: Hardware, trace: BootTrace) -> None:
    """Write the disk and the network interface that the host lives on, where drivers own them."""
    disk = hardware.used_by("root disk")
    network = hardware.used_by("default route")
    for path in ("/sys/class/block", "/sys/class/net", "/sys/dev/block"):
        tree.remove(path)
    if network:
        tree.remove(f"{network.folder}/net")
    lay_out_disk(tree, hardware, disk)
    owner = trace.owners[network.address] if network else None
    is_there = owner is not None and not owner.endswith(("vfio-pci", "vfio_pci"))
    lay_out_network(tree, network if is_there else None)
