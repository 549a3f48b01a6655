import os
import signal
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import hosts
from fleetpolicy.emulate.condition import hindrance, resume
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.inventory import InventoryHost
from tests.unit.emulate.emulators import answering

MARKER = '{"format": "fleetpolicy emulated host 1"}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / ".lab" / "arm-01"
    place.mkdir(parents=True, mode=0o700)
    (place / "host.json").write_text(MARKER)
    return place


def host(folder: Path) -> InventoryHost:
    return InventoryHost("arm-01", ("all",), {}, "/", None, EmulatedHost(), str(folder))


def test_machine_at_work_has_no_hindrance(folder: Path) -> None:
    assert hindrance(folder) == ""
    with answering(folder, "running"):
        assert hindrance(folder) == ""


@pytest.mark.shows("FP844")
@pytest.mark.accepts("FP843")
def test_wait_for_a_host_whose_process_was_stopped_ends_at_once(folder: Path) -> None:
    with answering(folder, "running") as pid:
        os.kill(pid, signal.SIGSTOP)
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)

        with pytest.raises(FleetPolicyError) as caught:
            hosts.await_host(host(folder))
        shown = hosts.status(host(folder))

    why = f"process {pid} was stopped by a signal; kill -CONT {pid} lets it go on"
    (finding,) = caught.value.diagnostics
    assert finding.why == why
    assert shown == f"is held: {why}"


@pytest.mark.shows("FP844")
@pytest.mark.usefixtures("room")
def test_session_of_a_host_whose_disk_is_full_is_refused(folder: Path) -> None:
    with answering(folder, "io-error"), pytest.raises(FleetPolicyError) as caught:
        hosts.session(host(folder))

    (finding,) = caught.value.diagnostics
    room = f"3 MiB are free in {folder}"
    assert finding.why == f"QEMU paused it: its disk could not be written; {room}"


@pytest.mark.accepts("FP844")
@pytest.mark.parametrize("state", ["io-error", "paused"])
def test_machine_that_was_paused_goes_on_when_it_is_switched_on(folder: Path, state: str) -> None:
    with answering(folder, state):
        assert hindrance(folder) != ""

        assert hosts.switch_on(host(folder), lambda _: None) is False

        assert hindrance(folder) == ""


def test_machine_that_panicked_is_not_resumed(folder: Path) -> None:
    with answering(folder, "guest-panicked"):
        resume(folder)

        assert hindrance(folder) == "QEMU says that it is guest-panicked"
