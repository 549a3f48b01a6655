"""Keep what belongs to one emulated host in a private folder, its disk first of all."""

import json
import shutil
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Rule, Span, Subject
from fleetpolicy.emulate.access import identity_files, make_keys
from fleetpolicy.emulate.board import DISK, NVME_BYTES, nvme_files
from fleetpolicy.emulate.cache import need_room, remove
from fleetpolicy.emulate.disk import write_files
from fleetpolicy.emulate.host_rules import NOT_OURS, OTHER_DISK, PROGRAM_FAILED
from fleetpolicy.emulate.image import Image
from fleetpolicy.emulate.programs import Programs
from fleetpolicy.model.emulated import EmulatedHost

_MARKER = "host.json"
_FORMAT = "fleetpolicy emulated host 1"
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
            FleetPolicyError: Something else is in its place.
        """
        if self.path.is_symlink():
            raise self.refusal(NOT_OURS, "it is a symbolic link", "move it away")
        if not self.path.exists():
            return False
        is_empty = self.path.is_dir() and not any(self.path.iterdir())
        if not is_empty and self._marker().get("format") != _FORMAT:
            raise self.refusal(NOT_OURS, f"it has no {_MARKER} of ours", "move it away")
        return True

    @property
    def has_disk(self) -> bool:
        """Whether its disk is there; it appears whole or not at all."""
        return (self.path / DISK).exists()

    @property
    def releases(self) -> tuple[str, ...]:
        """The kernels that its disk was made with."""
        found = self._marker().get("releases")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def make(self, image: Image, machine: EmulatedHost, programs: Programs) -> None:
        """Make what is missing of it.

        Raises:
            FleetPolicyError: There is no room, a program failed, or its disk is of other kernels.
        """
        if not self.is_made or not self._marker():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._mark({"format": _FORMAT})
        make_keys(self.path, self.name)
        for name in nvme_files(machine.devices):
            with (self.path / name).open("ab") as file:
                file.truncate(NVME_BYTES)
        if not self.has_disk:
            self._make_disk(image, programs)
        elif (made := _spell(self._marker())) != (asked := _spell(_content(image))):
            why = f"it was made with {made}, and {asked} is asked for"
            fix = "run: fleetpolicy lab reset, or leave the machine as it was"
            raise self.refusal(OTHER_DISK, why, fix)

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

    def _make_disk(self, image: Image, programs: Programs) -> None:
        need_room(self.path, image.disk.stat().st_blocks * _BLOCK_BYTES + _SPARE_BYTES)
        partial = self.path / f".{DISK}"
        remove(partial)
        done = subprocess.run(  # noqa: S603 words of our own
            ["cp", "--reflink=auto", "--sparse=always", str(image.disk), str(partial)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise self.refusal(PROGRAM_FAILED, done.stderr.strip(), "make room for its disk")
        write_files(programs, partial, identity_files(self.path, self.name, uuid.uuid4().hex))
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
        staged.replace(self.path / _MARKER)


def _content(image: Image) -> dict[str, object]:
    return {"format": _FORMAT, "releases": list(image.releases), "libvirt": image.libvirt}


def _spell(content: dict[str, object]) -> str:
    """Return what a disk was made with, whatever kernel boots first."""
    releases = content.get("releases")
    kernels = sorted(map(str, releases)) if isinstance(releases, list) else []
    return ", ".join([*kernels, *(["libvirt"] if content.get("libvirt") else [])])
