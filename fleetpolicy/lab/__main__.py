"""Be one of the programs of a simulated host: python -m fleetpolicy.lab ROOT PROGRAM ARGUMENT..."""

import sys
from collections.abc import Callable

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.lab.booting import boot
from fleetpolicy.lab.domains import define, undefine
from fleetpolicy.lab.grub import installed, update_grub
from fleetpolicy.lab.initramfs import make_image, regenerate_all, update_initramfs
from fleetpolicy.lab.lock import locked
from fleetpolicy.lab.tree import Tree

_Program = Callable[[Tree, list[str]], int]


def _update_grub(tree: Tree, _: list[str]) -> int:
    said = update_grub(tree)
    found = (f"Found linux image: /boot/vmlinuz-{release}" for release in installed(tree))
    sys.stderr.write(said + "\n" if said else "\n".join((*found, "done\n")))
    return 1 if said else 0


def _mkinitramfs(tree: Tree, arguments: list[str]) -> int:
    match arguments:
        case ["-o", path, release] if tree.exists(f"/lib/modules/{release}"):
            make_image(tree, release, path)
            return 0
        case _:
            sys.stderr.write("Usage: mkinitramfs -o FILE RELEASE\n")
            return 1


def _reboot(tree: Tree, _: list[str]) -> int:
    boot(tree)
    return 0


_PROGRAMS: dict[str, _Program] = {
    "dracut": regenerate_all,
    "mkinitramfs": _mkinitramfs,
    "reboot": _reboot,
    "update-grub": _update_grub,
    "update-initramfs": update_initramfs,
    "virsh-define": define,
    "virsh-undefine": undefine,
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
