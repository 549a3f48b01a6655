"""Choose the modules that a small system needs, in the order that they are loaded in."""

import lzma
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleetpolicy.emulate.apt import not_to_be_had
from fleetpolicy.emulate.kernels import Kernel


def modules_in_order(kernel: Kernel, names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files of modules with those that they need, each after what it needs.

    Args:
        kernel: Where they are.
        names: As modprobe takes them; one that is built in has no file.

    Raises:
        FleetPolicyError: The kernel has no such module.
    """
    files = {module_name(path): path for path in sorted(kernel.modules.rglob("*.ko*"))}
    built_in = (kernel.modules / "modules.builtin").read_text().split()
    known = {module_name(Path(line)) for line in built_in} | set(files)
    done: set[str] = set()

    def visit(name: str) -> Iterator[Path]:
        if name not in known:
            raise not_to_be_had(f"module {name}", f"{kernel.release} has none of that name")
        if name in done or name not in files:
            return
        done.add(name)
        for needed in needs(files[name]):
            yield from visit(needed)
        yield files[name]

    return tuple(path for name in names for path in visit(name.replace("-", "_")))


def needs(path: Path) -> tuple[str, ...]:
    """Return the names of the modules that a module says it needs.

    Source:
        Linux, scripts/mod/modpost.c, which writes depends=NAME,NAME into the section .modinfo
    """
    found = re.search(rb"(?:^|\0)depends=([^\0]+)\0", read_module(path))
    return tuple(found.group(1).decode().replace("-", "_").split(",")) if found else ()


def module_name(path: Path) -> str:
    """Return a module's name as /proc/modules has it."""
    return path.name.partition(".ko")[0].replace("-", "_")


def read_module(path: Path) -> bytes:
    """Return a module's content without its compression."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data
