import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import process
from fleetpolicy.emulate.process import find, is_stopped, stop
from fleetpolicy.emulate.qmp import WORDS

WAITS = "import sys, time; print(flush=True); time.sleep(600)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "host"
    place.mkdir()
    return place


@pytest.fixture
def emulator(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a process that was started as QEMU is, in a folder."""
    yield from _started(folder, *WORDS)


@pytest.fixture
def bystander(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield another process in the folder of a host, which speaks of QEMU too."""
    yield from _started(folder, "qemu-system-aarch64", "pid")


def _started(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", WAITS, *words]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        started.stdout.readline()
        yield started
        started.kill()


@pytest.mark.accepts("FP845")
def test_emulator_is_found_by_its_words_and_its_folder(
    folder: Path, emulator: subprocess.Popen[bytes]
) -> None:
    assert find(folder) == emulator.pid
    assert find(folder.parent) is None
    assert stop(folder) is True
    assert emulator.wait() == -signal.SIGTERM


@pytest.mark.parametrize("number", [0, 1])
def test_process_that_a_stale_pid_file_names_is_left_alone(
    folder: Path, bystander: subprocess.Popen[bytes], number: int
) -> None:
    (folder / "pid").write_text(f"{(bystander.pid, os.getpid())[number]}\n")

    assert find(folder) is None
    assert stop(folder) is False
    assert bystander.poll() is None


def test_emulator_is_found_where_its_folder_was_moved_to(
    folder: Path, emulator: subprocess.Popen[bytes]
) -> None:
    folder.rename(folder.with_name("moved"))

    assert find(folder) is None
    assert stop(folder) is False
    assert find(folder.with_name("moved")) == emulator.pid


def test_emulator_whose_folder_was_removed_is_ended_and_not_taken_for_a_new_one(
    folder: Path, emulator: subprocess.Popen[bytes]
) -> None:
    folder.rmdir()
    folder.mkdir()

    assert find(folder) is None
    assert stop(folder) is True
    assert emulator.wait() == -signal.SIGTERM


def test_emulator_that_is_stopped_is_told_from_others_and_ended(
    folder: Path, emulator: subprocess.Popen[bytes]
) -> None:
    assert is_stopped(emulator.pid) is False
    emulator.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, emulator.pid, os.WSTOPPED)

    assert is_stopped(emulator.pid) is True
    assert stop(folder, seconds=0.1) is True
    assert emulator.wait() == -signal.SIGKILL


@pytest.mark.shows("FP845")
def test_emulator_that_does_not_end_is_a_finding(
    folder: Path, emulator: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ends_within", lambda *_: False)

    with pytest.raises(FleetPolicyError) as caught:
        stop(folder)

    (finding,) = caught.value.diagnostics
    assert finding.why == f"process {emulator.pid} did not end 10 s after SIGKILL"
