"""Start Ansible: the only package that does, always as a process of its own."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetpolicy.runner.event import DONE_WELL, RunEvent
    from fleetpolicy.runner.inventory import InventoryReading, InventoryRequest, read_inventory
    from fleetpolicy.runner.playbook import PlaybookResult, PlaybookRun, RunOptions, run_playbook

__all__ = [
    "DONE_WELL",
    "InventoryReading",
    "InventoryRequest",
    "PlaybookResult",
    "PlaybookRun",
    "RunEvent",
    "RunOptions",
    "read_inventory",
    "run_playbook",
]

_NAMES = {
    "event": (
        "DONE_WELL",
        "RunEvent",
    ),
    "inventory": (
        "InventoryReading",
        "InventoryRequest",
        "read_inventory",
    ),
    "playbook": (
        "PlaybookResult",
        "PlaybookRun",
        "RunOptions",
        "run_playbook",
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load what is asked for: an inventory is read often, and a playbook run seldom."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
