"""Drive a fleet through the command line, and keep a transcript of it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FLEET = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: lab}
spec: {memoryMapping: {default: normal-nc}}
"""
PLATFORM = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: PlatformProfile
metadata: {name: qemu-virt}
spec:
  match: {vendor: QEMU}
  containment: {attested: true, by: the lab}
  source: QEMU's virt machine, where an error of a device's transaction reaches nobody
"""


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Story:
    """A fleet that the lab runs.

    Args:
        fleet: Its folder.
        name: Of the transcript, in .cache.
        before: Words before each command line, such as env.
    """

    fleet: Path
    name: str
    before: tuple[str, ...] = ()

    @property
    def transcript(self) -> Path:
        """What was said, and how long it took."""
        return ROOT / ".cache" / f"{self.name}.txt"

    def begin(self) -> None:
        """Begin a new transcript."""
        self.transcript.parent.mkdir(exist_ok=True)
        self.transcript.unlink(missing_ok=True)

    def command(self, *words: str) -> list[str]:
        """Return the command line of fleetpolicy on the fleet, to be run beside it."""
        at = 2 if words[0] in {"facts", "lab"} else 1
        shown = ["fleetpolicy", *words[:at], "-i", self.fleet.name, *words[at:]]
        return [*self.before, sys.executable, "-m", *shown]

    def run(self, *words: str, given: Path | None = None) -> Said:
        """Run fleetpolicy on the fleet, with a file as its standard input, or nothing."""
        command = self.command(*words)
        shown = command[command.index("fleetpolicy") :]
        began = time.monotonic()
        with (given or Path(os.devnull)).open("rb") as file:
            done = subprocess.run(
                command,
                cwd=self.fleet.parent,
                stdin=file,
                capture_output=True,
                text=True,
                check=False,
            )
        seconds = time.monotonic() - began
        with self.transcript.open("a") as transcript:
            transcript.write(f"$ {' '.join(shown)}\n{done.stderr}{done.stdout}")
            transcript.write(f"[status {done.returncode}, {seconds:.1f} s]\n\n")
        return Said(done.returncode, done.stdout, done.stderr)

    def on(self, host: str, command: str, given: Path | None = None) -> str:
        """Run a command on a host, a file as its standard input, and return what it printed."""
        said = self.run("lab", "ssh", host, command, given=given)
        assert said.status == 0, said.err
        return said.out

    def driver_of(self, host: str, address: str) -> str:
        """Return the driver that a PCI function of a host is bound to."""
        link = self.on(host, f"readlink /sys/bus/pci/devices/{address}/driver")
        return link.strip().rpartition("/")[2]

    def record(self, host: str) -> dict[str, Any]:
        """Return the recorded facts of a host."""
        found: dict[str, Any] = json.loads((self.fleet / "facts" / f"{host}.json").read_text())
        return found


@contextmanager
def emulated(
    folder: Path, name: str, hosts: str, policy: str, before: tuple[str, ...] = ()
) -> Iterator[Story]:
    """Yield a fleet that is laid out below a folder; its hosts are ended whatever happens."""
    fleet = folder / "lab"
    (fleet / "policies").mkdir(parents=True)
    (fleet / "hosts.yaml").write_text(hosts)
    (fleet / "policies/fleet.yaml").write_text(policy)
    made = Story(fleet, name, before)
    made.begin()
    try:
        yield made
    finally:
        made.run("lab", "down")
