import os
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.shown import check_accepted, check_shown, record

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Hold a test to the rules that it says it shows or accepts."""
    shown, accepted = (rules_of(item, name) for name in ("shows", "accepts"))
    if not (shown or accepted):
        return (yield)
    with record() as recording:
        result = yield
    for rule_id in shown:
        update = item.config.getoption("--update-golden")
        check_shown(rule_id, recording, item.nodeid, update=update)
    for rule_id in accepted:
        check_accepted(rule_id, recording)
    return result


def rules_of(item: pytest.Item, name: str) -> list[str]:
    """Return the rules that the markers of a name give a test, sorted."""
    return sorted({str(rule) for marker in item.iter_markers(name) for rule in marker.args})
