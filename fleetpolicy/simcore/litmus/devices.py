"""Say what a model of a peripheral has to answer, and model plain registers."""

from dataclasses import dataclass
from typing import Protocol

State = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class View:
    """Hold what a device model judges.

    Args:
        state: The device's state.
        reads: Location, agent and value of each finished read, in program order.
        finished: Whether every access of the program has been made.
        dirty: Locations whose latest value sits in a cache only.
    """

    state: State
    reads: tuple[tuple[str, str, int], ...]
    finished: bool
    dirty: frozenset[str]


class DeviceModel(Protocol):
    """Behave like a peripheral.

    `locations` are in the order of their addresses; those of one of `lines` share a cache line.
    `read_sensitive` names those whose reading changes the state.
    """

    @property
    def name(self) -> str:
        """Return what a trace calls the peripheral."""

    @property
    def locations(self) -> tuple[str, ...]:
        """Return the locations by rising address."""

    @property
    def read_sensitive(self) -> frozenset[str]:
        """Return the locations whose reading has a side effect."""

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """Return the locations that share cache lines."""

    @property
    def posted(self) -> bool:
        """Tell whether writes are acknowledged before they arrive."""

    def initial(self) -> State:
        """Return the state before the program."""

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:
        """Return every state and value that a read may lead to."""

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:
        """Return the state after one write transaction to neighbouring locations."""

    def holds(self, state: State, location: str) -> int:
        """Return the value that has arrived at a location."""

    def harm(self, view: View) -> str:
        """Return what went wrong, or an empty string."""


@dataclass(frozen=True, slots=True)
class Registers:
    """Hold plain registers; a model refines what it does otherwise."""

    locations: tuple[str, ...]
    name: str = "registers"
    read_sensitive: frozenset[str] = frozenset()
    posted: bool = True

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """Return a line for each location."""
        return tuple((location,) for location in self.locations)

    def initial(self) -> State:
        """Return zero in every register."""
        return (0,) * len(self.locations)

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:
        """Return the register's value."""
        return ((state, state[self.locations.index(location)]),)

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:
        """Set the registers, by rising address."""
        values = list(state)
        for location, value in writes:
            values[self.locations.index(location)] = value
        return tuple(values)

    def holds(self, state: State, location: str) -> int:
        """Return the register's value."""
        return state[self.locations.index(location)]

    def harm(self, view: View) -> str:  # noqa: ARG002 - registers come to no harm
        """Return nothing: registers are content with anything."""
        return ""
