from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.qemu import Emulator, find_emulator


def program(path: Path, version: str) -> str:
    path.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version} (Debian 1:{version})'\n")
    path.chmod(0o755)
    return str(path)


def test_emulator_that_the_variable_names_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "qemu", "9.2.1")
    monkeypatch.setenv("FLEETPOLICY_QEMU", path)

    assert find_emulator() == Emulator((path,), "9.2.1")


@pytest.mark.shows("FP813")
@pytest.mark.parametrize(
    ("version", "why"),
    [("7.0.0", "says that it is 7.0.0"), ("of nothing", "does not run as QEMU")],
)
def test_emulator_that_is_too_old_or_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, why: str
) -> None:
    path = program(tmp_path / "qemu", version)
    monkeypatch.setenv("FLEETPOLICY_QEMU", path)

    with pytest.raises(FleetPolicyError) as caught:
        find_emulator()

    (finding,) = caught.value.diagnostics
    assert (finding.rule.id, finding.why) == ("FP813", f"{path} {why}")


@pytest.mark.accepts("FP813")
def test_installed_emulator_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "qemu-system-aarch64", "11.1.3")
    monkeypatch.delenv("FLEETPOLICY_QEMU", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_emulator() == Emulator((path,), "11.1.3")
