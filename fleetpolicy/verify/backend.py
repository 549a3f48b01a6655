"""Reach hosts through testinfra: real ones by Ansible's inventory, simulated ones in a folder."""

import re
import shlex
from pathlib import Path
from typing import Any

from testinfra import get_host
from testinfra.backend.base import CommandResult
from testinfra.backend.local import LocalBackend
from testinfra.host import Host

_HOST_PATH = re.compile(
    r"""(?<![^\s"'=<>|;&(])/(?=(?:boot|etc|home|opt|proc|root|run|srv|sys|usr|var)(?:/|[\s"';|&)<>]|$))"""
)


class SimulatedBackend(LocalBackend):  # type: ignore[misc] # testinfra is not annotated
    """Run commands on this machine as if a folder were the root of the host.

    An absolute path is taken below the folder, be it an argument or a word of the command; this
    machine's /bin/sh and /dev/null stay what they are.
    A program is looked for in the folder's usr/sbin first. In what a command prints, the folder
    is cut off again, so that a link's target reads as on the host.
    """

    NAME = "simulated"

    def __init__(self, name: str, root: str) -> None:
        super().__init__()
        self.hostname = name
        self.root = str(Path(root).resolve())

    def get_pytest_id(self) -> str:
        """Return the name that tests are shown with."""
        return f"{self.NAME}://{self.hostname}"

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command of the host."""
        del kwargs
        folder = shlex.quote(self.root)
        moved = _HOST_PATH.sub(lambda _: f"{_escaped(folder, args)}/", command)
        text = self.quote(moved, *(self._move(argument) for argument in args))
        result = self.run_local(
            f"PATH={folder}/usr/sbin:$PATH FLEETPOLICY_ROOT={folder}; "
            f"export PATH FLEETPOLICY_ROOT; {text}"
        )
        out, err = self._cut(result.stdout_bytes), self._cut(result.stderr_bytes)
        return self.result(result.rc, result.command, out, err)

    def _move(self, argument: str) -> str:
        inside = argument == self.root or argument.startswith(self.root + "/")
        return self.root + argument if argument.startswith("/") and not inside else argument

    def _cut(self, output: bytes) -> bytes:
        return output.replace(self.root.encode(), b"")


def _escaped(text: str, args: tuple[str, ...]) -> str:
    """Return a text for a command that testinfra formats, which it does only with arguments."""
    return text.replace("%", "%%") if args else text


def simulated_host(name: str, root: str) -> Host:
    """Return a host that is a folder."""
    backend = SimulatedBackend(name, root)
    host = Host(backend)
    backend.set_host(host)
    return host


def emulated_host(name: str, lab: str) -> Host:
    """Return a host of the lab, whose folder says how ssh reaches it."""
    return get_host(f"ssh://{name}", ssh_config=str(Path(lab) / "ssh_config"), timeout=60)


def real_host(name: str, inventory: str) -> Host:
    """Return a host of an Ansible inventory."""
    return get_host(f"ansible://{name}", ansible_inventory=inventory)
