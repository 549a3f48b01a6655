import os
import signal
import subprocess
import sys
from pathlib import Path

from fleetpolicy.emulate.lock import held_locks, locked

# Holds a lock, starts a program that holds it too, and is killed in the middle of its work.
HOLDER = """
import subprocess, sys
from pathlib import Path
from fleetpolicy.emulate.lock import held_locks, locked
with locked(Path(sys.argv[1])):
    with subprocess.Popen(["sh", "-c", "echo $$; read line; echo > " + sys.argv[1]],
                          stdin=int(sys.argv[2]), pass_fds=held_locks()):
        pass
"""


def test_lock_is_free_again_and_its_file_stays(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with locked(tmp_path / "one" / "place", said.append):
            assert len(held_locks()) == 1

    assert said == []
    assert held_locks() == ()
    assert (tmp_path / "one" / ".place.lock").read_text() == f"{os.getpid()}\n"


def test_lock_of_a_killed_process_is_held_until_what_it_started_has_ended(tmp_path: Path) -> None:
    place = tmp_path / "place"
    reading, writing = os.pipe()
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place), str(reading)],
        stdout=subprocess.PIPE,
        pass_fds=(reading,),
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        holder.send_signal(signal.SIGKILL)
        holder.wait()

        def tell(line: str) -> None:
            said.append(line)
            os.write(writing, b"go on\n")

        with locked(place, tell):
            assert place.exists()
    os.close(reading)
    os.close(writing)

    assert said == [
        f"waiting for process {holder.pid}, or what it started, to be done with {place}"
    ]
