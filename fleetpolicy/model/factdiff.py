"""Hold what differs between two looks at hosts."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactChange:
    """A value that hosts show differently.

    Args:
        path: Such as facts.kernel.release, or facts.devices[0000:01:00.0].iommuGroup.
        before: As JSON, or a text as it is; None where the value was not there.
        after: The same.
        hosts: Those that changed alike, sorted.
    """

    path: str
    before: str | None
    after: str | None
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactsDifference:
    """What differs between two collections of records.

    Args:
        total: How many hosts both have.
        changes: Sorted by path, the values that most hosts share first.
        added: Hosts that the second alone has, sorted.
        removed: Hosts that the first alone has, sorted.
    """

    total: int
    changes: tuple[FactChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that changed."""
        return frozenset(name for change in self.changes for name in change.hosts)

    @property
    def is_empty(self) -> bool:
        """Whether both are equal."""
        return not (self.changes or self.added or self.removed)
