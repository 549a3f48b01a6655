"""Run the testinfra checks on every host, in a pytest process of their own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import asdict

from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.artifact import Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.plan import Check
from fleetpolicy.model.record import HostRecord, HostRecordDocument, Identity
from fleetpolicy.verify.expected import (
    RESULTS_FILE,
    SESSION_FILE,
    Session,
    expect_hosts,
    record_file,
)
from fleetpolicy.verify.rules import CHECKS_NOT_RUN

_SHIPPED = Path(__file__).resolve().parent / "checks"
_INI = "[pytest]\naddopts =\n"
_FOREIGN_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_THEME")
_SHOWN_LINES = 15


def run_checks(
    inventory: Inventory,
    fleet: Fleet,
    rendering: Rendering,
    records: Mapping[str, HostRecord],
    checks: Path | None = None,
) -> tuple[Check, ...]:
    """Return what the shipped checks, and a site's own, say of every host with a record, sorted.

    Args:
        inventory: How the hosts are reached.
        fleet: What they are to be.
        rendering: What they are to have.
        records: What they showed.
        checks: A folder with the site's test_*.py.

    Raises:
        FleetPolicyError: The checks did not run to their end.
    """
    expected = tuple(expect_hosts(inventory, fleet, rendering, records))
    if not expected:
        return ()
    with tempfile.TemporaryDirectory(prefix="fleetpolicy-verify-") as name:
        folder = Path(name)
        if checks:
            for host in expected:
                _write_record(folder / record_file(host.name), records[host.name])
        session = Session(
            inventory=str(Path(inventory.source.path).absolute()), records=name, hosts=expected
        )
        (folder / SESSION_FILE).write_text(session.model_dump_json(by_alias=True))
        (folder / "pytest.ini").write_text(_INI)
        done = _run_pytest(folder, checks)
        return _read_results(folder / RESULTS_FILE, inventory.source, done)


def _write_record(path: Path, record: HostRecord) -> None:
    document = HostRecordDocument(
        api_version="fleetpolicy/v1alpha1",
        kind="HostRecord",
        host=record.host,
        collected_at=record.collected_at,
        identity=Identity(**asdict(record.identity)),
        facts=record.facts,
        state=record.state,
    )
    path.write_text(document.model_dump_json(by_alias=True))


def _run_pytest(folder: Path, checks: Path | None) -> "subprocess.CompletedProcess[str]":
    """Run pytest without anything of the user's own configuration and plugins."""
    site = checks.resolve() if checks else None
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "fleetpolicy.verify.plugin",
        "-p",
        "no:cacheprovider",
        "-c",
        str(folder / "pytest.ini"),
        f"--rootdir={site or folder}",
        f"--confcutdir={site or _SHIPPED}",
        "--import-mode=importlib",
        "--tb=short",
        "-q",
        f"--fleetpolicy-session={folder}",
        str(_SHIPPED),
        *([str(site)] if site else []),
    ]
    return subprocess.run(  # noqa: S603 our own interpreter, arguments never pass a shell
        command, env=_environment(), capture_output=True, text=True, check=False, errors="replace"
    )


def _environment() -> dict[str, str]:
    """Return an environment in which Ansible's programs are found beside the interpreter."""
    environment = {
        name: value for name, value in os.environ.items() if name not in _FOREIGN_VARIABLES
    }
    programs = str(Path(sys.executable).parent)
    environment["PATH"] = f"{programs}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return environment


def _read_results(
    path: Path, span: Span, done: "subprocess.CompletedProcess[str]"
) -> tuple[Check, ...]:
    """Return the checks, or say why they broke off.

    Raises:
        FleetPolicyError: The last line, which says that the end was reached, is missing.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1].splitlines()
    documents = [json.loads(line) for line in whole]
    if not documents or "end" not in documents[-1]:
        tail = (done.stdout + done.stderr).strip().splitlines()[-_SHOWN_LINES:]
        raise FleetPolicyError(
            CHECKS_NOT_RUN.at(
                span,
                why="\n".join([f"pytest ended with status {done.returncode}", *tail]),
                fix="correct what it says; a site's checks are in the folder checks/ or --checks",
            ),
            status=ExitStatus.STOPPED,
        )
    checks = (Check(item["host"], item["name"], (), item["message"]) for item in documents[:-1])
    return tuple(sorted(checks, key=lambda check: (check.host, check.name)))
