"""Write down what agents do to the locations of one peripheral, in program order."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleetpolicy.simcore.attributes import MemoryAttributes

GUEST = "guest"
VMM = "VMM"


@dataclass(frozen=True, slots=True)
class Read:
    """Load from a location.

    Args:
        after: Positions in the program of earlier reads that the address depends on.
        vector: Whether an SVE or streaming-mode instruction makes the access.
        via: The mapping used, where an agent has more than one; otherwise the agent's own.
    """

    location: str
    agent: str = GUEST
    after: tuple[int, ...] = ()
    vector: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class Write:
    """Store to a location; the arguments mean what they mean for `Read`."""

    location: str
    value: int
    agent: str = GUEST
    after: tuple[int, ...] = ()
    vector: bool = False
    via: str = ""


@dataclass(frozen=True, slots=True)
class Barrier:
    """Order what the agent did before against what it does after: a DMB or a DSB of full system."""

    agent: str = GUEST


@dataclass(frozen=True, slots=True)
class HandOver:
    """Order everything before against everything after, for all agents: a barrier and a signal."""


@dataclass(frozen=True, slots=True)
class Clean:
    """Write a location's cache line back to memory: DC CVAC."""

    location: str
    agent: str = GUEST


@dataclass(frozen=True, slots=True)
class Rely:
    """Go on in the belief that a value has arrived at the peripheral.

    Args:
        after: Positions of earlier reads whose data the program waits for.
    """

    location: str
    value: int
    agent: str = GUEST
    after: tuple[int, ...] = ()


Access = Read | Write
Operation = Read | Write | Clean | Rely
Instruction = Operation | Barrier | HandOver
Program = tuple[Instruction, ...]
Attributes = MemoryAttributes | Mapping[str, MemoryAttributes]


def mapping_of(access: Access) -> str:
    """Return the name of the mapping an access goes through."""
    return access.via or access.agent


def mappings(program: Program, attributes: Attributes) -> dict[str, MemoryAttributes]:
    """Return the attributes of each mapping by name.

    Raises:
        KeyError: An access uses a mapping that has no attributes.
    """
    used = [mapping_of(item) for item in program if isinstance(item, Read | Write)]
    if not isinstance(attributes, Mapping):
        return dict.fromkeys(used or [GUEST], attributes)
    for name in used:
        if name not in attributes:
            raise KeyError(name)
    return dict(attributes)


def describe(instruction: Instruction) -> str:
    """Return the words of a trace for one instruction."""
    match instruction:
        case Read(location):
            return f"reads {location}"
        case Write(location, value):
            return f"writes {location} = {value:#x}"
        case Clean(location):
            return f"cleans the cache line of {location}"
        case Rely(location, value):
            return f"relies on {location} = {value:#x} having arrived"
        case Barrier():
            return "executes a DMB"
        case HandOver():
            return "hands over"
