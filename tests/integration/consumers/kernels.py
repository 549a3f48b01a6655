"""The modules of real Debian kernels, laid out below a root as an installed package leaves them."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.kernels import find_kernel, provide_kernel
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from tests.integration.consumers.programs import needs, provided

_COPIED = ("modules.builtin", "modules.builtin.modinfo", "modules.order")


@dataclass(frozen=True)
class ModuleTree:
    """A root with /lib/modules/RELEASE in it, and depmod's files.

    Args:
        config: The kernel's CONFIG_ options.
    """

    root: Path
    release: str
    config: Path

    @property
    def modules(self) -> Path:
        return self.root / "lib" / "modules" / self.release


def provide_tree(arch: str, prefix: str) -> ModuleTree:
    """Return the modules of Debian's kernel of an architecture, or skip without a mirror."""
    depmod = needs("depmod")
    with provided(f"a kernel {prefix} of {arch}"):
        release, digest, modules, config = _arm64(prefix) if arch == "arm64" else _amd64()
        root = cached("module-trees", f"{release}_{digest}", _layer(depmod, release, modules))
    return ModuleTree(root, release, config)


def _layer(depmod: str, release: str, modules: Path) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        folder = root / "lib" / "modules" / release
        folder.mkdir(parents=True)
        (folder / "kernel").symlink_to(modules / "kernel")
        for name in _COPIED:
            (folder / name).write_bytes((modules / name).read_bytes())
        subprocess.run([depmod, "-b", str(root), release], check=True)

    return make


def _arm64(prefix: str) -> tuple[str, str, Path, Path]:
    kernel = provide_kernel(find_kernel(prefix), print)
    return kernel.release, kernel.digest, kernel.modules, kernel.config


def _amd64() -> tuple[str, str, Path, Path]:
    apt = Apt(("trixie",), "amd64")
    apt.update()
    depends = apt.show("linux-image-amd64")[0]["Depends"]
    release = re.findall(r"linux-image-(\S+)", depends)[0]
    packages = apt.find([f"linux-image-{release}"])

    def make(folder: Path) -> None:
        for path in fetch(packages, print):
            unpack(path, folder)

    digest = digest_of(packages)
    folder = cached("kernels", f"{release}_{digest}", make)
    config = folder / "boot" / f"config-{release}"
    return release, digest, folder / "usr/lib/modules" / release, config
