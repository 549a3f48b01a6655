"""Make and read the initial RAM file systems of a host, as JSON in the place of an archive."""

import json
import sys
from collections.abc import Iterable

from fleetpolicy.lab.dracut import PROGRAM as DRACUT
from fleetpolicy.lab.dracut import read_dracut
from fleetpolicy.lab.grub import installed
from fleetpolicy.lab.kernelbuild import Build, read_build
from fleetpolicy.lab.tree import Tree
from fleetpolicy.simcore.boot import Initramfs
from fleetpolicy.simcore.boot.modprobe import parse_modprobe_d

_MODPROBE = ("/etc/modprobe.d", "/lib/modprobe.d")
_RULES = "/etc/udev/rules.d"
_LISTED = "/etc/initramfs-tools/modules"
_HOOKS = "/etc/initramfs-tools/hooks"
_FORMAT = "fleetpolicy lab initramfs 1"
# Of MODULES=most, the folders that simulated hosts have modules in.
_MOST = ("ata", "block", "mmc", "net", "nvme", "scsi", "ufs", "usb/host", "usb/storage", "virtio")


def update_initramfs(tree: Tree, arguments: list[str]) -> int:
    """Make images anew for update-initramfs -u or -c; return an exit status.

    Source:
        update-initramfs(8): -k names a kernel or all; without it the newest one is meant.
    """
    releases = _named(tree, arguments)
    if not {"-u", "-c"}.intersection(arguments) or not releases:
        sys.stderr.write("Usage: update-initramfs {-c|-u} [-k RELEASE|all]\n")
        return 1
    for release in releases:
        if not tree.exists(f"/lib/modules/{release}"):
            sys.stderr.write(f"E: /lib/modules/{release} is missing\n")
            return 1
        sys.stdout.write(f"update-initramfs: Generating /boot/initrd.img-{release}\n")
        make_image(tree, release)
    return 0


def regenerate_all(tree: Tree, arguments: list[str]) -> int:
    """Make every image anew for dracut --regenerate-all; return an exit status."""
    if "--regenerate-all" not in arguments:
        sys.stderr.write("dracut: a simulated host knows --regenerate-all alone\n")
        return 1
    for release in installed(tree):
        make_image(tree, release)
    return 0


def _named(tree: Tree, arguments: list[str]) -> list[str]:
    releases = installed(tree)
    if "-k" not in arguments:
        return releases[:1]
    name = ([*arguments, ""])[arguments.index("-k") + 1]
    return releases if name == "all" else [name] * bool(name)


def make_image(tree: Tree, release: str, path: str = "", source: Tree | None = None) -> None:
    """Write an image: copies of modprobe.d and of udev's rules, and the modules it carries.

    Args:
        tree: The host, whose kernel it is for.
        release: The kernel.
        path: Where it is written; beside the kernel without one.
        source: Whose configuration it is made of; the host's without one.
    """
    build = read_build(tree, release)
    make = _with_dracut if tree.exists(DRACUT) else _with_initramfs_tools
    image = make(source or tree, build)
    image |= {"format": _FORMAT, "release": release}
    text = json.dumps(image, indent=1, sort_keys=True)
    tree.write(path or f"/boot/initrd.img-{release}", text + "\n")


def _with_initramfs_tools(tree: Tree, build: Build) -> dict[str, object]:
    """Return what an image of initramfs-tools holds.

    Source:
        initramfs-tools 0.142: mkinitramfs copies /etc/modprobe.d/*.conf and /lib/modprobe.d/*.conf
        and runs the hooks of /etc/initramfs-tools/hooks; hook-functions, auto_add_modules() and
        manual_add_modules(), which follows dependencies and soft dependencies; force_load() for
        what /etc/initramfs-tools/modules lists. systemd 252, debian/extra/initramfs-tools/hooks/
        udev: every rule of /etc/udev/rules.d that is not in /lib/udev/rules.d, and a fixed list of
        names from either.
    """
    modprobe = tree.texts(_MODPROBE, ".conf")
    listed = [line.strip() for line in (tree.text(_LISTED) or "").splitlines()]
    load = [line for line in listed if line and not line.startswith("#")]
    forced = [line.split()[0].replace("-", "_") for line in load]
    wanted = [*_most(build), *forced, *_asked_by_hooks(tree)]
    return {
        "early": [],
        "load": load,
        "modprobe.d": modprobe,
        "modules": sorted(_with_needs(build, modprobe, wanted)),
        "rules.d": tree.texts([_RULES], ".rules"),
    }


def _asked_by_hooks(tree: Tree) -> list[str]:
    """Return the modules that the host's own hooks add; one that is not executable is not run."""
    hooks = [f"{_HOOKS}/{name}" for name in tree.names(_HOOKS)]
    texts = [tree.text(hook) or "" for hook in hooks if tree.path(hook).stat().st_mode & 0o100]
    lines = [line.split() for text in texts for line in text.splitlines()]
    added = [words[1:] for words in lines if words[:1] == ["manual_add_modules"]]
    return [name.replace("-", "_") for names in added for name in names]


def _with_dracut(tree: Tree, build: Build) -> dict[str, object]:
    """Return what an image of dracut holds.

    Source:
        dracut 106: what its configuration asks for; dracut-install follows the soft dependencies of
        the host's own modprobe.d, be it in the image or not.
    """
    dracut = read_dracut(tree)
    modprobe = tree.texts(_MODPROBE, ".conf")
    rules = tree.texts([_RULES], ".rules")
    wanted = [*_most(build), *dracut.add, *dracut.force]
    return {
        "early": list(dracut.force),
        "load": [],
        "modprobe.d": {path: text for path, text in modprobe.items() if dracut.copies(path)},
        "modules": sorted(_with_needs(build, modprobe, wanted)),
        "rules.d": {path: text for path, text in rules.items() if dracut.copies(path)},
    }


def read_image(tree: Tree, path: str) -> Initramfs | None:
    """Return what an image carries; None without an image, or with a damaged one."""
    try:
        image = json.loads(tree.text(path) or "")
        return Initramfs(
            modprobe_d=image["modprobe.d"],
            udev_rules=image["rules.d"],
            modules=frozenset(image["modules"]),
            load=tuple(image["load"]),
            early=tuple(image.get("early", ())),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _most(build: Build) -> list[str]:
    prefixes = tuple(f"kernel/drivers/{folder}/" for folder in _MOST)
    return [name for name, path in build.paths.items() if path.startswith(prefixes)]


def _with_needs(build: Build, modprobe: dict[str, str], wanted: Iterable[str]) -> set[str]:
    softdeps = parse_modprobe_d(modprobe, build.kernel.softdeps).softdeps
    found: set[str] = set()
    pending = list(wanted)
    while pending:
        name = pending.pop()
        if name in found or name not in build.paths:
            continue
        found.add(name)
        pending += build.kernel.dependencies.get(name, ())
        softdep = next((item for item in softdeps if item.module == name), None)
        pending += [*softdep.pre, *softdep.post] if softdep else []
    return found
