import mmap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]
PAGE = mmap.PAGESIZE


def test_area_is_aligned_and_shows_the_flags_of_what_is_mapped(
    probe_module: Load, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 4 * PAGE)
    area = probe_module("system").Area(2 * PAGE, 1 << 21)

    with path.open("r+b") as file:
        area.map(file.fileno(), PAGE)
    flags = area.flags()
    area.write(0, b"written")
    area.close()

    assert area.address % (1 << 21) == 0
    assert {"rd", "wr", "sh"} <= set(flags)
    assert path.read_bytes()[PAGE : PAGE + 7] == b"written"


def test_file_that_cannot_be_mapped_is_an_error(probe_module: Load, tmp_path: Path) -> None:
    area = probe_module("system").Area(PAGE, PAGE)

    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="denied"):
        area.map(file.fileno(), 0)
    area.close()


def test_error_of_an_ioctl_is_named(probe_module: Load) -> None:
    with Path("/dev/null").open("rb") as file:
        assert probe_module("system").attempt(file.fileno(), 0xAE00) == "ENOTTY"
