# SPDX-License-Identifier: Apache-2.0
"""Replace files so that each is the old one or the new one, and all can be put back."""

from __future__ import annotations

import os
import stat
from types import TracebackType

from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host

FOLDER_MODE = 0o755


class Folder:
    """An open folder that was reached without following a single symbolic link.

    Links are refused because what is behind them is not ours, and on a simulated host could be
    this machine itself.
    """

    def __init__(self, host: Host, path: str, *, create: bool = False) -> None:
        self.created: list[str] = []
        self.descriptor = os.open(host.root, os.O_RDONLY | os.O_DIRECTORY)
        walked = ""
        for name in path.strip("/").split("/"):
            walked += f"/{name}"
            try:
                self._enter(name, walked, create=create)
            except OSError as error:
                os.close(self.descriptor)
                if isinstance(error, FileNotFoundError):
                    raise
                raise AgentError(f"{walked} is no plain folder: {error.strerror}") from error

    def _enter(self, name: str, walked: str, *, create: bool) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        try:
            inner = os.open(name, flags, dir_fd=self.descriptor)
        except FileNotFoundError:
            if not create:
                raise
            os.mkdir(name, FOLDER_MODE, dir_fd=self.descriptor)
            self.created.append(walked)
            inner = os.open(name, flags, dir_fd=self.descriptor)
        os.close(self.descriptor)
        self.descriptor = inner

    def __enter__(self) -> Folder:  # noqa: PYI034 Self is younger than the Pythons of hosts
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self.descriptor)


class Kept:
    """What a file was before it was touched: its bytes and mode, or nothing."""

    def __init__(self, data: bytes | None, mode: int) -> None:
        self.data = data
        self.mode = mode


def read_plain(host: Host, path: str) -> Kept:
    """Return a file as it is.

    Raises:
        AgentError: A link or something else that is no file is in its place.
    """
    folder, name = os.path.split(path)
    try:
        with Folder(host, folder) as opened:
            return _read(opened, name, path)
    except FileNotFoundError:
        return Kept(None, 0)


def _read(folder: Folder, name: str, path: str) -> Kept:
    found = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=False)
    if not stat.S_ISREG(found.st_mode):
        raise AgentError(f"{path} is no plain file; remove it, nothing was changed")
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder.descriptor)
    with os.fdopen(descriptor, "rb") as file:
        return Kept(file.read(), stat.S_IMODE(found.st_mode))


class Change:
    """One file on its way: staged under another name, then moved to its place, or put back."""

    def __init__(self, host: Host, path: str, before: Kept, after: Kept) -> None:
        self.host = host
        self.path = path
        self.before = before
        self.after = after
        self._folder, self._name = os.path.split(path)
        # Neither modprobe, udev, GRUB nor systemd reads names of this form.
        self._staged = f".{self._name}.fleetpolicy-new"
        self._created: list[str] = []

    def stage(self) -> None:
        """Write the new content beside the file, down to the disk."""
        if self.after.data is not None:
            self._write(self.after)

    def commit(self) -> None:
        """Move the new content to its place, or remove the file."""
        with Folder(self.host, self._folder) as folder:
            if self.after.data is None:
                os.unlink(self._name, dir_fd=folder.descriptor)
            else:
                self._move(folder)
            os.fsync(folder.descriptor)

    def restore(self) -> None:
        """Put back what was there, as often as one likes; folders made for it go as well."""
        self.discard()
        if self.before.data is not None:
            self._write(self.before)
            with Folder(self.host, self._folder) as folder:
                self._move(folder)
                os.fsync(folder.descriptor)
        elif self.host.exists(self.path):
            with Folder(self.host, self._folder) as folder:
                os.unlink(self._name, dir_fd=folder.descriptor)
                os.fsync(folder.descriptor)
        for path in reversed(self._created):
            if not self.host.names(path):
                os.rmdir(self.host.path(path))
        self._created = []

    def discard(self) -> None:
        """Remove what was staged."""
        try:
            with Folder(self.host, self._folder) as folder:
                os.unlink(self._staged, dir_fd=folder.descriptor)
        except FileNotFoundError:
            pass

    def _move(self, folder: Folder) -> None:
        os.rename(
            self._staged, self._name, src_dir_fd=folder.descriptor, dst_dir_fd=folder.descriptor
        )

    def _write(self, kept: Kept) -> None:
        self.discard()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with Folder(self.host, self._folder, create=True) as folder:
            self._created += folder.created
            descriptor = os.open(self._staged, flags, 0o600, dir_fd=folder.descriptor)
            with os.fdopen(descriptor, "wb") as file:
                file.write(kept.data or b"")
                file.flush()
                os.fchmod(file.fileno(), kept.mode)
                os.fsync(file.fileno())


def replace_files(changes: list[Change]) -> None:
    """Write every new content first, and then move each to its place."""
    for change in changes:
        change.stage()
    for change in changes:
        change.commit()


def restore_files(changes: list[Change]) -> None:
    """Put back what was there, the last change first."""
    for change in reversed(changes):
        change.restore()
