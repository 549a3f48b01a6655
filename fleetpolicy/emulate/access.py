"""Come into an emulated host over SSH, with keys that the lab makes and both sides know."""

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span, Subject
from fleetpolicy.emulate.host_rules import PROGRAM_FAILED

KEY, HOST_KEY, KNOWN = "key", "host_key", "known_hosts"
CONFIG, PORT = "ssh_config", "port"
_REFUSALS = ("Host key verification failed", "Permission denied (", "Can't open user config file")
_CONFIG = """\
Host {name}
    HostName 127.0.0.1
    Port {port}
    User root
    HostKeyAlias {name}
    IdentityFile "{folder}/key"
    IdentitiesOnly yes
    UserKnownHostsFile "{folder}/known_hosts"
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    BatchMode yes
    ConnectTimeout 30
    LogLevel ERROR
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a command on a host went.

    Args:
        out: What it printed; None when it failed or nobody answered.
        said: The last line of ssh's own words, or of the command's complaint.
    """

    out: str | None
    said: str = ""

    @property
    def is_refusal(self) -> bool:
        """Whether keys or files stand in the way, which waiting does not change."""
        return self.out is None and any(words in self.said for words in _REFUSALS)


def make_keys(folder: Path, name: str) -> None:
    """Make the user's key and the host's, unless they are there and whole.

    Raises:
        FleetPolicyError: ssh-keygen is not there, or failed.
    """
    for file in (KEY, HOST_KEY):
        if not (_is_private(folder / file) and _is_public(folder / f"{file}.pub")):
            for place in (folder / file, folder / f"{file}.pub"):
                place.unlink(missing_ok=True)
            _keygen(folder / file, name)


def write_known(folder: Path, name: str) -> None:
    """Write which key ssh is to accept of the host; its own is there."""
    kind, text, *_ = (folder / f"{HOST_KEY}.pub").read_text().split()
    (folder / KNOWN).write_text(f"{name} {kind} {text}\n")


def lost_keys(folder: Path) -> tuple[str, ...]:
    """Return the keys to enter a host with that are not there, or not whole."""
    found = {
        KEY: _is_private(folder / KEY),
        f"{HOST_KEY}.pub": _is_public(folder / f"{HOST_KEY}.pub"),
    }
    return tuple(name for name, is_there in found.items() if not is_there)


def identity_files(folder: Path, name: str, machine_id: str) -> dict[str, tuple[bytes, int]]:
    """Return what tells a host from others, by path, each with its permission bits."""
    public = (folder / f"{HOST_KEY}.pub").read_bytes()
    return {
        "/etc/hostname": (f"{name}\n".encode(), 0o644),
        "/etc/hosts": (f"127.0.0.1 localhost\n127.0.1.1 {name}\n".encode(), 0o644),
        "/etc/machine-id": (f"{machine_id}\n".encode(), 0o444),
        "/etc/ssh/ssh_host_ed25519_key": ((folder / HOST_KEY).read_bytes(), 0o600),
        "/etc/ssh/ssh_host_ed25519_key.pub": (public, 0o644),
        "/root/.ssh/authorized_keys": ((folder / f"{KEY}.pub").read_bytes(), 0o600),
    }


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def write_config(folder: Path, name: str, port: int) -> None:
    """Write how ssh reaches the host: by its name, with the options -F and this file."""
    # ssh takes % for the beginning of a variable.
    escaped = str(folder).replace("%", "%%")
    config = _CONFIG.format(name=name, port=port, folder=escaped)
    for file, text in ((CONFIG, config), (PORT, f"{port}\n")):
        staged = folder / f".{file}"
        staged.write_text(text)
        staged.replace(folder / file)


def ssh_words(folder: Path, name: str) -> tuple[str, ...]:
    """Return the words that start a session; a command may follow."""
    return ("ssh", "-F", str(folder / CONFIG), name)


def ask(folder: Path, name: str, command: str, seconds: float = 60) -> str | None:
    """Return what a command on the host prints, or None when it fails or nobody answers."""
    return call(folder, name, command, seconds).out


def call(folder: Path, name: str, command: str, seconds: float = 60) -> Reply:
    """Run a command on the host, and return how it went."""
    try:
        done = subprocess.run(  # noqa: S603 words of our own
            [*ssh_words(folder, name), command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except FileNotFoundError:
        return Reply(None, "ssh is not installed")
    except subprocess.TimeoutExpired:
        return Reply(None, f"no answer within {seconds:.0f} s")
    if done.returncode == 0:
        return Reply(done.stdout)
    return Reply(None, next(iter(done.stderr.strip().splitlines()[-1:]), ""))


def _is_private(place: Path) -> bool:
    text = _text(place)
    return text.startswith("-----BEGIN ") and text.endswith("-----\n")


def _is_public(place: Path) -> bool:
    return _text(place).startswith("ssh-ed25519 AAAA")


def _text(place: Path) -> str:
    try:
        return place.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _keygen(place: Path, name: str) -> None:
    program = shutil.which("ssh-keygen")
    why = "ssh-keygen is not installed"
    if program:
        done = subprocess.run(  # noqa: S603 words of our own
            [program, "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(place)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode == 0:
            return
        why = f"ssh-keygen ended with {done.returncode}: {done.stderr.strip()}"
    fix = "install openssh-client, and give the folder to the user who runs fleetpolicy"
    raise FleetPolicyError(
        PROGRAM_FAILED.at(Span(str(place)), why=why, fix=fix, subject=Subject(name))
    )
