"""Mark the places of what is one guest's own in a domain that is rendered once for many."""

import re
from uuid import UUID, uuid5

NAME, IDENTITY = "\ue000", "\ue001"
MAC = "\ue002{}\ue002"
_MAC_MARK = re.compile("\ue002(\\d+)\ue002")
_QEMU_MAC_PREFIX = "52:54:00"
_NAMESPACE = UUID("3d0c8f5e-6a0b-5c43-9a2e-3f6f2f1f7c11")


def fill_in(text: str, host: str, name: str) -> str:
    """Return a domain's text with everything in it that is one guest's own.

    The UUID follows from the names of host and guest, and the MAC addresses from that, so that
    they stay when anything else changes.
    """
    identity = uuid5(_NAMESPACE, f"{host}/{name}")
    own = text.replace(NAME, name).replace(IDENTITY, str(identity))
    return _MAC_MARK.sub(lambda mark: _mac_address(identity, mark[1]), own)


def _mac_address(identity: UUID, number: str) -> str:
    """Return the MAC address of a guest's nth interface, in the range that QEMU draws from."""
    low = uuid5(identity, f"interface {number}").hex[:6]
    return ":".join((_QEMU_MAC_PREFIX, low[:2], low[2:4], low[4:]))
