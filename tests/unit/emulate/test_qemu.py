from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import qemu
from fleetpolicy.emulate.qemu import Emulator, find_emulator
from fleetpolicy.emulate.room import cache_refusal


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


def test_emulator_that_the_variable_names_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = program(tmp_path / "qemu", "9.2.1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEETPOLICY_QEMU", "./qemu")

    assert find_emulator() == Emulator((path,), "9.2.1")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an installed QEMU that is taken for want of another."""
    monkeypatch.delenv("FLEETPOLICY_QEMU", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    return program(tmp_path / "qemu-system-aarch64", "7.2.22")


def test_installed_emulator_that_is_old_is_taken_where_there_is_no_mirror(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEETPOLICY_APT", str(tmp_path / "none"))
    said: list[str] = []

    assert find_emulator(said.append) == Emulator((old,), "7.2.22")

    assert said == [f"Debian's QEMU is not to be had; {old} is used, 7.2.22"]


@pytest.mark.usefixtures("old")
def test_installed_emulator_that_is_old_is_not_taken_for_want_of_room(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise cache_refusal(cache, "it is full")

    monkeypatch.setattr(qemu, "provide", refuse)

    with pytest.raises(FleetPolicyError) as caught:
        find_emulator()

    assert [item.rule.id for item in caught.value.diagnostics] == ["FP812"]
