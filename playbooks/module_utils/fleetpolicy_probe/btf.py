# SPDX-License-Identifier: Apache-2.0
"""Find where a structure of the running kernel has its members, by the kernel's own types."""

from __future__ import annotations

import struct

BTF = "/sys/kernel/btf/vmlinux"
HEADER = struct.Struct("<HBBIIIII")
MEMBER = struct.Struct("<III")
MAGIC = 0xEB9F
BIT_OFFSET = 0xFFFFFF


def find_run(types: bytes, names: tuple[str, ...]) -> tuple[int, ...] | None:
    """Return the offsets of members that follow each other under these names.

    A structure within another, which later kernels use here, has its members in a run of their own
    all the same; each name is in the type data once.

    Args:
        types: The whole of /sys/kernel/btf/vmlinux.
        names: In the order of the structure.

    Returns:
        Bytes, or None where no structure has such a run, or more than one has.

    Source:
        Documentation/bpf/btf.rst, struct btf_member
    """
    magic, _, _, header, type_start, type_size, name_start, name_size = HEADER.unpack_from(types)
    if magic != MAGIC:
        return None
    text = types[header + name_start : header + name_start + name_size]
    places = [text.find(b"\0" + name.encode() + b"\0") + 1 for name in names]
    if 0 in places:
        return None
    body = types[header + type_start : header + type_start + type_size]
    runs = set(_runs(body, places))
    return runs.pop() if len(runs) == 1 else None


def _runs(body: bytes, places: list[int]) -> list[tuple[int, ...]]:
    found = []
    first = struct.pack("<I", places[0])
    length = MEMBER.size * len(places)
    position = body.find(first)
    while position >= 0:
        if position % 4 == 0 and position + length <= len(body):
            members = [
                MEMBER.unpack_from(body, position + MEMBER.size * number)
                for number in range(len(places))
            ]
            if [member[0] for member in members] == places:
                found.append(tuple((member[2] & BIT_OFFSET) // 8 for member in members))
        position = body.find(first, position + 1)
    return found
