"""Build a kernel module from its source for one of Debian's kernels."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.apt import Apt, Package, not_to_be_had
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.kernels import ARCH, KernelPackages
from fleetpolicy.emulate.lock import Progress, held_locks
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from fleetpolicy.emulate.programs import this_arch
from fleetpolicy.emulate.rules import MODULE_NOT_BUILT
from fleetpolicy.emulate.toolchain import PREFIX, Toolchain, provide_toolchain, wrap_programs

_SHOWN_LINES = 15
_SOURCES = ("*.c", "*.h", "Makefile", "Kbuild")
_VARIABLES = ".kernelvariables"


def build_modules(
    source: Path, kernel: KernelPackages, progress: Progress, words: tuple[str, ...] = ()
) -> tuple[Path, ...]:
    """Return the modules that a folder's Kbuild file or Makefile builds, sorted.

    Args:
        source: Folder with obj-m in its Kbuild or Makefile.
        kernel: The kernel that they are for.
        progress: Told what is done.
        words: More for make's command line, such as W=1.

    Raises:
        FleetPolicyError: The headers or the compiler cannot be had, or it does not compile.
    """
    toolchain = provide_toolchain(progress)
    headers = provide_headers(kernel, toolchain, progress)
    files = sorted(path for pattern in _SOURCES for path in source.glob(pattern))
    digest = hashlib.sha256(f"{toolchain.digest} {headers} {words}".encode())
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())

    def make(folder: Path) -> None:
        progress(f"building {source.name} for {kernel.release}")
        work = folder.with_suffix(".work")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for path in files:
            shutil.copy(path, work)
        compile_modules(work, headers, toolchain, words)
        folder.mkdir()
        for path in work.glob("*.ko"):
            shutil.copy(path, folder)
        shutil.rmtree(work)

    folder = cached("modules", f"{source.name}_{digest.hexdigest()[:24]}", make, progress)
    return tuple(sorted(folder.glob("*.ko")))


def compile_modules(
    work: Path, headers: Path, toolchain: Toolchain, words: tuple[str, ...] = ()
) -> None:
    """Build the modules of a folder in that folder.

    Args:
        work: Folder with obj-m in its Kbuild or Makefile; everything is written there.
        headers: Folder to build modules of a kernel in.
        toolchain: What compiles.
        words: More for make's command line.

    Raises:
        FleetPolicyError: Nothing came of it; with the last words of make.
    """
    environment = {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "PATH": f"{toolchain.programs}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }
    command = [
        *("make", "-C", str(headers), f"M={work}", "ARCH=arm64", f"CROSS_COMPILE={PREFIX}"),
        # Without pahole no type data of the module's own can be made; nothing here reads them.
        *("CONFIG_DEBUG_INFO_BTF_MODULES=", *words, "modules"),
    ]
    done = subprocess.run(  # noqa: S603 - words of our own
        command, env=environment, capture_output=True, text=True, check=False, pass_fds=held_locks()
    )
    if done.returncode or not list(work.glob("*.ko")):
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise FleetPolicyError(
            MODULE_NOT_BUILT.at(
                Span(str(work)),
                why="\n".join(lines[-_SHOWN_LINES:]) or "make said nothing",
                fix="correct the source; its Kbuild or Makefile names obj-m",
            )
        )


def provide_headers(kernel: KernelPackages, toolchain: Toolchain, progress: Progress) -> Path:
    """Return the folder to build modules in, its parts found where the cache has them.

    Args:
        kernel: The kernel that the modules are for.
        toolchain: What runs the programs of the build.
        progress: Told what is done.

    Raises:
        FleetPolicyError: The headers cannot be had.
    """
    packages = _header_packages(kernel, progress)
    key = f"{kernel.release}_{digest_of(packages, toolchain.digest)}"

    def make(folder: Path) -> None:
        files = fetch(packages, progress)
        progress(f"unpacking the headers of {kernel.release}")
        for path in files:
            unpack(path, folder)
        wrap_programs(folder, toolchain.loader)
        final = folder.with_name(key)
        for path in (folder / "usr" / "src").glob("*/Makefile"):
            text = path.read_text()
            path.write_text(text.replace("/usr/src/", f"{final}/usr/src/"))
        variables = folder / "usr" / "src" / f"linux-headers-{kernel.release}" / _VARIABLES
        # Debian's line asks for the compiler's version that the kernel was built with.
        variables.write_text(re.sub(r"gcc-\d+|gcc\$\(CCVERSION\)", "gcc", variables.read_text()))

    return (
        cached("headers", key, make, progress) / "usr" / "src" / f"linux-headers-{kernel.release}"
    )


def _header_packages(kernel: KernelPackages, progress: Progress) -> tuple[Package, ...]:
    """Return the headers, and what runs at the build for this machine."""
    target = Apt(kernel.suites, ARCH)
    name = f"linux-headers-{kernel.release}"
    shown = target.show(name)
    if not shown:
        raise not_to_be_had(name, f"{', '.join(kernel.suites)} have no headers of that release")
    needed = re.findall(r"linux-(?:headers|kbuild)-[^\s,]+", shown[0]["Depends"])
    programs = [word for word in needed if word.startswith("linux-kbuild-")]
    here = Apt(kernel.suites, this_arch())
    here.update(progress)
    return (*target.find({name, *needed} - {*programs}), *here.find(programs))
