"""Be one of the programs of a simulated host: python -m fleetpolicy.lab ROOT PROGRAM ARGUMENT...

Each program imports what it needs when it runs, since an apply starts several on every host.
"""

import sys
from collections.abc import Callable

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.lab.lock import locked
from fleetpolicy.lab.tree import Tree


def _update_grub(tree: Tree, _: list[str]) -> int:
    from fleetpolicy.lab.grub import installed, update_grub  # noqa: PLC0415

    said = update_grub(tree)
    found = (f"Found linux image: /boot/vmlinuz-{release}" for release in installed(tree))
    sys.stderr.write(said + "\n" if said else "\n".join((*found, "done\n")))
    return 1 if said else 0


def _update_initramfs(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.initramfs import update_initramfs  # noqa: PLC0415

    return update_initramfs(tree, arguments)


def _mkinitramfs(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.initramfs import make_image  # noqa: PLC0415

    match arguments:
        case ["-o", path, release] if tree.exists(f"/lib/modules/{release}"):
            make_image(tree, release, path)
            return 0
        case _:
            sys.stderr.write("Usage: mkinitramfs -o FILE RELEASE\n")
            return 1


def _dracut(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.initramfs import regenerate_all  # noqa: PLC0415

    return regenerate_all(tree, arguments)


def _bootc(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.ostree import bootc  # noqa: PLC0415

    return bootc(tree, arguments)


def _rpm_ostree(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.ostree import rpm_ostree  # noqa: PLC0415

    return rpm_ostree(tree, arguments)


def _reboot(tree: Tree, _: list[str]) -> int:
    from fleetpolicy.lab.booting import boot  # noqa: PLC0415

    boot(tree)
    return 0


def _define(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.domains import define  # noqa: PLC0415

    return define(tree, arguments)


def _undefine(tree: Tree, arguments: list[str]) -> int:
    from fleetpolicy.lab.domains import undefine  # noqa: PLC0415

    return undefine(tree, arguments)


_PROGRAMS: dict[str, Callable[[Tree, list[str]], int]] = {
    "bootc": _bootc,
    "dracut": _dracut,
    "mkinitramfs": _mkinitramfs,
    "reboot": _reboot,
    "rpm-ostree": _rpm_ostree,
    "update-grub": _update_grub,
    "update-initramfs": _update_initramfs,
    "virsh-define": _define,
    "virsh-undefine": _undefine,
}


def main(arguments: list[str]) -> int:
    """Run one program and return its exit status."""
    root, name, *rest = arguments
    try:
        with locked(root):
            return _PROGRAMS[name](Tree(root), rest)
    except FleetPolicyError as error:
        for item in error.diagnostics:
            sys.stderr.write(f"{name}: {item.why}\n")
    except OSError as error:
        sys.stderr.write(f"{name}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
