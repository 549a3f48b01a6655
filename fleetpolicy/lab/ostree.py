"""Deploy images to a simulated host, and boot from the entries that ostree writes for them.

What the next image adds lies below /sysroot/image. It has the kernels that the host has.

Source:
    libostree, src/libostree/ostree-sysroot-deploy.c: an entry per deployment, the default with the
    highest version; a staged one is written while the host shuts down. bootc, docs/src/building/
    kernel-arguments.md: the difference between two images is applied to the command line.
    ostree, docs/atomic-upgrades.md: what was changed in /etc stays.
"""

import json
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from fleetpolicy.lab.entries import ENTRIES, Listed, listed, read_entry
from fleetpolicy.lab.hardware import Hardware
from fleetpolicy.lab.initramfs import make_image
from fleetpolicy.lab.system import root_uuid
from fleetpolicy.lab.tree import Tree

BOOTED = "/run/ostree-booted"
IMAGE = "/sysroot/image"
_STAGED = "/run/ostree/staged-deployment"
_KARGS = "/usr/lib/bootc/kargs.d"
_APPEND, _APPEND_MISSING = "--append=", "--append-if-missing="


@dataclass(frozen=True, slots=True)
class Deployment:
    """A kernel with its initramfs, below /boot, and the words that it starts with."""

    release: str
    place: str
    words: tuple[str, ...]

    @property
    def is_on(self) -> str:
        """The word that says which deployment is the root file system."""
        return f"ostree=/ostree/boot.1/lab/{self.place.rpartition('-')[2]}/0"


def install_deployments(tree: Tree, hardware: Hardware) -> None:
    """Deploy every kernel of a host that is being built, from where its package put it."""
    words = (f"root=UUID={root_uuid(hardware.name)}", *hardware.command_line)
    _write(tree, [_deploy(tree, release, words) for release in hardware.kernels])
    for release in hardware.kernels:
        tree.remove(f"/boot/vmlinuz-{release}")
        tree.remove(f"/boot/initrd.img-{release}")


def choose_deployment(tree: Tree, release: str) -> None:
    """Have a kernel's deployment booted from now on."""
    _write(tree, sorted(_read(tree), key=lambda item: item.release != release))


def next_deployment(tree: Tree) -> Listed | None:
    """Return the deployment that boots next, None where none does."""
    found = _read(tree)
    if not found or not tree.exists(f"/boot{found[0].place}/vmlinuz-{found[0].release}"):
        return None
    keys = read_entry(tree, f"ostree-{len(found)}")
    shown = f"BOOT_IMAGE=(hd0,gpt2){keys['linux']} {keys['options']}"
    return replace(listed(keys, shown) or Listed("", "", ""), release=found[0].release)


def bootc(tree: Tree, arguments: list[str]) -> int:
    """Stage the next image for bootc upgrade; return an exit status.

    Source:
        bootc, crates/lib/src/bootc_kargs.rs, get_kargs(): an image without the folder takes nothing
        back, and what the booted one asks for is added once more
    """
    if arguments != ["upgrade"]:
        sys.stderr.write("bootc: a simulated host knows upgrade alone\n")
        return 1
    booted = _read(tree)[0]
    old, new = (_kargs(tree, f"{root}{_KARGS}") for root in ("", IMAGE))
    kept = [word for word in booted.words if word in new or word not in old]
    added = [word for word in new if word not in old]
    if not tree.exists(f"{IMAGE}{_KARGS}"):
        kept, added = list(booted.words), old
    _stage(tree, booted, [*kept, *added], is_upgrade=True)
    return 0


def rpm_ostree(tree: Tree, arguments: list[str]) -> int:
    """Stage other words for rpm-ostree kargs; return an exit status.

    Source:
        rpm-ostree(1): --append-if-missing passes over a word that is there
    """
    options = arguments[1:]
    known = (_APPEND, _APPEND_MISSING)
    if arguments[:1] != ["kargs"] or not all(option.startswith(known) for option in options):
        sys.stderr.write("rpm-ostree: a simulated host knows kargs --append[-if-missing] alone\n")
        return 1
    booted = _read(tree)[0]
    words = list(booted.words)
    words += [item.removeprefix(_APPEND) for item in options if item.startswith(_APPEND)]
    for option in options:
        word = option.removeprefix(_APPEND_MISSING)
        if word != option and word not in words:
            words.append(word)
    _stage(tree, booted, words, is_upgrade=False)
    return 0


def finalize(tree: Tree) -> None:
    """Write the entry of a deployment that was staged, and what its image brings."""
    staged = json.loads(tree.text(_STAGED) or "{}")
    if not staged:
        return
    booted = _read(tree)[0]
    words = tuple(staged["words"])
    if staged["upgrade"]:
        tree.remove(_KARGS)
        _take_files(tree)
        upgraded = _deploy(tree, booted.release, words, Tree(tree.path(IMAGE)))
    else:
        upgraded = replace(booted, words=words)
    _write(tree, [upgraded, booted])


def _stage(tree: Tree, booted: Deployment, words: Iterable[str], *, is_upgrade: bool) -> None:
    staged = {"release": booted.release, "upgrade": is_upgrade, "words": list(words)}
    tree.write(_STAGED, json.dumps(staged))
    sys.stdout.write('Changes queued for next boot. Run "systemctl reboot" to start a reboot\n')


def _kargs(tree: Tree, folder: str) -> list[str]:
    texts = tree.texts([folder], ".toml")
    return [word for name in sorted(texts) for word in tomllib.loads(texts[name])["kargs"]]


def _take_files(tree: Tree) -> None:
    """Put an image's files in their places; what stands in /etc stays."""
    image = tree.path(IMAGE)
    for file in sorted(path for path in image.rglob("*") if path.is_file()):
        place = f"/{file.relative_to(image)}"
        if not (place.startswith("/etc/") and tree.exists(place)):
            tree.write(place, file.read_bytes(), file.stat().st_mode & 0o777)


def _deploy(
    tree: Tree, release: str, words: tuple[str, ...], source: Tree | None = None
) -> Deployment:
    """Put a kernel and its initramfs, made of the files of a source, where an entry finds them."""
    staged = "/boot/.lab-initramfs"
    make_image(tree, release, staged, source)
    image = tree.text(staged) or ""
    tree.remove(staged)
    checksum = sha256(f"{release}\n{image}".encode()).hexdigest()
    deployment = Deployment(release, f"/ostree/lab-{checksum}", words)
    folder = f"/boot{deployment.place}"
    tree.write(f"{folder}/vmlinuz-{release}", f"Linux {release}\n")
    tree.write(f"{folder}/initramfs-{release}.img", image)
    modules = f"{deployment.is_on.removeprefix('ostree=')}/usr/lib"
    if not tree.exists(modules):
        tree.link(modules, "/lib")
    return deployment


def _read(tree: Tree) -> list[Deployment]:
    """Return the deployments, the default first."""
    names = [Path(name).stem for name in tree.names(ENTRIES)]
    entries = [read_entry(tree, name) for name in names if name.startswith("ostree-")]
    found = []
    for keys in sorted(entries, key=lambda keys: -int(keys["version"])):
        place, _, kernel = keys["linux"].rpartition("/")
        words = [word for word in keys["options"].split() if not word.startswith("ostree=")]
        found.append(Deployment(kernel.removeprefix("vmlinuz-"), place, tuple(words)))
    return found


def _write(tree: Tree, deployments: list[Deployment]) -> None:
    tree.remove(ENTRIES)
    for version, item in zip(range(len(deployments), 0, -1), deployments, strict=True):
        tree.write(
            f"{ENTRIES}/ostree-{version}.conf",
            f"title Linux ({item.release})\n"
            f"version {version}\n"
            f"linux {item.place}/vmlinuz-{item.release}\n"
            f"initrd {item.place}/initramfs-{item.release}.img\n"
            f"options {' '.join((*item.words, item.is_on))}\n",
        )
