# SPDX-License-Identifier: Apache-2.0
"""Reach the files and programs of a host, be it this machine or a folder that stands for one."""

from __future__ import annotations

import os
import subprocess

PROBE_TIMEOUT_SECONDS = 30
COMMAND_TIMEOUT_SECONDS = 900
MOST_WORDS = 2000


class AgentError(Exception):
    """Something that the operator has to know; the host is as it was before."""


class Host:
    """A host below a root.

    The root "/" is this machine. Any other folder is a simulated host: the same paths are read
    below it, and a program NAME is its own usr/sbin/NAME, told where it lives by FLEETPOLICY_ROOT.
    """

    def __init__(self, root: str) -> None:
        if not os.path.isabs(root):
            raise AgentError(f"root {root} is not an absolute path")
        self.root = os.path.realpath(root)
        self.is_simulated = self.root != "/"
        if not os.path.isdir(self.root):
            raise AgentError(f"root {root} does not exist; build the simulated host first")

    def path(self, path: str) -> str:
        """Return where an absolute path of the host really is."""
        return self.root + path if self.is_simulated else path

    def data(self, path: str) -> bytes | None:
        """Return a file's bytes, or None when it cannot be read."""
        try:
            with open(self.path(path), "rb") as file:
                return file.read()
        except OSError:
            return None

    def text(self, path: str) -> str | None:
        """Return a file's text, or None when it cannot be read."""
        data = self.data(path)
        return None if data is None else data.decode("utf-8", "replace")

    def line(self, path: str) -> str | None:
        """Return a file's text without the blanks around it, or None when it cannot be read."""
        text = self.text(path)
        return None if text is None else text.strip()

    def exists(self, path: str) -> bool:
        """Return whether something is there."""
        return os.path.exists(self.path(path))

    def names(self, path: str) -> list[str]:
        """Return the names in a folder, sorted; none when it cannot be read."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError:
            return []

    def target(self, path: str) -> str | None:
        """Return the last name of what a symbolic link points to, or None without a link."""
        try:
            return os.path.basename(os.readlink(self.path(path)))
        except OSError:
            return None

    def resolved(self, path: str) -> str | None:
        """Return the host's own path of a thing with every link followed, or None without it."""
        real = os.path.realpath(self.path(path))
        if not os.path.exists(real):
            return None
        return real[len(self.root) :] if self.is_simulated else real

    def run(
        self, *argv: str, timeout: int = PROBE_TIMEOUT_SECONDS
    ) -> subprocess.CompletedProcess[str] | None:
        """Run a program of the host; return None when it is not there or does not end in time."""
        program, *arguments = argv
        environment = {**os.environ, "LC_ALL": "C"}
        environment["PATH"] = environment.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
        environment.setdefault("LIBVIRT_DEFAULT_URI", "qemu:///system")
        if self.is_simulated:
            program = f"{self.root}/usr/sbin/{program}"
            environment["FLEETPOLICY_ROOT"] = self.root
        try:
            return subprocess.run(
                [program, *arguments],
                capture_output=True,
                check=False,
                env=environment,
                errors="replace",
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=timeout,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None

    def failure(self, *argv: str) -> str:
        """Run a program that changes the host, and return how it failed; empty when it did not."""
        done = self.run(*argv, timeout=COMMAND_TIMEOUT_SECONDS)
        if done is None:
            return f"{argv[0]} is not there or did not end"
        if not done.returncode:
            return ""
        words = (done.stderr or done.stdout).strip()[-MOST_WORDS:]
        return f"{' '.join(argv)} failed ({done.returncode}): {words}"

    def output(self, *argv: str) -> str | None:
        """Return what a program printed, or None when it is not there or failed."""
        done = self.run(*argv)
        return done.stdout if done is not None and done.returncode == 0 else None
