import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.emulate.seal import is_whole, write_seal

HOLE = 3 << 20


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a sealed tree: a file, a program, a link, and a disk with a hole in it."""
    place = tmp_path / "tree"
    (place / "bin").mkdir(parents=True)
    (place / "file").write_text("content\n")
    (place / "bin" / "program").write_text("#!/bin/sh\n")
    (place / "link").symlink_to("bin")
    with (place / "disk").open("wb") as file:
        file.seek(HOLE)
        file.write(b"x")
        file.truncate(2 * HOLE)
    write_seal(place, tmp_path / "seal")
    return place


def overwrite(place: Path, offset: int, data: bytes) -> None:
    with place.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def test_tree_is_whole_and_what_is_added_is_left_alone(tree: Path, tmp_path: Path) -> None:
    (tree / "bin" / "other").touch()

    assert is_whole(tree, tmp_path / "seal")


def relink(place: Path) -> None:
    place.unlink()
    place.symlink_to("nib")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "file gone": lambda tree: (tree / "file").unlink(),
    "file cut off": lambda tree: os.truncate(tree / "file", 3),
    "file changed": lambda tree: overwrite(tree / "file", 1, b"0"),
    "hole filled": lambda tree: overwrite(tree / "disk", 10, b"x"),
    "disk changed": lambda tree: overwrite(tree / "disk", HOLE, b"y"),
    "disk cut off": lambda tree: os.truncate(tree / "disk", HOLE),
    "folder gone": lambda tree: shutil.rmtree(tree / "bin"),
    "link changed": lambda tree: relink(tree / "link"),
    "all gone": shutil.rmtree,
    "seal cut off": lambda tree: (tree.parent / "seal").write_text(""),
    "seal gone": lambda tree: (tree.parent / "seal").unlink(),
}


@pytest.mark.parametrize("damage", list(DAMAGES.values()), ids=list(DAMAGES))
def test_tree_that_was_cut_off_or_changed_is_not_whole(
    tree: Path, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    damage(tree)

    assert not is_whole(tree, tmp_path / "seal")


def test_copy_with_other_times_and_no_holes_is_whole_and_sealed_anew(
    tree: Path, tmp_path: Path
) -> None:
    before = (tmp_path / "seal").read_text()
    (tree / "disk").write_bytes((tree / "disk").read_bytes())
    os.utime(tree / "file", (1, 1))

    assert is_whole(tree, tmp_path / "seal")

    assert (tmp_path / "seal").read_text() != before
    assert is_whole(tree, tmp_path / "seal")


def test_file_is_sealed_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content\n")
    write_seal(tmp_path / "file", tmp_path / "seal")

    assert is_whole(tmp_path / "file", tmp_path / "seal")
    (tmp_path / "file").write_text("content")
    assert not is_whole(tmp_path / "file", tmp_path / "seal")
