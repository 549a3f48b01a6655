# SPDX-License-Identifier: Apache-2.0
"""Show the first region of a function to a guest, and read what KVM has installed for it."""

import ctypes
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ansible.module_utils.fleetpolicy_probe.guest import Guest
from ansible.module_utils.fleetpolicy_probe.measure import REGION_IPA, Reader
from ansible.module_utils.fleetpolicy_probe.system import Area
from ansible.module_utils.optout_programs.function import Function

CONSENT = "??"
"""VM_ALLOW_ANY_UNCACHED as smaps shows it: a flag that has no letters."""


class View:
    """A region of a function as its VMM and its guest have it.

    Args:
        function: Open; its first region that can be mapped is shown.
        stack: Closes what is opened here.
    """

    def __init__(self, function: Function, stack: ExitStack) -> None:
        self.function = function
        self.region = next(item for item in function.regions() if item.length >= PAGE)
        self.area = Area(self.region.length, 1 << self.region.length.bit_length() - 1)
        stack.callback(self.area.close)
        self.area.map(function.file, self.region.offset)
        self.guest = Guest()
        stack.callback(self.guest.close)
        self.guest.add_slot(1, REGION_IPA, self.area.size, self.area.address)
        self._reader = Reader(stack)

    def look(self) -> dict[str, object]:
        """Let the guest load from the region, and return what was installed for that."""
        run, _ = self.guest.touch(REGION_IPA, fetch=False)
        return {"run": run, **self.installed()}

    def entry(self, ipa: int) -> dict[str, object]:
        """Return what stage 2 has for an address of the guest."""
        found: dict[str, object] = self._reader.entry(ipa)
        return found

    def installed(self) -> dict[str, object]:
        """Return what stage 2 has, and whether the VMM's mapping consents to Normal-NC."""
        entry = self.entry(REGION_IPA)
        kept = {name: entry.get(name) for name in ("memattr", "descriptor")}
        return {**kept, "valid": "memattr" in entry, "consent": self.consents()}

    def consents(self) -> bool:
        return CONSENT in self.area.flags()

    def physical(self) -> bool:
        """Tell whether the entry leads to the region."""
        wanted = self.function.physical(self.region.index) + self.region.start
        return self.entry(REGION_IPA).get("output") == f"{wanted:#x}"


PAGE = os.sysconf("SC_PAGE_SIZE")


@contextmanager
def viewed(address: str, words: str = "") -> Iterator[View]:
    """Yield a view of a function that is opened for it."""
    with viewing(Function(address, words)) as view:
        yield view


@contextmanager
def viewing(function: Function) -> Iterator[View]:
    """Yield a view of a function, which is closed after it."""
    with ExitStack() as stack:
        stack.callback(function.close)
        yield View(function, stack)


def access(address: int) -> str:
    """Return what a load from an address of this process ends with: ok, or a signal's name."""
    child = os.fork()
    if not child:
        signal.signal(signal.SIGBUS, signal.SIG_DFL)
        ctypes.c_uint32.from_address(address).value  # noqa: B018 - the load is all
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "ok"
