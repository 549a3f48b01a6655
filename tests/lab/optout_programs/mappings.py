# SPDX-License-Identifier: Apache-2.0
"""Do with the mapping of a region what a process can do with mappings."""

import ctypes
import errno
import mmap
import os

from ansible.module_utils.fleetpolicy_probe.measure import OTHER_IPA
from ansible.module_utils.fleetpolicy_probe.system import Area
from ansible.module_utils.optout_programs import answers
from ansible.module_utils.optout_programs.function import libc
from ansible.module_utils.optout_programs.view import CONSENT, PAGE, View, viewed

MAY_MOVE, FIXED = 1, 2
DUMP = 17
"""MADV_DODUMP, which the kernel refuses for special mappings."""
libc.mremap.restype = ctypes.c_void_p
FAILED = ctypes.c_void_p(-1).value


def called(answer: int | None) -> str:
    return errno.errorcode[ctypes.get_errno()] if answer in {-1, FAILED} else "ok"


def change(address: str) -> dict[str, object]:
    """Move, copy, restrict and grow a mapping; return what came of it, and who consents."""
    with viewed(address) as view:
        found: dict[str, object] = {"memattr": view.look()["memattr"]}
        found["child"] = consent_in_child(view)
        found["restricted"] = restricted(view)
        found["grown"] = remapped(view, view.area.size, view.area.size + PAGE, MAY_MOVE)
        found["doubled"] = remapped(view, 0, view.area.size, MAY_MOVE)
        found["dumped"] = called(
            libc.madvise(ctypes.c_void_p(view.area.address), ctypes.c_size_t(PAGE), DUMP)
        )
        found["parts"] = consent_of_parts(view)
    # Older kernels move no mapping that was split.
    with viewed(address) as view:
        found["moved"] = moved(view)
    return found


def remapped(view: View, old: int, new: int, flags: int) -> str:
    sizes = (ctypes.c_size_t(old), ctypes.c_size_t(new))
    return called(libc.mremap(ctypes.c_void_p(view.area.address), *sizes, flags))


def consent_in_child(view: View) -> bool:
    """Tell whether the mapping of a child consents."""
    child = os.fork()
    if not child:
        os._exit(int(view.consents()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def protect(address: int, size: int, protection: int) -> str:
    return called(libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(size), protection))


def restricted(view: View) -> list[object]:
    """Take writing away and give it back; return the answers, and who consents."""
    place, size = view.area.address, view.area.size
    reading = protect(place, size, mmap.PROT_READ)
    without = view.consents()
    writing = protect(place, size, mmap.PROT_READ | mmap.PROT_WRITE)
    return [reading, without, writing, view.consents()]


def consent_of_parts(view: View) -> list[bool]:
    """Split a mapping in two by another protection, and tell which part consents."""
    protect(view.area.address + PAGE, PAGE, mmap.PROT_READ)
    with open("/proc/self/smaps") as file:  # noqa: PTH123 - one read, no seek
        lines = file.read().splitlines()
    protect(view.area.address + PAGE, PAGE, mmap.PROT_READ | mmap.PROT_WRITE)
    inside = [number for number, line in enumerate(lines) if begins_within(line, view.area)]
    flags = (
        next(line for line in lines[number:] if line.startswith("VmFlags")) for number in inside
    )
    return [CONSENT in line.split() for line in flags]


def begins_within(line: str, area: Area) -> bool:
    begin, dash, _ = line.split(" ", 1)[0].partition("-")
    if not dash:
        return False
    return bool(area.address <= int(begin, 16) < area.address + area.size)


def moved(view: View) -> dict[str, object]:
    """Move a mapping; return what the guest gets at its new place."""
    size = view.area.size
    place = Area(size, size)
    try:
        answer = called(
            libc.mremap(
                *(ctypes.c_void_p(view.area.address), ctypes.c_size_t(size)),
                *(ctypes.c_size_t(size), MAY_MOVE | FIXED, ctypes.c_void_p(place.address)),
            )
        )
        view.area.fill()
        slot = view.guest.add_slot(2, OTHER_IPA, size, place.address)
        run, _ = view.guest.touch(OTHER_IPA, fetch=False)
        entry = view.entry(OTHER_IPA)
        consents = CONSENT in place.flags()
        return {"answer": answer, "slot": slot, "run": run, "entry": entry, "consent": consents}
    finally:
        place.close()


def export(address: str) -> dict[str, object]:
    """Export a region as a dma-buf, and try to map that instead of the region."""
    with viewed(address) as view:
        answer, descriptor = answers.export_region(view.function, view.region.index, PAGE)
        if descriptor < 0:
            return {"answer": answer}
        try:
            mmap.mmap(descriptor, PAGE).close()
        except OSError as error:
            return {"answer": answer, "mapped": errno.errorcode[error.errno or 0]}
        else:
            return {"answer": answer, "mapped": "ok"}
        finally:
            os.close(descriptor)
