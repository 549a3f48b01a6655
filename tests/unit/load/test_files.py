import os
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.load.files import read_file, read_files


@pytest.mark.accepts("FP101")
def test_folders_are_walked_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/z.yml", "a/b/c.yaml", "README.md", ".git/x.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)

    files, findings = read_files([tmp_path])

    assert [(file.name, file.data.decode()) for file in files] == [
        ("a/b/c.yaml", "a/b/c.yaml"),
        ("a/z.yml", "a/z.yml"),
        ("b.yaml", "b.yaml"),
    ]
    assert findings == ()


@pytest.mark.shows("FP101")
def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p.yaml")

    files, findings = read_files([tmp_path])

    assert files == ()
    assert [(item.why, item.fix) for item in findings] == [
        ("it is no regular file", "correct the path, or make it readable")
    ]


@pytest.mark.shows("FP101")
def test_loop_of_links_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").symlink_to(tmp_path / "p.yaml")

    _, findings = read_files([tmp_path])

    assert [item.rule.name for item in findings] == ["file-unreadable"]


@pytest.mark.shows("FP106")
def test_file_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    with path.open("wb") as file:
        file.truncate(17 << 20)

    found = read_file(path)

    assert isinstance(found, Diagnostic)
    assert found.why == "it has 17825792 bytes, and at most 16777216 are read"
