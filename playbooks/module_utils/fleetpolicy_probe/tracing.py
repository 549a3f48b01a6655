# SPDX-License-Identifier: Apache-2.0
"""Learn the roots of stage-2 tables from a kernel probe that watches some threads alone."""

from __future__ import annotations

import contextlib
import os
import re

ROOT = "/sys/kernel/tracing"
FUNCTION = "kvm_pgtable_stage2_map"
PREFIX = "fleetpolicy_"
EVENT = "stage2"


class Watch:
    """A probe on the function that maps stage-2 pages, in a tracing instance of its own.

    Args:
        offsets: Where struct kvm_pgtable has ia_bits, start_level and pgd.
        threads: Those whose mappings count, such as the vCPUs of a VMM; without any, this process.

    Raises:
        OSError: The kernel takes no such probe.
    """

    def __init__(self, offsets: tuple[int, ...], threads: tuple[int, ...] = ()) -> None:
        _clear_leftovers()
        watched = " ".join(map(str, threads or (os.getpid(),)))
        self._name = f"{PREFIX}{os.getpid()}"
        self._folder = f"{ROOT}/instances/{self._name}"
        _, level, root = offsets
        definition = (
            f"p:{self._name}/{EVENT} {FUNCTION}"
            f" level=+{level}(%x0):s8 root=+{root}(%x0):x64 ipa=%x1:x64"
        )
        try:
            _write(f"{ROOT}/kprobe_events", definition, os.O_APPEND)
            os.mkdir(self._folder)
            _write(f"{self._folder}/set_event_pid", watched)
            _write(f"{self._folder}/events/{self._name}/{EVENT}/enable", "1")
        except BaseException:
            self.close()
            raise

    def forget(self) -> None:
        """Drop what was seen so far."""
        _write(f"{self._folder}/trace", "")

    def root(self) -> tuple[int, int] | None:
        """Return kernel address and level of the first table that the last mapping went to."""
        with open(f"{self._folder}/trace") as file:
            found = re.findall(r"level=(-?\d+) root=(0x[0-9a-f]+)", file.read())
        return (int(found[-1][1], 16), int(found[-1][0])) if found else None

    def close(self) -> None:
        """Remove the probe and the instance."""
        _remove(self._name)


def _clear_leftovers() -> None:
    """Remove what a run that was killed has left."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"{ROOT}/instances"):
            pid = name[len(PREFIX) :]
            if name.startswith(PREFIX) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                _remove(name)


def _remove(name: str) -> None:
    folder = f"{ROOT}/instances/{name}"
    with contextlib.suppress(OSError):
        _write(f"{folder}/events/{name}/{EVENT}/enable", "0")
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    with contextlib.suppress(OSError):
        _write(f"{ROOT}/kprobe_events", f"-:{name}/{EVENT}", os.O_APPEND)


def _write(path: str, text: str, flags: int = os.O_TRUNC) -> None:
    # open() would go to the end of a file that it appends to, which these refuse.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags)
        try:
            os.write(descriptor, f"{text}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
