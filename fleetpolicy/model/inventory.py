"""Hold what Ansible says of a fleet's hosts."""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.simulated import SimulatedHost


class InventoryHost(Struct, frozen=True):
    """A host of the inventory; a Struct as there are thousands.

    Args:
        groups: Every group that it is in, `all` included, sorted.
        labels: The host variable fleetpolicy_labels.
        root: Folder that stands for / on a simulated host; "/" on any other.
        simulated: Its model, or None for a host that exists.
        emulated: Its machine, or None for a host that is none of the lab's.
        lab: Folder that the lab keeps an emulated host in; empty for any other.
    """

    name: str
    groups: tuple[str, ...]
    labels: Mapping[str, str]
    root: str
    simulated: SimulatedHost | None
    emulated: EmulatedHost | None = None
    lab: str = ""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The hosts of a fleet, by name, and which of them each pattern means.

    Args:
        source: The inventory's path, as the user named it.
        hosts: Sorted by name, those that --limit leaves.
        names: Every host's name, whatever --limit says.
        groups: Every group's name.
        patterns: Pattern to the names that Ansible takes it to mean.
        remarks: What Ansible warned of, sorted.
        lab: The folder that holds those of emulated hosts.
    """

    source: Span
    hosts: Mapping[str, InventoryHost]
    names: frozenset[str]
    groups: frozenset[str]
    patterns: Mapping[str, frozenset[str]]
    remarks: tuple[Diagnostic, ...] = ()
    lab: str = ""
