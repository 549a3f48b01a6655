"""Show what can go wrong in a region, program by program, and who is hurt."""

from dataclasses import dataclass

from fleetpolicy.simcore.attributes import MemoryAttributes, is_cacheable, type_name, type_order
from fleetpolicy.simcore.litmus import (
    GUEST,
    VMM,
    Clean,
    CoherentMemory,
    Counterexample,
    DeviceModel,
    Framebuffer,
    HandOver,
    Program,
    Read,
    ReadToClearStatus,
    Write,
)
from fleetpolicy.simcore.prove.judgement import Harmed
from fleetpolicy.simcore.prove.programs import (
    FAILED_MEMORY_READ,
    NO_READ_BACK,
    POP,
    READ_BACK,
    STREAMS_APART,
    STREAMS_MIXED,
    count,
    ring,
)
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core, Semantics
from fleetpolicy.simcore.vma import pgprot_attributes

_WIPE, _LOOK = Write("WORD0", 0, VMM), Read("WORD0")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Hold one program with the device it talks to.

    Args:
        name: What a command line calls it.
        title: What happens, in a few words.
        harmed: Who is hurt where it goes wrong.
        on_memory: Whether it is about memory rather than about a peripheral.
    """

    name: str
    title: str
    program: Program
    device: DeviceModel
    harmed: Harmed = Harmed.SELF
    on_memory: bool = False


@dataclass(frozen=True, slots=True)
class Hazard:
    """Hold what a scenario comes to through one memory type.

    Args:
        final: The attributes of the guest's accesses.
        counterexample: A shortest execution that does harm.
    """

    scenario: Scenario
    final: MemoryAttributes
    counterexample: Counterexample


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("fifo", "a FIFO is read once", *POP),
    Scenario("status", "a read-to-clear status is read", (Read("STATUS"),), ReadToClearStatus()),
    Scenario("doorbell", "a doorbell is rung without a barrier", *ring(2, barrier=False)),
    Scenario("doorbell-barrier", "a doorbell is rung behind a barrier", *ring(2, barrier=True)),
    Scenario("counter", "a register counts two writes", *count(2)),
    Scenario("counter-barrier", "a register counts two fenced writes", *count(2, barrier=True)),
    Scenario("counter-vector", "a register counts two vector writes", *count(2, vector=True)),
    Scenario(
        "framebuffer",
        "two pixels are drawn",
        (Write("PIXEL0", 1), Write("PIXEL1", 2)),
        Framebuffer(),
    ),
    Scenario("posted", "a DSB is taken for the end of a write", *NO_READ_BACK),
    Scenario("posted-read-back", "a write is read back", *READ_BACK),
    Scenario("failed-read", "a failed device is read", *FAILED_MEMORY_READ),
    Scenario("streams", "VMM and guest use one register pair", *STREAMS_MIXED),
    Scenario("streams-apart", "VMM and guest take turns", *STREAMS_APART),
    Scenario(
        "wiped-memory",
        "the VMM wipes memory for the next guest",
        (_WIPE, HandOver(), _LOOK),
        CoherentMemory(),
        Harmed.OTHER_GUEST,
        on_memory=True,
    ),
    Scenario(
        "cleaned-memory",
        "the VMM wipes memory and cleans the cache",
        (_WIPE, Clean("WORD0", VMM), HandOver(), _LOOK),
        CoherentMemory(),
        Harmed.OTHER_GUEST,
        on_memory=True,
    ),
)


def hazards(region: RegionPoint, semantics: Semantics = ARCHITECTED) -> tuple[Hazard, ...]:
    """Return every scenario that goes wrong in a region, for each type a guest can reach.

    Registers are judged by the scenarios of peripherals, memory by those of memory; a cacheable
    type is left out where the region is a peripheral. One result stands for each type name.
    """
    core = Core(semantics)
    user = pgprot_attributes(region.vma.pgprot)
    reached = sorted((t.final for t in core.reach(region)), key=type_order)
    finals = {type_name(attrs): attrs for attrs in reversed(reached)}
    found: list[Hazard] = []
    for scenario in SCENARIOS:
        if scenario.on_memory is region.is_peripheral:
            continue
        for final in sorted(finals.values(), key=type_order):
            if region.is_peripheral and is_cacheable(final):
                continue
            mapped = {GUEST: final, VMM: user}
            verdict = core.run(scenario.program, mapped, scenario.device)
            if isinstance(verdict, Counterexample):
                found.append(Hazard(scenario, final, verdict))
    return tuple(found)
