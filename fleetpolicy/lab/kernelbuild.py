"""Read a kernel's build from the files that its package and depmod left."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fleetpolicy.lab.modules import BRIDGES, Parameter
from fleetpolicy.lab.tree import Tree
from fleetpolicy.simcore.boot import KernelBuild, ModuleSoftdep

_PCIEPORT = "pcieport"


@dataclass(frozen=True, slots=True)
class Build:
    """A kernel's build.

    Args:
        paths: The file of each loadable module, below the folder of the release.
        parameters: What each module takes.
    """

    kernel: KernelBuild
    paths: dict[str, str]
    parameters: dict[str, tuple[Parameter, ...]]


def read_build(tree: Tree, release: str) -> Build:
    """Return the build of an installed kernel; empty where its files are gone."""
    folder = f"/lib/modules/{release}"
    dependencies = _read_dep(tree.text(f"{folder}/modules.dep") or "")
    builtin = {_name(path) for path in (tree.text(f"{folder}/modules.builtin") or "").split()}
    paths = {_name(path): path for path in dependencies}
    described = _group((tree.text(f"{folder}/modules.builtin.modinfo") or "").split("\0"))
    for name, path in paths.items():
        described[name] = (tree.text(f"{folder}/{path}") or "").split("\0")
    parameters = {name: tuple(_parameters(items)) for name, items in described.items()}
    kernel = KernelBuild(
        release=release,
        builtin=frozenset({*builtin, _PCIEPORT}),
        modules=frozenset(paths) - builtin,
        aliases=(*_aliases(tree, folder), *_builtin_aliases(described, builtin)),
        softdeps=_read_softdep(tree.text(f"{folder}/modules.softdep") or ""),
        parameters={
            name: frozenset(parameter.name for parameter in items)
            for name, items in parameters.items()
        },
        drivers={
            name: driver for name, items in described.items() for driver in _of(items, "lab.driver")
        },
        dependencies={
            _name(path): tuple(_name(needed) for needed in reversed(needs))
            for path, needs in dependencies.items()
        },
    )
    return Build(kernel, paths, parameters)


def _name(path: str) -> str:
    return PurePosixPath(path).name.partition(".")[0].replace("-", "_")


def _read_dep(text: str) -> dict[str, list[str]]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {path.strip(): needs.split() for path, colon, needs in pairs if colon}


def _group(items: list[str]) -> dict[str, list[str]]:
    """Return the lines MODULE.KEY=VALUE of modules.builtin.modinfo by module."""
    found: dict[str, list[str]] = {}
    for item in items:
        name, dot, rest = item.partition(".")
        if dot:
            found.setdefault(name, []).append(rest)
    return found


def _of(items: list[str], key: str) -> Iterator[str]:
    return (item[len(key) + 1 :] for item in items if item.startswith(f"{key}="))


def _parameters(items: list[str]) -> Iterator[Parameter]:
    defaults = dict(_pair(item) for item in _of(items, "lab.default"))
    for item in _of(items, "parmtype"):
        name, kind = _pair(item)
        yield Parameter(name, kind, defaults.get(name))


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    return name, value


def _aliases(tree: Tree, folder: str) -> Iterator[tuple[str, str]]:
    lines = (tree.text(f"{folder}/modules.alias") or "").splitlines()
    words = (line.split() for line in lines if line.startswith("alias "))
    return ((pattern, module) for _, pattern, module in words)


def _builtin_aliases(
    described: dict[str, list[str]], builtin: set[str]
) -> Iterator[tuple[str, str]]:
    yield BRIDGES, _PCIEPORT
    for name in sorted(builtin):
        yield from ((pattern, name) for pattern in _of(described.get(name, []), "alias"))


def _read_softdep(text: str) -> dict[str, ModuleSoftdep]:
    found = {}
    for name, rest in re.findall(r"^softdep (\S+) (.*)$", text, re.MULTILINE):
        pre, _, post = rest.partition("post:")
        wanted = tuple(pre.replace("pre:", "").split())
        found[name] = ModuleSoftdep(wanted, tuple(post.split()))
    return found
