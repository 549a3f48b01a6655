"""Keep what belongs to one emulated host in a private folder, its disk first of all."""

import json
import os
import shutil
import stat
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Rule, Span, Subject
from fleetpolicy.emulate.access import (
    HOST_KEY,
    KEY,
    identity_files,
    lost_keys,
    make_keys,
    write_known,
)
from fleetpolicy.emulate.board import DISK, NVME_BYTES, nvme_files
from fleetpolicy.emulate.cache import remove
from fleetpolicy.emulate.disk import write_files
from fleetpolicy.emulate.host_rules import (
    KEYS_LOST,
    NOT_OURS,
    NOT_PRIVATE,
    OTHER_DISK,
    PROGRAM_FAILED,
)
from fleetpolicy.emulate.image import Image
from fleetpolicy.emulate.lock import held_locks
from fleetpolicy.emulate.programs import Programs
from fleetpolicy.emulate.room import free_at, need_room
from fleetpolicy.model.emulated import EmulatedHost

_MARKER = "host.json"
_KIND = "fleetpolicy emulated host "
_FORMAT = f"{_KIND}1"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_BLOCK_BYTES = 512
_SPARE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class HostFolder:
    """The folder of a host, which may not be there yet.

    Args:
        path: Absolute.
        name: The host's.
    """

    path: Path
    name: str

    @property
    def is_made(self) -> bool:
        """Whether it is there, whole or not.

        Raises:
            FleetPolicyError: Something else is in its place, or it cannot be looked into.
        """
        try:
            return self._is_made()
        except PermissionError as error:
            fix = "run this as the user whom it belongs to, or move it away"
            why = f"it cannot be looked into: {error.strerror}"
            raise self.refusal(NOT_PRIVATE, why, fix) from error

    def _is_made(self) -> bool:
        if self.path.is_symlink():
            raise self.refusal(NOT_OURS, "it is a symbolic link", "move it away")
        if not self.path.exists():
            return False
        is_empty = self.path.is_dir() and not any(self.path.iterdir())
        made = str(self._marker().get("format"))
        if not is_empty and made != _FORMAT:
            if made.startswith(_KIND):
                why = f"another version of fleetpolicy made it: {made}"
                raise self.refusal(NOT_OURS, why, "run that version's: fleetpolicy lab down")
            raise self.refusal(NOT_OURS, f"it has no {_MARKER} of ours", "move it away")
        return True

    @property
    def is_marked(self) -> bool:
        """Whether it is the folder of an emulated host, whatever made it."""
        return str(self._marker().get("format")).startswith(_KIND)

    @property
    def has_disk(self) -> bool:
        """Whether its disk is there; it appears whole or not at all."""
        return (self.path / DISK).exists()

    @property
    def releases(self) -> tuple[str, ...]:
        """The kernels that its disk was made with."""
        found = self._marker().get("releases")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def secure(self) -> None:
        """Refuse a folder that others may look into, and give keys the mode that ssh asks for.

        Raises:
            FleetPolicyError: It is not private.
        """
        found = self.path.stat()
        if found.st_uid != os.geteuid():
            why = f"it belongs to user {found.st_uid}, and {os.geteuid()} runs this"
            raise self.refusal(NOT_PRIVATE, why, "run this as that user, or move it away")
        if found.st_mode & _OTHERS:
            why = f"others may use it: its mode is {stat.S_IMODE(found.st_mode):o}"
            fix = f"chmod 700 {self.path} if nobody else wrote there, else move it away"
            raise self.refusal(NOT_PRIVATE, why, fix)
        for name in (KEY, HOST_KEY):
            if (self.path / name).exists():
                (self.path / name).chmod(0o600)

    def make(self, image: Image, machine: EmulatedHost, programs: Programs) -> None:
        """Make what is missing of it.

        Raises:
            FleetPolicyError: There is no room, a program failed, or its disk is of other kernels.
        """
        if not self.is_made or not self._marker():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark({"format": _FORMAT})
        self.secure()
        for name in nvme_files(machine.devices):
            with (self.path / name).open("ab") as file:
                file.truncate(NVME_BYTES)
        if not self.has_disk:
            make_keys(self.path, self.name)
            self._make_disk(image, programs)
        elif (made := _spell(self._marker())) != (asked := _spell(_content(image))):
            why = f"it was made with {made}, and {asked} is asked for"
            fix = "run: fleetpolicy lab reset, or leave the machine as it was"
            raise self.refusal(OTHER_DISK, why, fix)
        elif lost := lost_keys(self.path):
            why = f"{' and '.join(lost)} cannot be read, and its disk knows no other"
            raise self.refusal(KEYS_LOST, why, "put it back, or run: fleetpolicy lab reset")
        write_known(self.path, self.name)

    def remove(self) -> None:
        """Remove it with all that is in it; its marker goes last."""
        if self.is_made:
            for path in self.path.iterdir():
                if path.name != _MARKER:
                    remove(path)
            shutil.rmtree(self.path)

    def refusal(self, rule: Rule, why: str, fix: str) -> FleetPolicyError:
        """Return a finding about the host."""
        finding = rule.at(Span(str(self.path)), why=why, fix=fix, subject=Subject(self.name))
        return FleetPolicyError(finding)

    def no_room(self, _: Path, why: str) -> FleetPolicyError:
        """Return the finding that something of it cannot be written."""
        fix = "make room there, or give the folder to the user who runs this"
        return self.refusal(PROGRAM_FAILED, why, fix)

    def _make_disk(self, image: Image, programs: Programs) -> None:
        size = image.disk.stat().st_blocks * _BLOCK_BYTES + _SPARE_BYTES
        need_room(self.path, size, self.no_room)
        partial = self.path / f".{DISK}"
        remove(partial)
        done = subprocess.run(  # noqa: S603 words of our own
            ["cp", "--reflink=auto", "--sparse=always", str(image.disk), str(partial)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            pass_fds=held_locks(),
        )
        if done.returncode:
            remove(partial)
            raise self.no_room(self.path, f"{done.stderr.strip()}; {free_at(self.path)}")
        write_files(programs, partial, identity_files(self.path, self.name, uuid.uuid4().hex))
        _sync(partial)
        self._mark(_content(image))
        partial.rename(self.path / DISK)

    def _marker(self) -> dict[str, object]:
        try:
            found = json.loads((self.path / _MARKER).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _mark(self, content: dict[str, object]) -> None:
        staged = self.path / f".{_MARKER}"
        staged.write_text(json.dumps(content) + "\n")
        _sync(staged)
        staged.replace(self.path / _MARKER)


def _content(image: Image) -> dict[str, object]:
    return {"format": _FORMAT, "releases": list(image.releases), "libvirt": image.libvirt}


def _sync(path: Path) -> None:
    """Have a file on the disk before it takes its name, should the power fail."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _spell(content: dict[str, object]) -> str:
    """Return what a disk was made with, whatever kernel boots first."""
    releases = content.get("releases")
    kernels = sorted(map(str, releases)) if isinstance(releases, list) else []
    return ", ".join([*kernels, *(["libvirt"] if content.get("libvirt") else [])])
