"""Find the files of a policy and read each once."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load.rules import TOO_BIG, UNREADABLE
from fleetpolicy.load.source import SIZE_LIMIT

_ENDINGS = (".yaml", ".yml")


class PolicyFile(Struct, frozen=True):
    """A file as it was read.

    Args:
        name: Relative to the folder that it was found in, so that a revision is the same anywhere.
        shown: As the user named it.
        is_shipped: Part of the catalogue.
    """

    name: str
    shown: str
    data: bytes
    is_shipped: bool = False


def read_files(
    paths: Sequence[Path],
) -> tuple[tuple[PolicyFile, ...], tuple[Diagnostic, ...]]:
    """Return the files of paths and folders, sorted, each once, and what could not be read."""
    files: list[PolicyFile] = []
    findings: list[Diagnostic] = []
    seen: set[str] = set()
    for path, name in _list_files(paths, findings):
        identity = os.path.realpath(path)
        if identity in seen:
            continue
        seen.add(identity)
        data = read_file(path)
        if isinstance(data, Diagnostic):
            findings.append(data)
        else:
            files.append(PolicyFile(name, str(path), data))
    return tuple(sorted(files, key=lambda file: (file.name, file.shown))), tuple(findings)


def _list_files(paths: Sequence[Path], findings: list[Diagnostic]) -> Iterable[tuple[Path, str]]:
    for path in paths:
        if path.is_dir():
            yield from _walk(path, findings)
        elif os.path.lexists(path):
            yield path, path.name
        else:
            findings.append(_unreadable(path, "there is no such file or folder"))


def _walk(folder: Path, findings: list[Diagnostic]) -> Iterable[tuple[Path, str]]:
    """Yield the YAML files below a folder, leaving hidden ones out."""

    def note(error: OSError) -> None:
        findings.append(_unreadable(Path(error.filename), str(error.strerror)))

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(_ENDINGS) and not name.startswith("."):
                path = Path(parent, name)
                yield path, path.relative_to(folder).as_posix()


def read_file(path: Path) -> bytes | Diagnostic:
    """Return a file's bytes, or why they cannot be had."""
    if path.exists() and not path.is_file():
        return _unreadable(path, "it is no regular file")
    try:
        if path.stat().st_size > SIZE_LIMIT:
            why = f"it has {path.stat().st_size} bytes, and at most {SIZE_LIMIT} are read"
            return TOO_BIG.at(Span(str(path)), why=why, fix="split it into several files")
        return path.read_bytes()
    except OSError as error:
        return _unreadable(path, str(error.strerror))


def _unreadable(path: Path, why: str) -> Diagnostic:
    return UNREADABLE.at(Span(str(path)), why=why, fix="correct the path, or make it readable")
