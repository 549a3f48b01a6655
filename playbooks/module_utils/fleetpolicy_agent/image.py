# SPDX-License-Identifier: Apache-2.0
"""Read the initramfs that the next boot uses: copies of our files, and modules that matter."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import os
import re
import subprocess
from typing import IO

from ansible.module_utils.fleetpolicy_agent.host import Host

MODPROBE = "/etc/modprobe.d/fleetpolicy.conf"
RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"
OF_SIMULATED_HOSTS = "fleetpolicy lab initramfs 1"
COPIES = re.compile(r"(?:etc|usr/lib|lib)/(?:modprobe\.d|udev/rules\.d)/[^/]*fleetpolicy[^/]*\Z")
MODULE = re.compile(r"([\w-]+)\.ko(?:\.\w+)?\Z")
HEADER_SIZE = 110
TRAILER = "TRAILER!!!"
PLAIN = (b"070701", b"070702")
# Of those that the kernel takes, the ones that Python has no module for.
PROGRAMS = {b"\x28\xb5\x2f\xfd": ("zstd", "-dc"), b"\x02\x21\x4c\x18": ("lz4", "-dc")}
MOST_CONTENT = 1 << 20


class UnreadableError(Exception):
    """The image is damaged, or of a form that is not known here."""


def images_of(release: str) -> tuple[str, ...]:
    """Return where a kernel's image can be."""
    return (f"/boot/initrd.img-{release}", f"/boot/initramfs-{release}.img")


def image_state(host: Host, paths: tuple[str, ...], natives: set[str]) -> dict[str, object] | None:
    """Return what concerns us in an image; None without an image, or when it is unreadable.

    Args:
        host: Whose image.
        paths: Where it can be.
        natives: Native drivers of the host's devices, whose presence matters too.

    Source:
        Documentation/driver-api/early-userspace/buffer-format.rst (Linux)
    """
    path = next((path for path in paths if host.exists(path)), None)
    if path is None:
        return None
    try:
        found = _stand_in(host, path) if host.is_simulated else read_image(host.path(path))
    except (OSError, EOFError, ValueError, lzma.LZMAError, UnreadableError):
        return None
    copies, names = found
    files = {}
    for place in (MODPROBE, RULES):
        name = os.path.basename(place)
        content = next((data for copy, data in copies if os.path.basename(copy) == name), None)
        if content is not None:
            files[place] = hashlib.sha256(content).hexdigest()
    mattering = {name for name in names if "vfio" in name or name in natives}
    return {"files": files, "modules": sorted(mattering), "path": path}


def _stand_in(host: Host, path: str) -> tuple[list[tuple[str, bytes]], set[str]]:
    """Read the form in which simulated hosts keep an image."""
    image = json.loads(host.text(path) or "")
    if not isinstance(image, dict) or image.get("format") != OF_SIMULATED_HOSTS:
        raise UnreadableError(path)
    texts = {**image["modprobe.d"], **image["rules.d"]}
    return [(name, text.encode()) for name, text in texts.items()], set(image["modules"])


def read_image(path: str) -> tuple[list[tuple[str, bytes]], set[str]]:
    """Return the copies of our files in an image, as path and content, and its modules' names.

    Raises:
        UnreadableError: It is damaged, or compressed in a way that nothing here takes apart.
    """
    copies: list[tuple[str, bytes]] = []
    names: set[str] = set()
    with open(path, "rb", buffering=0) as file:
        while True:
            start = file.seek(_skip_zeros(file))
            magic = file.read(6)
            file.seek(start)
            if not magic:
                return copies, names
            if magic in PLAIN:
                _read_archive(_Counted(file), copies, names)
            else:
                # What follows a compressed archive cannot be told from it; generators put it last.
                _read_compressed(file, magic, copies, names)
                return copies, names


def _skip_zeros(file: IO[bytes]) -> int:
    """Return the place of the first byte that is not zero."""
    while True:
        start = file.tell()
        block = file.read(4096)
        rest = block.lstrip(b"\0")
        if rest or not block:
            return start + len(block) - len(rest)


def _read_compressed(
    file: IO[bytes], magic: bytes, copies: list[tuple[str, bytes]], names: set[str]
) -> None:
    command = PROGRAMS.get(magic[:4])
    if command:
        with subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as program:
            try:
                if program.stdout:
                    _read_archive(_Counted(program.stdout), copies, names)
            finally:
                program.kill()
        return
    openers = {
        b"\x1f\x8b": gzip.GzipFile,
        b"\xfd7": lzma.LZMAFile,
        b"\x5d\x00": lzma.LZMAFile,
        b"BZ": bz2.BZ2File,
    }
    opener = openers.get(magic[:2])
    if opener is None:
        raise UnreadableError(magic.hex())
    stream = gzip.GzipFile(fileobj=file) if opener is gzip.GzipFile else opener(file)
    with stream:
        _read_archive(_Counted(stream), copies, names)


class _Counted:
    """A stream that says how much of it was read, and reads all that is asked for."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.offset = 0

    def take(self, size: int) -> bytes:
        """Return so many bytes.

        Raises:
            UnreadableError: The stream ends before.
        """
        parts = []
        while size:
            part = self._stream.read(min(size, 1 << 20))
            if not part:
                raise UnreadableError("the archive ends early")
            parts.append(part)
            size -= len(part)
            self.offset += len(part)
        return b"".join(parts)

    def align(self) -> None:
        """Go to the next multiple of four bytes."""
        self.take(-self.offset % 4)


def _read_archive(stream: _Counted, copies: list[tuple[str, bytes]], names: set[str]) -> None:
    """Read one archive up to its trailer."""
    while True:
        header = stream.take(HEADER_SIZE)
        if header[:6] not in PLAIN:
            raise UnreadableError("no header of an entry")
        fields = [int(header[at : at + 8], 16) for at in range(6, HEADER_SIZE, 8)]
        size, length = fields[6], fields[11]
        name = stream.take(length)[:-1].decode("utf-8", "surrogateescape").lstrip("./")
        stream.align()
        if name == TRAILER:
            return
        module = MODULE.match(os.path.basename(name))
        if module:
            names.add(module.group(1).replace("-", "_"))
        if COPIES.match(name) and size <= MOST_CONTENT:
            copies.append((name, stream.take(size)))
        else:
            _pass_over(stream, size)
        stream.align()


def _pass_over(stream: _Counted, size: int) -> None:
    while size:
        size -= len(stream.take(min(size, 1 << 20)))
