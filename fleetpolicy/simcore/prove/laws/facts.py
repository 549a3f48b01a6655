"""State which memory types come to harm in which program: the facts about arrival."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.attributes import (
    NORMAL_NC,
    Cacheability,
    Device,
    DeviceType,
    MemoryAttributes,
    Normal,
)
from fleetpolicy.simcore.litmus import (
    VMM,
    Barrier,
    Clean,
    CoherentMemory,
    ErrorWindow,
    Framebuffer,
    HandOver,
    Read,
    ReadPopFifo,
    ReadToClearStatus,
    Registers,
    Write,
)
from fleetpolicy.simcore.prove.laws.law import Law
from fleetpolicy.simcore.prove.programs import (
    FAILED_CONFIGURATION_READ,
    FAILED_MEMORY_READ,
    NO_READ_BACK,
    PLAIN_READ_BACK,
    READ_BACK,
    Scenario,
    count,
    ring,
)

TYPES: dict[str, MemoryAttributes] = {
    **{kind.name: Device(kind) for kind in DeviceType},
    "NC": NORMAL_NC,
    **{
        f"i{inner.name} o{outer.name}": Normal(inner, outer)
        for inner in Cacheability
        for outer in Cacheability
        if inner or outer
    },
}
_CACHED = frozenset(TYPES) - {"NC", *(kind.name for kind in DeviceType)}
_WRITE_BACK = frozenset(name for name in _CACHED if "WB" in name)
_NORMAL = _CACHED | {"NC"}
_GATHERED = _NORMAL | {"GRE"}
_REORDERED = _GATHERED | {"nGRE"}
_ALL = frozenset(TYPES)
UNCACHED = _ALL - _CACHED
_B2_4 = "Arm DDI 0487, B2.4.1.1"
LONGEST = 6


@dataclass(frozen=True, slots=True)
class Fact:
    """Pair scenarios with the memory types that come to harm in each of them."""

    law: Law
    scenarios: Callable[[int], Iterator[Scenario]]
    harmed: frozenset[str]


def _pops(longest: int) -> Iterator[Scenario]:
    for length in range(1, longest + 1):
        program: list[Read | Barrier] = [Read("FIFO")]
        for _ in range(length - 1):
            program += [Barrier(), Read("FIFO")]
        yield tuple(program), ReadPopFifo()
    yield (Read("STATUS"),), ReadToClearStatus()


def _repeated_reads(longest: int) -> Iterator[Scenario]:
    for length in range(2, longest + 1):
        yield (Read("FIFO"),) * length, ReadPopFifo()
    yield (Read("STATUS"), Read("STATUS")), ReadToClearStatus()


def _bells(longest: int) -> Iterator[Scenario]:
    for words in range(1, longest):
        yield ring(words, barrier=False)


def _fenced_bells(longest: int) -> Iterator[Scenario]:
    for words in range(1, longest):
        yield ring(words, barrier=True)


def _counts(longest: int) -> Iterator[Scenario]:
    for writes in range(2, longest + 1):
        yield count(writes)


def _fenced_counts(longest: int) -> Iterator[Scenario]:
    for writes in range(2, longest + 1):
        yield count(writes, barrier=True)


def _vector_counts(longest: int) -> Iterator[Scenario]:
    for writes in range(2, longest + 1):
        yield count(writes, vector=True)


def _frames(longest: int) -> Iterator[Scenario]:
    for pixels in range(1, longest + 1):
        names = tuple(f"PIXEL{pixel}" for pixel in range(pixels))
        program = tuple(Write(name, value) for value, name in enumerate(names, start=1))
        yield program, Framebuffer(names, expected=tuple(range(1, pixels + 1)))


def _endpoint(longest: int) -> Iterator[Scenario]:  # noqa: ARG001
    yield NO_READ_BACK[0], Registers(("CTRL",), name="register that is not posted", posted=False)


def _one(scenario: Scenario) -> Callable[[int], Iterator[Scenario]]:
    return lambda longest: iter((scenario,) if longest else ())


FACTS: tuple[Fact, ...] = (
    Fact(
        Law(
            "arrival-pop-lost-on-normal-only",
            "What a read takes is lost on Normal memory only.",
            "Arm DDI 0487, B2.10.1",
        ),
        _pops,
        _NORMAL,
    ),
    Fact(
        Law(
            "arrival-reads-merge-where-gathered",
            "Repeated reads without a barrier are safe on nG types only.",
            _B2_4,
        ),
        _repeated_reads,
        _GATHERED,
    ),
    Fact(
        Law(
            "arrival-doorbell-overtakes-where-reordered",
            "Without a barrier a doorbell overtakes on every type but nGnRnE and nGnRE.",
            _B2_4,
        ),
        _bells,
        _REORDERED,
    ),
    Fact(
        Law(
            "arrival-barrier-holds-doorbell",
            "Behind a barrier a doorbell never overtakes on Device and Normal-NC.",
            _B2_4,
        ),
        _fenced_bells,
        _CACHED,
    ),
    Fact(
        Law(
            "arrival-writes-merge-where-gathered",
            "Writes to one location without a barrier are counted one by one on nG types only.",
            _B2_4,
        ),
        _counts,
        _GATHERED,
    ),
    Fact(
        Law(
            "arrival-barrier-parts-writes",
            "With barriers between, writes are counted one by one on Device and Normal-NC.",
            _B2_4,
        ),
        _fenced_counts,
        _CACHED,
    ),
    Fact(
        Law(
            "arrival-vector-writes-merge-everywhere",
            "Vector stores may be merged on every type.",
            "Arm DDI 0487, R_QBLMZ",
        ),
        _vector_counts,
        _ALL,
    ),
    Fact(
        Law(
            "arrival-framebuffer-harmed-by-write-back-only",
            "Pixels may come merged and in any order; only a write-back cache keeps them.",
            "Arm DDI 0487, B2.10",
        ),
        _frames,
        _WRITE_BACK,
    ),
    Fact(
        Law(
            "arrival-dsb-proves-nothing-on-a-posted-bus",
            "On a bus that posts writes a DSB is no proof of arrival, whatever the type.",
            "Arm DDI 0487, B2.10.2.3",
        ),
        _one(NO_READ_BACK),
        _ALL,
    ),
    Fact(
        Law(
            "arrival-dsb-proves-ngnrne-elsewhere",
            "On another bus a DSB proves arrival for nGnRnE only.",
            "Arm DDI 0487, B2.10.2.3",
        ),
        _endpoint,
        _ALL - {"nGnRnE"},
    ),
    Fact(
        Law(
            "arrival-read-back-proves",
            "A read-back behind a barrier proves arrival on Device and Normal-NC.",
            _B2_4,
        ),
        _one(READ_BACK),
        _CACHED,
    ),
    Fact(
        Law(
            "arrival-reads-bypass-buffers-where-not-gathered",
            "A read-back without a barrier proves arrival on nG types only.",
            _B2_4,
        ),
        _one(PLAIN_READ_BACK),
        _GATHERED,
    ),
    Fact(
        Law(
            "arrival-no-all-ones-from-memory",
            "The read of a failed device's memory may give anything, whatever the type.",
            "Arm BSA, PCI_IN_13",
        ),
        _one(FAILED_MEMORY_READ),
        _ALL,
    ),
    Fact(
        Law(
            "arrival-all-ones-from-configuration",
            "The read of a failed device's configuration space gives all-ones.",
            "Arm BSA, PCI_IN_07 to PCI_IN_09",
        ),
        _one(FAILED_CONFIGURATION_READ),
        frozenset(),
    ),
    Fact(
        Law(
            "arrival-in-band-errors-reach-everybody",
            "An in-band error reaches the CPU through every type.",
            "Arm SBSA, C.1.3",
        ),
        _one(((Read("ABSENT"),), ErrorWindow(configuration=True, in_band=True))),
        _ALL,
    ),
)

_WIPE, _READ = Write("WORD0", 0, VMM), Read("WORD0")
_REVERT = (_WIPE, HandOver(), Write("WORD1", 7))
PAIRS: tuple[Fact, ...] = (
    Fact(
        Law(
            "arrival-previous-tenant-behind-uncached-alias",
            "After cached wiping a guest reads old data through every alias that bypasses a cache.",
            "Arm DDI 0487, B2.11",
        ),
        _one(((_WIPE, HandOver(), _READ), CoherentMemory())),
        UNCACHED,
    ),
    Fact(
        Law(
            "arrival-clean-ends-exposure",
            "After wiping and cleaning a guest reads old data through no alias.",
            "Arm DDI 0487, B2.11",
        ),
        _one(((_WIPE, Clean("WORD0", VMM), HandOver(), _READ), CoherentMemory())),
        frozenset(),
    ),
    Fact(
        Law(
            "arrival-write-back-reverts",
            "A write-back undoes what another alias wrote past the cache in the same granule.",
            "Arm DDI 0487, B2.11",
        ),
        _one((_REVERT, CoherentMemory(expected=(0, 7)))),
        UNCACHED,
    ),
)
