"""Model peripherals that notice how accesses arrive."""

from dataclasses import dataclass
from typing import Final

from fleetpolicy.simcore.litmus.devices import Registers, State, View
from fleetpolicy.simcore.litmus.program import GUEST

ALL_ONES: Final = 0xFFFF_FFFF
IN_BAND_ERROR: Final = -1
LEFT_BEHIND: Final = 0x5EC2E7


@dataclass(frozen=True, slots=True)
class ReadPopFifo(Registers):
    """Give the next item at each read; the state is the number of items taken."""

    locations: tuple[str, ...] = ("FIFO",)
    name: str = "read-pop FIFO"
    read_sensitive: frozenset[str] = frozenset({"FIFO"})

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:  # noqa: ARG002
        """Pop one item."""
        return (((state[0] + 1,), state[0] + 1),)

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:  # noqa: ARG002
        """Ignore writes."""
        return state

    def harm(self, view: View) -> str:
        """Find items that no read was given, or that two reads were given."""
        for count, (_, _, value) in enumerate(view.reads, start=1):
            if value > count:
                return f"item {count} is lost: the program got item {value} in its place"
            if value < count:
                return f"item {value} was given to the program twice"
        if view.finished and view.state[0] > len(view.reads):
            return f"item {view.state[0]} is lost: it was taken and no read got it"
        return ""


@dataclass(frozen=True, slots=True)
class ReadToClearStatus(Registers):
    """Report one pending event and forget it when read."""

    locations: tuple[str, ...] = ("STATUS",)
    name: str = "read-to-clear status"
    read_sensitive: frozenset[str] = frozenset({"STATUS"})

    def initial(self) -> State:
        """Return one pending event."""
        return (1,)

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:  # noqa: ARG002
        """Report the event and clear it."""
        return (((0,), state[0]),)

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:  # noqa: ARG002
        """Ignore writes."""
        return state

    def harm(self, view: View) -> str:
        """Find an event that was cleared unseen, or reported twice."""
        seen = sum(value for _, _, value in view.reads)
        if seen > 1:
            return "one event was reported twice"
        if view.reads and not seen and not view.state[0]:
            return "the event is lost: the status was cleared before the program read it"
        return ""


@dataclass(frozen=True, slots=True)
class Doorbell(Registers):
    """Fetch a descriptor of so many words when the doorbell rings.

    The last element of the state is 0 before the doorbell, 1 after a good one, 2 after a bad one.
    """

    locations: tuple[str, ...] = ("DESC0", "DOORBELL")
    name: str = "doorbell with descriptor"

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:
        """Take descriptor words; look at them all when the doorbell is among the writes."""
        values = list(state)
        for location, value in writes:
            values[self.locations.index(location)] = value
            if location == self.locations[-1]:
                values[-1] = 1 if all(values[:-1]) else 2
        return tuple(values)

    def harm(self, view: View) -> str:
        """Find a doorbell that came before the descriptor was whole."""
        if view.state[-1] == 2:  # noqa: PLR2004 - see the class
            missing = self.locations[view.state.index(0)] if 0 in view.state else "a word"
            return f"the doorbell overtook the descriptor: {missing} had not arrived"
        return ""


def doorbell(words: int) -> Doorbell:
    """Return a doorbell behind a descriptor of so many words."""
    return Doorbell((*(f"DESC{word}" for word in range(words)), "DOORBELL"))


@dataclass(frozen=True, slots=True)
class WriteCounter(Registers):
    """Count write transactions: each one means something, as with a transmit register."""

    locations: tuple[str, ...] = ("COUNT",)
    name: str = "write-counting register"
    expected: int = 1

    def write(self, state: State, writes: tuple[tuple[str, int], ...]) -> State:  # noqa: ARG002
        """Count one transaction."""
        return (state[0] + 1,)

    def harm(self, view: View) -> str:
        """Find writes that the device took for one."""
        count = view.state[0]
        if view.finished and not view.dirty and count < self.expected:
            return f"{self.expected} writes arrived as {count}"
        if view.finished and view.dirty:
            return f"{self.expected - count} of {self.expected} writes did not arrive"
        return ""


@dataclass(frozen=True, slots=True)
class Framebuffer(Registers):
    """Show pixels; merging and reordering between them change nothing."""

    locations: tuple[str, ...] = ("PIXEL0", "PIXEL1")
    name: str = "write-combining framebuffer"
    expected: tuple[int, ...] = (1, 2)

    def harm(self, view: View) -> str:
        """Find a pixel that does not show what was drawn last."""
        if not view.finished:
            return ""
        for location, shown, drawn in zip(self.locations, view.state, self.expected, strict=True):
            if shown != drawn:
                where = "sits in a cache" if location in view.dirty else "is gone"
                return f"{location} shows {shown:#x}; the write of {drawn:#x} {where}"
        return ""


@dataclass(frozen=True, slots=True)
class IndexedData(Registers):
    """Give at DATA ten times what was last written to INDEX: a pair that two streams must share."""

    locations: tuple[str, ...] = ("INDEX", "DATA")
    name: str = "index and data register"
    expected: tuple[tuple[str, int], ...] = ((GUEST, 20),)

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:
        """Return the datum behind the index."""
        return ((state, state[0] if location == "INDEX" else 10 * state[0]),)

    def harm(self, view: View) -> str:
        """Find an agent that got the datum of another index than its own."""
        wanted = dict(self.expected)
        for location, agent, value in view.reads:
            if location == "DATA" and value != wanted.get(agent, value):
                return f"the {agent} read {value}, the datum of index {value // 10}, not its own"
        return ""


@dataclass(frozen=True, slots=True)
class ErrorWindow(Registers):
    """Answer every read of an absent target.

    Args:
        configuration: Whether it is configuration space, where all-ones are promised.
        in_band: Whether the answer may be an error that the CPU takes as an abort.

    Source:
        Arm BSA, PCI_IN_07 to PCI_IN_09 and PCI_IN_13.
    """

    locations: tuple[str, ...] = ("ABSENT",)
    name: str = "error-returning window"
    configuration: bool = False
    in_band: bool = False

    def read(self, state: State, location: str) -> tuple[tuple[State, int], ...]:  # noqa: ARG002
        """Return all-ones where promised, otherwise anything."""
        values = (ALL_ONES,) if self.configuration else (ALL_ONES, 0)
        if self.in_band:
            values = (*values, IN_BAND_ERROR)
        return tuple((state, value) for value in values)

    def harm(self, view: View) -> str:
        """Find an answer that a program does not take for a failure."""
        for _, _, value in view.reads:
            if value == IN_BAND_ERROR:
                return "the answer is an in-band error: the CPU takes an abort or an SError"
            if value != ALL_ONES:
                return f"the failed read gave {value:#x}, which looks like data"
        return ""


@dataclass(frozen=True, slots=True)
class CoherentMemory(Registers):
    """Hold what the previous tenant left, in one cache line.

    Args:
        expected: What each location has to hold in the end; empty where it does not matter.
    """

    locations: tuple[str, ...] = ("WORD0", "WORD1")
    name: str = "coherent memory"
    posted: bool = False
    expected: tuple[int, ...] = ()

    @property
    def lines(self) -> tuple[tuple[str, ...], ...]:
        """Return one line with every location."""
        return (self.locations,)

    def initial(self) -> State:
        """Return the previous tenant's data."""
        return (LEFT_BEHIND,) * len(self.locations)

    def harm(self, view: View) -> str:
        """Find the previous tenant's data in a read, or a write that was undone."""
        for location, agent, value in view.reads:
            if value == LEFT_BEHIND:
                return f"the {agent} read the previous tenant's data from {location}"
        if not view.finished or view.dirty:
            return ""
        for location, found, wanted in zip(self.locations, view.state, self.expected, strict=False):
            if found != wanted:
                return f"{location} holds {found:#x}: the write of {wanted:#x} was undone"
        return ""
