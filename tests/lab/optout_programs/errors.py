# SPDX-License-Identifier: Apache-2.0
"""Inject errors that PCI Express would report, and see who is told."""

import os
import select
import struct
import time
from pathlib import Path

from ansible.module_utils.optout_programs import answers
from ansible.module_utils.optout_programs.function import attempt
from ansible.module_utils.optout_programs.view import viewed

INJECT = Path("/dev/aer_inject")
COMPLETION_TIMEOUT = 1 << 14
"""An uncorrectable error that is not fatal."""
RECEIVER_ERROR = 1
SECONDS = 10.0


def inject(address: str, uncorrectable: int, correctable: int) -> str:
    """Inject an error: ok, or the name of the error.

    Source:
        Linux, drivers/pci/pcie/aer_inject.c, struct aer_error_inj
    """
    domain, bus, rest = address.split(":")
    device, function = rest.split(".")
    place = (int(bus, 16), int(device, 16), int(function))
    logs = (0, 1, 2, 3)
    told = struct.pack("=BBBxIIIIIII", *place, uncorrectable, correctable, *logs, int(domain, 16))
    answer: str = attempt(INJECT.write_bytes, told)
    return answer


def signalled(event: int, seconds: float) -> int:
    """Return how often an event descriptor was signalled, once it was or the time is over."""
    ready, _, _ = select.select([event], [], [], seconds)
    if not ready:
        return 0
    time.sleep(0.5)
    return os.eventfd_read(event)


def report(address: str) -> dict[str, object]:
    """Inject errors into an open device that listens, then into one that does not."""
    with viewed(address) as view:
        before = view.look()
        event = answers.watch_errors(view.function)
        try:
            found: dict[str, object] = {
                "uncorrectable": inject(address, COMPLETION_TIMEOUT, 0),
                "signals": signalled(event, SECONDS),
                "correctable": inject(address, 0, RECEIVER_ERROR),
                "signalsOfCorrectable": signalled(event, 2.0),
            }
        finally:
            os.close(event)
        after = view.look()
    return {**found, "before": before, "after": after, "closed": inject_closed(address)}


def inject_closed(address: str) -> str:
    answer = inject(address, COMPLETION_TIMEOUT, 0)
    time.sleep(1)
    return answer
