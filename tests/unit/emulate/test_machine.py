import os
import select
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.machine import (
    Machine,
    _not_started,
    arguments,
    run,
    start,
    tail,
)
from fleetpolicy.emulate.process import find, stop
from fleetpolicy.emulate.qemu import Emulator
from fleetpolicy.emulate.qmp import Monitor

MACHINE = Machine("max", 512, 1, ("-kernel", "/boot/vmlinuz"), ("-device", "edu"))
# A process in QEMU's place that answers on its monitor: its words, working folder and monitor are
# what the code goes by. The real one runs in tests/lab.
ANSWERS = """
import signal, socket
signal.signal(signal.SIGTERM, signal.{on_term})
server = socket.create_server("qmp", family=socket.AF_UNIX)
while True:
    with server.accept()[0].makefile("rw") as stream:
        print("{{}}", file=stream, flush=True)
        for line in stream:
            answer = '"error": {{"desc": "unknown"}}' if "nonsense" in line else '"return": 1'
            print("{{" + answer + "}}", file=stream, flush=True)
"""


def emulator(tmp_path: Path, body: str) -> Emulator:
    path = tmp_path / "qemu-system-aarch64"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return Emulator((str(path),), "10.0")


def answering(tmp_path: Path, on_term: str) -> Emulator:
    path = tmp_path / "qemu-system-aarch64"
    path.write_text(f"#!{sys.executable}\n{ANSWERS.format(on_term=on_term)}")
    path.chmod(0o755)
    return Emulator((str(path),), "10.0")


def test_arguments_describe_the_machine() -> None:
    assert " ".join(arguments(MACHINE)) == (
        "-nodefaults -no-user-config -display none -monitor none "
        "-M virt,virtualization=on,gic-version=3,iommu=smmuv3 -cpu max "
        "-accel tcg,thread=multi,tb-size=512 -smp 1 -m 512M "
        "-serial file:console -pidfile pid -qmp unix:qmp,server=on,wait=off "
        "-kernel /boot/vmlinuz -device edu"
    )


@pytest.mark.accepts("FP814")
def test_machine_is_found_by_its_folder_and_stopped(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "one"
    pid = start(answering(tmp_path, "SIG_DFL"), MACHINE, folder)

    assert find(folder) == pid
    assert find(tmp_path) is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stop(folder) is True
    assert (find(folder), stop(folder)) == (None, False)


def test_monitor_answers_and_refuses(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30) / "one"
    start(answering(tmp_path, "SIG_DFL"), MACHINE, folder)

    with Monitor(folder) as monitor:
        answer = monitor.execute("query-status")
        with pytest.raises(RuntimeError, match="nonsense: unknown"):
            monitor.execute("nonsense")
    stop(folder)

    assert answer == 1
    with pytest.raises(OSError, match="Connection refused"):
        Monitor(folder)


def test_machine_that_ignores_the_request_to_end_is_ended(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    start(answering(tmp_path, "SIG_IGN"), MACHINE, folder)

    assert stop(folder, seconds=0.1) is True
    assert find(folder) is None


def test_machine_that_ends_of_itself_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    ending = emulator(tmp_path, "echo done >console")
    ended = run(ending, MACHINE, tmp_path / "one", seconds=60)
    staying = emulator(tmp_path, "sleep 60")
    stayed = run(staying, MACHINE, tmp_path / "two", seconds=0.2)

    assert (ended.ended, stayed.ended) == (True, False)
    assert (tmp_path / "one" / "console").read_text() == "done\n"
    assert find(tmp_path / "two") is None


def test_machine_that_is_run_ends_with_the_process_that_runs_it(tmp_path: Path) -> None:
    staying = emulator(tmp_path, "echo up >console; exec sleep 60 # qemu-system-aarch64")
    folder = tmp_path / "one"
    program = (
        "import sys; from pathlib import Path; from fleetpolicy.emulate.machine import *; "
        "from fleetpolicy.emulate.qemu import Emulator; "
        f"run(Emulator(({staying.command[0]!r},), '10.0'), Machine('max', 1, 1, ()), "
        f"Path({str(folder)!r}), 60)"
    )
    with subprocess.Popen([sys.executable, "-c", program]) as runner:
        while not (folder / "console").exists():
            time.sleep(0.05)
        (pid,) = (
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and _works_in(path, folder)
        )
        runner.kill()

    descriptor = os.pidfd_open(pid)
    try:
        assert select.select([descriptor], [], [], 30)[0]
    finally:
        os.close(descriptor)


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:
        return False


@pytest.mark.shows("FP814")
@pytest.mark.parametrize("begin", [start, partial(run, seconds=60)])
def test_machine_that_does_not_start_is_reported_with_its_words(
    tmp_path: Path, begin: Callable[[Emulator, Machine, Path], object]
) -> None:
    folder = tmp_path / "one"
    refusing = emulator(tmp_path, "echo \"unable to find CPU model 'pentium'\" >&2; exit 1")

    with pytest.raises(FleetPolicyError) as caught:
        begin(refusing, MACHINE, folder)

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id, finding.why) == (
        str(folder / "log"),
        "FP814",
        "unable to find CPU model 'pentium'",
    )


def test_tail_leaves_blank_lines_and_carriage_returns_out(tmp_path: Path) -> None:
    path = tmp_path / "console"
    path.write_text("one\r\n\r\ntwo\r\nthree\r\n\r\n")

    assert tail(path, 2) == "two\nthree"
    assert tail(tmp_path / "none", 2) == ""


@pytest.mark.shows("FP814")
def test_machine_that_ends_without_a_word_is_reported_all_the_same(tmp_path: Path) -> None:
    assert _not_started(tmp_path).diagnostics[0].span.path == str(tmp_path / "log")
