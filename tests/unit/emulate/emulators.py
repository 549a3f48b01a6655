"""Start processes that are taken for QEMU."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleetpolicy.emulate.qmp import WORDS

_ANSWERS = """
import socket
server = socket.create_server("qmp", family=socket.AF_UNIX)
state = "{state}"
print(flush=True)
while True:
    with server.accept()[0].makefile("rw") as stream:
        print("{{}}", file=stream, flush=True)
        for line in stream:
            if '"cont"' in line:
                state = "running"
            answer = '{{"return": {{"status": "' + state + '"}}}}'
            print(answer, file=stream, flush=True)
"""


@contextmanager
def answering(folder: Path, state: str) -> Iterator[int]:
    """Yield the id of a process whose monitor says that its machine is in a state."""
    command = [sys.executable, "-c", _ANSWERS.format(state=state), *WORDS]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()
