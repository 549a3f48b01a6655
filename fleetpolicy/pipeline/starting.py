"""Lay out a policy repository in a folder, as a whole or not at all."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from fleetpolicy import __version__
from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.pipeline.rules import FILE_EXISTS, NOT_WRITTEN
from fleetpolicy.pipeline.schemas import all_schemas
from fleetpolicy.scaffold import lay_out


def start_repository(folder: Path) -> tuple[Path, ...]:
    """Write the files of a policy repository, and return their paths, sorted.

    Raises:
        FleetPolicyError: Some of them are there already, or cannot be written; then none is.
    """
    files = {folder / name: text for name, text in lay_out(all_schemas(), __version__).items()}
    existing = [
        FILE_EXISTS.at(
            Span(str(path)),
            why=f"{path} is there already",
            fix="name an empty folder, or move the file away",
        )
        for path in files
        if path.exists() or path.is_symlink()
    ]
    if existing:
        raise FleetPolicyError(*existing)
    _write_all(files)
    return tuple(files)


def _write_all(files: Mapping[Path, str]) -> None:
    written: list[Path] = []
    folders: list[Path] = []
    for path, text in files.items():
        try:
            _make_folders(path.parent, folders)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
        except OSError as error:
            _take_back(written, folders)
            why = str(error.strerror).lower()
            fix = "make the folder writable, or name another"
            raise FleetPolicyError(NOT_WRITTEN.at(Span(str(path)), why=why, fix=fix)) from error


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [item for item in (folder, *folder.parents) if not item.exists()]
    for item in reversed(missing):
        item.mkdir()
        made.append(item)


def _take_back(written: list[Path], folders: list[Path]) -> None:
    for path in written:
        path.unlink(missing_ok=True)
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
