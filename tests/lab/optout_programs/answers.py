# SPDX-License-Identifier: Apache-2.0
"""Ask a VFIO device what can be asked, and return its answers as they are."""

import errno
import os
import struct
from fcntl import ioctl

from ansible.module_utils.optout_programs.function import Function, attempt

GET_INFO, GET_REGION_INFO, GET_IRQ_INFO, SET_IRQS = 0x3B6B, 0x3B6C, 0x3B6D, 0x3B6E
RESET, GET_HOT_RESET_INFO, HOT_RESET, FEATURE = 0x3B6F, 0x3B70, 0x3B71, 0x3B75
FEATURE_GET, FEATURE_SET, FEATURE_PROBE = 1 << 16, 1 << 17, 1 << 18
VF_TOKEN, LOW_POWER_ENTRY, LOW_POWER_EXIT, DMA_BUF = 0, 3, 5, 11
FEATURES = 16
REGIONS, IRQS = 9, 5
ERROR_IRQ = 3
DATA_EVENTFD, ACTION_TRIGGER = 1 << 2, 1 << 5
DEPENDENTS = 64


def identity(function: Function) -> dict[str, object]:
    """Return what a device says of itself: flags, regions, interrupts, features."""
    info = bytearray(struct.pack("=IIIIII", 24, 0, 0, 0, 0, 0))
    ioctl(function.file, GET_INFO, info)
    return {
        "device": list(struct.unpack("=IIII", info[:16]))[1:],
        "regions": [_region(function, index) for index in range(REGIONS)],
        "irqs": [_irq(function, index) for index in range(IRQS)],
        "features": {
            name: [feature(function, flag | FEATURE_PROBE | number) for number in range(FEATURES)]
            for name, flag in (("get", FEATURE_GET), ("set", FEATURE_SET))
        },
    }


def _region(function: Function, index: int) -> object:
    info = bytearray(struct.pack("=IIIIQQ", 32, 0, index, 0, 0, 0))
    answer = attempt(ioctl, function.file, GET_REGION_INFO, info)
    _, flags, _, _, size, offset = struct.unpack("=IIIIQQ", info)
    return [answer, flags, size, offset]


def _irq(function: Function, index: int) -> object:
    info = bytearray(struct.pack("=IIII", 16, 0, index, 0))
    answer = attempt(ioctl, function.file, GET_IRQ_INFO, info)
    _, flags, _, count = struct.unpack("=IIII", info)
    return [answer, flags, count]


def feature(function: Function, flags: int, data: bytes = b"") -> str:
    """Return ok, or the name of the error that a VFIO_DEVICE_FEATURE ends with."""
    request = bytearray(struct.pack("=II", 8 + len(data), flags) + data)
    answer: str = attempt(ioctl, function.file, FEATURE, request)
    return answer


def set_token(function: Function, token: bytes) -> str:
    """Set the token that virtual functions are opened with: ok, or the name of the error."""
    return feature(function, FEATURE_SET | VF_TOKEN, token)


def reset(function: Function) -> str:
    """Reset a device alone: ok, or the name of the error."""
    answer: str = attempt(ioctl, function.file, RESET)
    return answer


def dependents(function: Function) -> dict[str, object]:
    """Return what a hot reset would reset: groups and addresses."""
    size = 12 + 8 * DEPENDENTS
    info = bytearray(struct.pack("=III", size, 0, 0).ljust(size, b"\0"))
    answer = attempt(ioctl, function.file, GET_HOT_RESET_INFO, info)
    count = struct.unpack_from("=I", info, 8)[0]
    entries = [struct.unpack_from("=IHBB", info, 12 + 8 * place) for place in range(count)]
    return {"answer": answer, "devices": [list(entry) for entry in entries]}


def dependents_in_too_little(function: Function) -> list[object]:
    """Ask for the same without room for an answer."""
    info = bytearray(struct.pack("=III", 12, 0, 0))
    return [attempt(ioctl, function.file, GET_HOT_RESET_INFO, info), *struct.unpack("=III", info)]


def hot_reset(function: Function, groups: list[int]) -> str:
    """Reset a device with all that depends on it: ok, or the name of the error."""
    size = 12 + 4 * len(groups)
    request = struct.pack(f"=III{len(groups)}i", size, 0, len(groups), *groups)
    answer: str = attempt(ioctl, function.file, HOT_RESET, request)
    return answer


def watch_errors(function: Function) -> int:
    """Return the descriptor that becomes readable when the device reports an error."""
    event = os.eventfd(0, os.EFD_NONBLOCK)
    flags = DATA_EVENTFD | ACTION_TRIGGER
    ioctl(function.file, SET_IRQS, struct.pack("=IIIIIi", 24, flags, ERROR_IRQ, 0, 1, event))
    return event


def export_region(function: Function, index: int, length: int) -> tuple[str, int]:
    """Export a region as a dma-buf: ok and its descriptor, or the name of the error and -1."""
    about = struct.pack("=IIIIQQ", index, os.O_RDWR | os.O_CLOEXEC, 0, 1, 0, length)
    request = bytearray(struct.pack("=II", 8 + len(about), FEATURE_GET | DMA_BUF) + about)
    try:
        return "ok", ioctl(function.file, FEATURE, request)
    except OSError as error:
        return errno.errorcode[error.errno or 0], -1
