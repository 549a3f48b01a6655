import os
from collections.abc import Callable
from pathlib import Path

import pytest

READERS = Path(__file__).resolve().parents[1] / ".cache" / "readers"
Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden outputs anew; read the diff"
    )
    parser.addoption("--lab", action="store_true", help="run real kernels under QEMU: tests/lab")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a file, or write the file under --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert text == (path.read_text() if path.exists() else "")

    return compare


@pytest.fixture(scope="session")
def readers() -> Path:
    """Return the folder of packages that scripts/readers installs."""
    if not (READERS / "requirements.txt").exists():
        if os.environ.get("CI"):
            pytest.fail("scripts/readers did not run")
        pytest.skip("run scripts/readers: it needs a package index")
    return READERS
