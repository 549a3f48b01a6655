"""Start Ansible: the only package that does, always as a process of its own."""

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
