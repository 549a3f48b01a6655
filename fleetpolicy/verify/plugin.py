"""Give pytest the fixtures of the host checks, and write down what each check found.

Loaded into a pytest process of its own by `fleetpolicy.verify.session`. A site's test_*.py may ask
for `host` (testinfra's), `policy_host` (what the host is expected to show) and `record` (what one
look at it brought back); a test that asks for one of them runs once for every host.
"""

import json
from collections.abc import Generator
from functools import lru_cache
from pathlib import Path

import pytest
from testinfra.host import Host

from fleetpolicy.model.record import HostRecordDocument
from fleetpolicy.verify.backend import emulated_host, real_host, simulated_host
from fleetpolicy.verify.expected import (
    RESULTS_FILE,
    SESSION_FILE,
    ExpectedHost,
    Session,
    record_file,
)

EVERY_HOST = "fleet"
_FOLDER = "--fleetpolicy-session"


_broken: list[tuple[str, str]] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names the folder through which the two processes talk."""
    parser.addoption(_FOLDER, required=True, help="folder with session.json")


@lru_cache(maxsize=1)
def _session(folder: str) -> Session:
    return Session.model_validate_json((Path(folder) / SESSION_FILE).read_bytes())


def _session_of(config: pytest.Config) -> Session:
    return _session(config.getoption(_FOLDER))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that is about a host once for every host."""
    if "policy_host" in metafunc.fixturenames:
        hosts = _session_of(metafunc.config).hosts
        names = [host.name for host in hosts]
        metafunc.parametrize("policy_host", hosts, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def policy_host(request: pytest.FixtureRequest) -> ExpectedHost:
    """Return what the host is expected to show."""
    expected: ExpectedHost = request.param
    return expected


@pytest.fixture(scope="session")
def host(policy_host: ExpectedHost, request: pytest.FixtureRequest) -> Host:
    """Return testinfra's view of the host."""
    if policy_host.root != "/":
        return simulated_host(policy_host.name, policy_host.root)
    if policy_host.lab:
        return emulated_host(policy_host.name, policy_host.lab)
    return real_host(policy_host.name, _session_of(request.config).inventory)


@pytest.fixture(scope="session")
def record(policy_host: ExpectedHost, request: pytest.FixtureRequest) -> HostRecordDocument:
    """Return what one look at the host brought back."""
    folder = Path(_session_of(request.config).records)
    data = (folder / record_file(policy_host.name)).read_bytes()
    return HostRecordDocument.model_validate_json(data)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Write down a test that ran, or whose preparation or clearing up failed."""
    report = yield
    if report.failed or (report.passed and report.when == "call"):
        name, target = _name_of(item)
        message = report.longreprtext if report.failed else ""
        _write(item.config, {"host": target, "name": name, "message": message})
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Keep a file that cannot be collected from passing unseen."""
    if report.failed:
        _broken.append((report.nodeid, report.longreprtext))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what could not be collected, and that the end was reached."""
    for name, message in _broken:
        _write(session.config, {"host": EVERY_HOST, "name": name, "message": message})
    _write(session.config, {"end": session.testscollected})


def _name_of(item: pytest.Item) -> tuple[str, str]:
    """Return the name of a test without its host, and the host."""
    name = f"{item.path.name}::{item.name}"
    callspec = getattr(item, "callspec", None)
    expected = callspec.params.get("policy_host") if callspec else None
    if callspec is None or not isinstance(expected, ExpectedHost):
        return name, EVERY_HOST
    parts = f"-{callspec.id}-".replace(f"-{expected.name}-", "-", 1).strip("-")
    plain = f"{item.path.name}::{getattr(item, 'originalname', item.name)}"
    return (f"{plain}[{parts}]" if parts else plain), expected.name


def _write(config: pytest.Config, line: dict[str, object]) -> None:
    path = Path(config.getoption(_FOLDER)) / RESULTS_FILE
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
