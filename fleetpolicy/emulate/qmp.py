"""Speak to a running machine through QEMU's monitor."""

import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SOCKET = "qmp"
WORDS = ("-qmp", f"unix:{SOCKET},server=on,wait=off")
"""Make QEMU listen there; they also tell our QEMUs from other processes."""
_ANSWER_SECONDS = 30.0


class Monitor:
    """A session with the machine of a folder, from its greeting on.

    Args:
        folder: That of the machine.
        seconds: How long to wait for each answer.

    Raises:
        OSError: Nobody answers.

    Source:
        QEMU, docs/interop/qmp-spec.rst.
    """

    def __init__(self, folder: Path, seconds: float = _ANSWER_SECONDS) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(seconds)
            _connect(self._socket, folder)
            self._stream = self._socket.makefile("rw", encoding="utf-8")
            self._stream.readline()
            self.execute("qmp_capabilities")
        except BaseException:
            self._socket.close()
            raise

    def execute(self, command: str, **arguments: object) -> Any:
        """Return what a command answers.

        Raises:
            OSError: The machine is gone.
            RuntimeError: QEMU refuses the command, with its words.
        """
        request = {"execute": command, "arguments": arguments}
        self._stream.write(json.dumps(request) + "\n")
        self._stream.flush()
        for line in self._stream:
            reply = json.loads(line)
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
        raise ConnectionResetError("the machine ended")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        self._socket.close()


def _connect(connection: socket.socket, folder: Path) -> None:
    """Connect by a short name: a socket's may not be longer than 107 bytes."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connection.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
    finally:
        os.close(descriptor)
