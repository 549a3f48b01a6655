"""Build, boot, show and remove the simulated hosts of an inventory."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fleetpolicy.diagnostics import FleetPolicyError, Span, Subject
from fleetpolicy.lab.booting import boot as boot_tree
from fleetpolicy.lab.hardware import PLACE, read_hardware, write_hardware
from fleetpolicy.lab.initramfs import make_image
from fleetpolicy.lab.kernelfiles import install_kernel
from fleetpolicy.lab.loader import choose_kernel, install_loader, next_choice
from fleetpolicy.lab.lock import locked
from fleetpolicy.lab.programs import install_programs
from fleetpolicy.lab.rules import NO_HOST_FOLDER, NO_KERNEL, NOT_WRITTEN
from fleetpolicy.lab.sysfs import DEVICES, lay_out_functions
from fleetpolicy.lab.system import install_system
from fleetpolicy.lab.tree import Tree
from fleetpolicy.model.amounts import amount

if TYPE_CHECKING:  # pydantic, which the programs of a host do without
    from fleetpolicy.model.inventory import InventoryHost
    from fleetpolicy.model.simulated import SimulatedHost


def ensure(host: "InventoryHost") -> bool:
    """Build a host where it is not there yet, and return whether that was so.

    Raises:
        FleetPolicyError: Something else is in its place, or it cannot be written.
    """
    with _held(host):
        if not _is_taken(host):
            _build(host)
            return True
        tree = _own(host)
        # The interpreter or this package may have moved since.
        install_programs(tree, read_hardware(tree))
        return False


def build(host: "InventoryHost") -> None:
    """Build a host in its factory state and switch it on; one that is there is replaced.

    Raises:
        FleetPolicyError: Something else is in its place, or it cannot be written or booted.
    """
    with _held(host):
        _build(host)


def remove(host: "InventoryHost") -> None:
    """Remove a host with all that is on it; nothing is fine too.

    Raises:
        FleetPolicyError: Something else is in its place, or it cannot be removed.
    """
    with _held(host):
        if _is_taken(host):
            shutil.rmtree(_own(host).root)


def boot(host: "InventoryHost") -> None:
    """Reboot a host.

    Raises:
        FleetPolicyError: It does not come up.
    """
    with _held(host):
        boot_tree(_own(host))


def set_kernel(host: "InventoryHost", release: str) -> None:
    """Have a host boot another of its kernels from now on.

    Raises:
        FleetPolicyError: It has no such kernel.
    """
    with _held(host):
        tree = _own(host)
        hardware = read_hardware(tree)
        if release not in hardware.kernels:
            raise FleetPolicyError(
                NO_KERNEL.at(
                    Span(host.root),
                    why=f"{host.name} has no kernel {release}",
                    fix=f"choose one of: {', '.join(sorted(hardware.kernels))}",
                    subject=Subject(host.name),
                )
            )
        choose_kernel(tree, hardware, release)


def status(host: "InventoryHost") -> str:
    """Return in one line what a host runs, and what it would boot."""
    if not _is_taken(host):
        return "not built"
    tree = _own(host)
    hardware = read_hardware(tree)
    release = (tree.text("/proc/sys/kernel/osrelease") or "").strip()
    upcoming = next_choice(tree, hardware).release
    drivers = [
        tree.path(f"{DEVICES}/{item.address}/driver").resolve().name for item in hardware.functions
    ]
    passed = amount(sum(name.endswith(("vfio-pci", "vfio_pci")) for name in drivers), "device")
    domains = amount(len(tree.texts(["/etc/libvirt/qemu"], ".xml")), "domain")
    then = "" if upcoming == release else f", boots {upcoming} next"
    return f"runs {release}{then}; {passed} on VFIO drivers; {domains}"


def _build(host: "InventoryHost") -> None:
    is_taken = _is_taken(host)
    if is_taken:
        _own(host)
    place = Path(host.root).resolve()
    staged = place.with_name(f".{place.name}.building")
    # What a build left that was cut off; the lock says that it is no other's.
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    try:
        _install(Tree(staged), host.name, _model(host))
        if is_taken:
            shutil.rmtree(place)
        staged.rename(place)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _install(tree: Tree, name: str, model: "SimulatedHost") -> None:
    hardware = write_hardware(tree, name, model)
    install_system(tree, hardware)
    lay_out_functions(tree, hardware)
    install_programs(tree, hardware)
    for kernel in hardware.kernels.values():
        install_kernel(tree, hardware, kernel)
        if hardware.initramfs != "none":
            make_image(tree, kernel.release)
    install_loader(tree, hardware, model.kernel)
    boot_tree(tree)


def _is_taken(host: "InventoryHost") -> bool:
    root = Path(host.root)
    return root.exists() or root.is_symlink()


def _model(host: "InventoryHost") -> "SimulatedHost":
    if host.simulated is None:
        why = f"{host.name} has no host variable fleetpolicy_model"
        raise _not_ours(host, why, "leave hosts that exist to their operators")
    return host.simulated


def _own(host: "InventoryHost") -> Tree:
    """Return the folder of a host, once it is certain that it is one of ours."""
    _model(host)
    if Path(host.root).is_symlink() or not Path(f"{host.root}{PLACE}").is_file():
        is_missing = not _is_taken(host)
        why = "is not built yet" if is_missing else f"has no {PLACE}: fleetpolicy did not build it"
        if Path(host.root).is_symlink():
            why = "is a symbolic link, and what is behind it may be anything"
        fix = "run: fleetpolicy lab up" if is_missing else "move it away, or set fleetpolicy_root"
        raise _not_ours(host, f"{host.root} {why}", fix)
    return Tree(host.root)


def _not_ours(host: "InventoryHost", why: str, fix: str) -> FleetPolicyError:
    subject = Subject(host.name)
    return FleetPolicyError(NO_HOST_FOLDER.at(Span(host.root), why=why, fix=fix, subject=subject))


@contextmanager
def _held(host: "InventoryHost") -> Iterator[None]:
    """Hold a host's lock, and say what the system refused."""
    _model(host)
    try:
        with locked(host.root):
            yield
    except OSError as error:
        raise FleetPolicyError(
            NOT_WRITTEN.at(
                Span(host.root),
                why=f"{error.filename or host.root}: {error.strerror or error}",
                fix="give the folder to the user who runs fleetpolicy, and make room on its disk",
                subject=Subject(host.name),
            )
        ) from error
