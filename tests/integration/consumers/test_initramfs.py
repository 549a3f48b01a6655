"""initramfs-tools and dracut, in a throw-away root, against what is rendered."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from tests.integration.consumers.agent import agent
from tests.integration.consumers.kernels import ModuleTree, provide_tree
from tests.integration.consumers.programs import needs, provided
from tests.unit.render.fleets import NVME_FACTS, nvme_policy, rendered

MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"
VFIO = {"vfio", "vfio_pci", "vfio_pci_core", "vfio_iommu_type1"}
# What a chroot needs that no package depends on, or that maintainer scripts would make.
ESSENTIAL = (
    "base-files",
    "bash",
    "coreutils",
    "dash",
    "dpkg",
    "findutils",
    "grep",
    "gzip",
    "hostname",
)
GENERATORS = ("cpio", "dracut-core", "initramfs-tools-core", "klibc-utils", "kmod", "udev", "zstd")
PARTS = (*ESSENTIAL, *GENERATORS, "libc-bin", "mawk", "sed", "util-linux")
ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}
# A system's own files below a layer that is thrown away, and in it the kernel and our files.
THROW_AWAY = """\
set -eu
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root"
cd "$WORK/root"
mount --rbind /proc proc
mount --rbind /dev dev
mkdir -p "usr/lib/modules/$RELEASE" boot
cp -r "$MODULES/." "usr/lib/modules/$RELEASE"
mount --bind "$KERNEL" "usr/lib/modules/$RELEASE/kernel"
cp "$CONFIG" "boot/config-$RELEASE"
cp -r "$FILES/." .
chroot . "$@" >&2
cat made
"""


@dataclass(frozen=True)
class Made:
    """An image: what the agent reads in it, and every path that the generator's own tool lists."""

    copies: dict[str, bytes]
    modules: set[str]
    paths: set[str]


@pytest.fixture(scope="module")
def tree() -> ModuleTree:
    return provide_tree("arm64", "6.12")


@pytest.fixture(scope="module", params=["own", "debian-13"])
def system(request: pytest.FixtureRequest) -> Path:
    """Return the root of the system whose generators make the images."""
    if request.param == "own":
        for program in ("mkinitramfs", "dracut"):
            needs(program)
        return Path("/")
    with provided("the generators of Debian 13"):
        apt = Apt(("trixie",), ARCHES[platform.machine()])
        apt.update()
        packages = apt.resolve(PARTS)

        def make(root: Path) -> None:
            for path in fetch(packages, print):
                unpack(path, root)
            (root / "usr/bin/awk").symlink_to("mawk")

        return cached("programs", f"initramfs_{digest_of(packages)}", make)


@dataclass(frozen=True)
class Workshop:
    """Where images are made.

    Args:
        system: The root of the system that the generators are part of.
        tree: The kernel.
        folder: For files.
    """

    system: Path
    tree: ModuleTree
    folder: Path


@pytest.fixture
def shop(system: Path, tree: ModuleTree, tmp_path: Path) -> Workshop:
    return Workshop(system, tree, tmp_path)


def make_image(shop: Workshop, files: dict[str, tuple[str, int]], *command: str) -> Path:
    """Return an image that a generator makes on a machine with these files."""
    tree, folder = shop.tree, shop.folder
    layer, work, image = folder / "layer", folder / "work", folder / "image"
    for place in (layer, work):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    for path, (text, mode) in files.items():
        place = layer / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)
    unshare = [needs("unshare"), "--mount", *(["--map-root-user"] if os.getuid() else [])]
    own = folder / "own"
    shutil.copytree(tree.modules, own, ignore=shutil.ignore_patterns("kernel"), dirs_exist_ok=True)
    (own / "kernel").mkdir(exist_ok=True)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LOWER": str(shop.system),
        "WORK": str(work),
        "RELEASE": tree.release,
        "MODULES": str(own),
        "KERNEL": str((tree.modules / "kernel").resolve()),
        "CONFIG": str(tree.config),
        "FILES": str(layer),
    }
    with image.open("wb") as out:
        done = subprocess.run(
            [*unshare, "sh", "-c", THROW_AWAY, "sh", *command],
            stdout=out, stderr=subprocess.PIPE, env=environment, check=False,
        )  # fmt: skip
    if done.returncode:
        said = done.stderr.decode()[-2000:]
        if "mount" in said and os.getuid():
            pytest.skip(f"no mounts in a user namespace here: {said}")
        pytest.fail(said)
    return image


def read(image: Path, lister: str) -> Made:
    copies, modules = agent("image").read_image(str(image))
    listed = subprocess.run([needs(lister), image], capture_output=True, text=True, check=True)
    paths = {line.split()[-1].lstrip("./") for line in listed.stdout.splitlines() if line.split()}
    return Made({f"/{name}": data for name, data in copies}, modules, paths)


def files_of(folder: Path, **changes: Any) -> dict[str, tuple[str, int]]:
    """Return what a host gets that gives an NVMe to a guest, by path: text and mode."""
    files, _ = rendered(folder, nvme_policy(), **changes)
    kept = {path: item for path, item in files.items() if path.startswith("/etc/")}
    return {
        path: (item.content, item.mode)
        for path, item in kept.items()
        if not path.startswith(("/etc/default", "/etc/libvirt"))
    }


def initramfs_tools(shop: Workshop, files: dict[str, tuple[str, int]], *modules: str) -> Made:
    """Make an image of initramfs-tools that holds these modules, so that it is a small one."""
    settings = {
        "/etc/initramfs-tools/modules": ("".join(f"{name}\n" for name in modules), 0o644),
        "/etc/initramfs-tools/conf.d/small": ("MODULES=list\nCOMPRESS=gzip\nBUSYBOX=n\n", 0o644),
    }
    image = make_image(shop, settings | files, "mkinitramfs", "-o", "/made", shop.tree.release)
    return read(image, "lsinitramfs")


def dracut(shop: Workshop, files: dict[str, tuple[str, int]], *modules: str) -> Made:
    """Make a generic image of dracut that holds these modules, so that it is a small one."""
    small = ("--no-hostonly", "--no-early-microcode", "--gzip", "--nofscks")
    parts = ("--modules", "bash base udev-rules", "--drivers", " ".join(modules) or "loop")
    image = make_image(shop, files, "dracut", *small, *parts, "--kver", shop.tree.release, "/made")
    return read(image, "lsinitrd")


def check_copies(made: Made, files: dict[str, tuple[str, int]]) -> None:
    names = {Path(path).name: data.decode() for path, data in made.copies.items()}
    assert names == {Path(path).name: files[path][0] for path in (MODPROBE, RULES)}
    for path in made.copies:
        assert path[1:] in made.paths


def test_initramfs_tools_takes_our_files_and_the_driver_by_its_softdep(shop: Workshop) -> None:
    files = files_of(shop.folder)

    made = initramfs_tools(shop, files, "nvme")

    check_copies(made, files)
    assert made.modules >= {"nvme", *VFIO}


def test_initramfs_tools_takes_the_driver_by_our_hook_and_nothing_else_changes(
    shop: Workshop,
) -> None:
    files = files_of(shop.folder, devices=[NVME_FACTS | {"nativeBuiltIn": True}])

    without = initramfs_tools(shop, {}, "loop")
    made = initramfs_tools(shop, files, "loop")

    check_copies(made, files)
    assert not without.modules & VFIO
    assert made.modules - without.modules == VFIO
    new = {path for path in made.paths - without.paths if not path.endswith((".ko", ".ko.xz"))}
    assert {path for path in new if "/kernel/" not in f"/{path}/"} == {
        path[1:] for path in made.copies
    }
    assert without.paths <= made.paths


def test_dracut_without_our_drop_in_has_neither_rules_nor_options(shop: Workshop) -> None:
    files = files_of(shop.folder, boot={"initramfs": "dracut"})
    del files["/etc/dracut.conf.d/fleetpolicy.conf"]

    made = dracut(shop, files, "nvme")

    assert made.copies == {}
    assert "nvme" in made.modules


def test_dracut_with_our_drop_in_has_rules_options_and_the_driver(shop: Workshop) -> None:
    files = files_of(shop.folder, boot={"initramfs": "dracut"})

    without = dracut(shop, {})
    made = dracut(shop, files)

    check_copies(made, files)
    assert not without.modules & VFIO
    assert made.modules - without.modules == VFIO
    for path in (MODPROBE, RULES):
        assert path[1:] in made.paths
