"""Make the small system that measures: Python, a few modules, the agent; no installer runs."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.emulate.apt import Apt, not_to_be_had
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.cpio import cpio
from fleetpolicy.emulate.kernels import ARCH, Kernel
from fleetpolicy.emulate.lock import Progress
from fleetpolicy.emulate.modules import module_name, modules_in_order, read_module
from fleetpolicy.emulate.packages import digest_of, fetch, unpack
from fleetpolicy.emulate.programs import provide
from fleetpolicy.emulate.tree import Node, Nodes

_SUITES = ("trixie",)
_PACKAGES = ("python3-minimal", "libpython3-stdlib")
_LIBRARIES = (
    *("ld-linux-aarch64.so.1", "libc.so.6", "libm.so.6"),
    *("libz.so.1", "libexpat.so.1", "libffi.so.8", "libgcc_s.so.1"),
    *("libbz2.so.1.0", "liblzma.so.5"),
)
_LIBRARY_FOLDER = "usr/lib/aarch64-linux-gnu"
_FOLDERS = ("proc", "sys", "dev", "tmp", "run", "agent")
_LEFT_OUT = frozenset(
    {
        *("__pycache__", "test", "idlelib", "ensurepip", "pydoc_data", "unittest", "xml", "venv"),
        *("asyncio", "email", "http", "sqlite3", "multiprocessing", "_pyrepl", "xmlrpc", "turtle"),
    }
)
_INDEXES = ("modules.builtin", "modules.builtin.modinfo", "modules.order")
# The agent asks for the kernel's messages by this name.
_DMESG = """#!/usr/bin/python3
import os
log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
try:
    while True:
        print(os.read(log, 8192).split(b";", 1)[-1].split(b"\\n")[0].decode(errors="replace"))
except BlockingIOError:
    pass
"""


@dataclass(frozen=True, slots=True)
class Task:
    """Say what the small system is to do.

    Args:
        modules: Names of the kernel's own modules to load.
        extra: Modules from elsewhere, loaded after those, with their parameters.
        devices: PCI id and the driver that is to own the function.
        afterwards: Module of Python, among the programs, whose main() takes the addresses of the
            functions and returns what it saw; empty for none.
    """

    modules: tuple[str, ...]
    extra: tuple[tuple[Path, str], ...]
    devices: tuple[tuple[str, str], ...]
    afterwards: str = ""


def provide_base(progress: Progress) -> Path:
    """Return the archive of the part that all systems share.

    Raises:
        FleetPolicyError: Its packages cannot be had.
    """
    apt = Apt(_SUITES, ARCH)
    apt.update(progress)
    packages = apt.resolve(_PACKAGES)

    def make(place: Path) -> None:
        files = fetch(packages, progress)
        progress("making the base of the small system")
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            for path in files:
                unpack(path, Path(folder))
            place.write_bytes(cpio(dict(_base_nodes(Path(folder)))))

    layout = repr((_DMESG, _FOLDERS, _LIBRARIES, sorted(_LEFT_OUT)))
    return cached("initramfs", f"base_{digest_of(packages, layout)}", make, progress)


def _base_nodes(tree: Path) -> Iterator[tuple[str, Node]]:
    """Yield what Python needs, and nothing else."""
    for folder in (*_FOLDERS, "usr", "usr/bin", "usr/lib", _LIBRARY_FOLDER):
        yield folder, Node(None, 0o755)
    for link, target in (("lib", "usr/lib"), ("bin", "usr/bin"), ("sbin", "usr/bin")):
        yield link, Node(target)
    python = next(path for path in (tree / "usr/bin").glob("python3.*") if path.is_file())
    yield "usr/bin/python3", Node(python.read_bytes(), 0o755)
    yield "usr/bin/dmesg", Node(_DMESG.encode(), 0o755)
    for name in _LIBRARIES:
        yield f"{_LIBRARY_FOLDER}/{name}", Node((tree / _LIBRARY_FOLDER / name).read_bytes(), 0o755)
    loader = _LIBRARIES[0]
    yield f"usr/lib/{loader}", Node(f"{Path(_LIBRARY_FOLDER).name}/{loader}")
    yield from _folder_nodes(tree / "usr/lib" / python.name, f"usr/lib/{python.name}")


def _folder_nodes(source: Path, target: str) -> Iterator[tuple[str, Node]]:
    """Yield a folder with all that is in it, but for what nobody asks for."""
    yield target, Node(None, 0o755)
    for path in sorted(source.iterdir()):
        if path.stem in _LEFT_OUT:
            continue
        if path.is_dir():
            yield from _folder_nodes(path, f"{target}/{path.name}")
        elif path.is_file():
            yield f"{target}/{path.name}", Node(path.read_bytes())


def initramfs(
    kernel: Kernel, task: Task, programs: Mapping[str, Path], progress: Progress
) -> bytes:
    """Return the archive of a system that does a task under a kernel.

    Args:
        kernel: The kernel that it is for.
        task: What it is to do.
        programs: Packages of the agent, by name.
        progress: Told what is done.

    Raises:
        FleetPolicyError: A module is not there, or packages cannot be had.
    """
    own = modules_in_order(kernel, task.modules)
    parameters = {module_name(path): words for path, words in task.extra}
    files = {module_name(path): read_module(path) for path in (*own, *dict(task.extra))}
    listed = [(f"{name}.ko", parameters.get(name, "")) for name in files]
    told = {"modules": listed, "devices": task.devices, "afterwards": task.afterwards}
    text = json.dumps(told)
    init = Path(__file__).with_name("guest_init.py").read_text()
    nodes: dict[str, Node] = {
        "init": Node(f"#!/usr/bin/python3\n{init}".encode(), 0o755),
        "modules": Node(f"lib/modules/{kernel.release}/updates"),
        "task.json": Node(text.encode()),
    }
    for folder in ("agent/ansible", "agent/ansible/module_utils", "usr/lib/modules"):
        nodes[folder] = Node(None, 0o755)
    for name, source in programs.items():
        nodes |= _folder_nodes(source, f"agent/ansible/module_utils/{name}")
    nodes |= _module_nodes(kernel, files, progress)
    return provide_base(progress).read_bytes() + cpio(nodes)


def _module_nodes(kernel: Kernel, files: Mapping[str, bytes], progress: Progress) -> Nodes:
    """Return modules with the index that depmod makes of them."""
    depmod = provide("programs", ("kmod",), progress).command("depmod")
    with tempfile.TemporaryDirectory() as root:
        library = Path(root, "lib/modules", kernel.release)
        (library / "updates").mkdir(parents=True)
        for name in _INDEXES:
            (library / name).write_bytes((kernel.modules / name).read_bytes())
        for name, data in files.items():
            (library / "updates" / f"{name}.ko").write_bytes(data)
        done = subprocess.run(  # noqa: S603 - Debian's own program
            [*depmod, "-b", root, kernel.release], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise not_to_be_had(f"the modules of {kernel.release}", done.stderr)
        return dict(_folder_nodes(library, f"usr/lib/modules/{kernel.release}"))
