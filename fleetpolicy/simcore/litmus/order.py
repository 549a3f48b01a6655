"""Say in which order accesses arrive at one peripheral, and which may be merged."""

from collections.abc import Callable
from dataclasses import dataclass

from fleetpolicy.simcore.attributes import (
    Device,
    DeviceType,
    MemoryAttributes,
    is_cacheable,
)
from fleetpolicy.simcore.litmus.program import (
    Barrier,
    Clean,
    HandOver,
    Operation,
    Program,
    Read,
    Rely,
    Write,
    mapping_of,
)


def keeps_program_order(a: MemoryAttributes, b: MemoryAttributes) -> bool:
    """Tell whether rule (i) applies: both nGnRE or nGnRnE, with equal XS.

    Source:
        Arm DDI 0487, B2.4.1.1.
    """
    devices = isinstance(a, Device) and isinstance(b, Device)
    return devices and a.xs is b.xs and not a.reordering and not b.reordering


def keeps_ordered_before(a: MemoryAttributes, b: MemoryAttributes) -> bool:
    """Tell whether rule (ii) applies to accesses of which one is Ordered-before the other.

    Source:
        Arm DDI 0487, B2.4.1.1: both nG-something.
    """
    return not a.gathering and not b.gathering


def keeps_barrier_order(a: MemoryAttributes, b: MemoryAttributes) -> bool:
    """Tell whether rule (iii) applies to accesses with a barrier between them.

    Source:
        Arm DDI 0487, B2.4.1.1: both Device or Normal-NC.
    """
    return not is_cacheable(a) and not is_cacheable(b)


def may_gather(a: MemoryAttributes, b: MemoryAttributes) -> bool:
    """Tell whether two accesses that nothing orders may be merged: unless both are nG."""
    return a.gathering or b.gathering


def may_buffer(attrs: MemoryAttributes) -> bool:
    """Tell whether a read may be served from a buffer: only where gathering is permitted."""
    return attrs.gathering


def may_speculate(attrs: MemoryAttributes) -> bool:
    """Tell whether a read may happen that the program never makes: on Normal memory only."""
    return attrs.speculation


def waits_for_endpoint(attrs: MemoryAttributes, posted: bool) -> bool:  # noqa: FBT001 - a bus
    """Tell whether a DSB waits until a write has arrived.

    Args:
        attrs: The memory type of the write.
        posted: Whether the bus acknowledges writes itself, as PCIe does for memory writes.

    Source:
        Arm DDI 0487, B2.10.2.3.
    """
    return not posted and not attrs.early_ack


AttributesTest = Callable[[MemoryAttributes], bool]
PairTest = Callable[[MemoryAttributes, MemoryAttributes], bool]


@dataclass(frozen=True, slots=True)
class Rules:
    """Hold the rules of arrival as functions, so that a proof can be run over other rules."""

    keeps_program_order: PairTest = keeps_program_order
    keeps_ordered_before: PairTest = keeps_ordered_before
    keeps_barrier_order: PairTest = keeps_barrier_order
    may_gather: PairTest = may_gather
    may_buffer: AttributesTest = may_buffer
    may_speculate: AttributesTest = may_speculate
    waits_for_endpoint: Callable[[MemoryAttributes, bool], bool] = waits_for_endpoint


ARRIVAL_ORDER = Rules()


@dataclass(frozen=True, slots=True)
class Order:
    """Hold, for each operation, bit masks over the operations of a program.

    Args:
        operations: The program without its barriers.
        attributes: What each operation's mapping is like; None for those that are no accesses.
        strictly_after: What has to be done before, and may not be merged with it.
        not_before: What has to be done before or together with it.
        mergeable: What may reach the peripheral in one transaction with it.
        sources: The earlier access whose data may serve a read from a buffer, or -1.
    """

    operations: tuple[Operation, ...]
    attributes: tuple[MemoryAttributes | None, ...]
    strictly_after: tuple[int, ...]
    not_before: tuple[int, ...]
    mergeable: tuple[int, ...]
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """Hold two operations in program order and what stands between them."""

    first: Operation
    second: Operation
    a: MemoryAttributes | None
    b: MemoryAttributes | None
    barrier: bool
    depends: bool

    @property
    def same_location(self) -> bool:
        return self.first.location == self.second.location


def arrange(
    program: Program, attributes: dict[str, MemoryAttributes], rules: Rules, *, posted: bool
) -> Order:
    """Return the order of a program's operations under the rules.

    Args:
        program: Instructions of all agents.
        attributes: The memory attributes of each mapping by name.
        rules: The rules of arrival.
        posted: Whether writes are acknowledged before they arrive, whatever the memory type.
    """
    positions = [i for i, item in enumerate(program) if not isinstance(item, Barrier | HandOver)]
    operations = tuple(item for item in program if isinstance(item, Read | Write | Clean | Rely))
    attrs = tuple(_attributes(item, attributes) for item in operations)
    size = len(operations)
    strictly, weakly, merge = [0] * size, [0] * size, [0] * size
    for j in range(size):
        for i in range(j):
            pair = _pair(program, (positions[i], positions[j]), (attrs[i], attrs[j]))
            if pair is None:
                continue
            if _is_ordered(pair, rules, posted=posted):
                strictly[j] |= 1 << i
                continue
            weakly[j] |= _keeps_location(pair) << i
            if _merges(pair, rules):
                merge[j] |= 1 << i
                merge[i] |= 1 << j
    sources = tuple(_source(operations, attrs, j, strictly[j], rules) for j in range(size))
    return Order(operations, attrs, tuple(strictly), tuple(weakly), tuple(merge), sources)


def _attributes(
    item: Operation, attributes: dict[str, MemoryAttributes]
) -> MemoryAttributes | None:
    """Return what an access is subject to: vector accesses to Device memory count as GRE.

    Source:
        Arm DDI 0487, R_QBLMZ and R_XHFBX.
    """
    if not isinstance(item, Read | Write):
        return None
    attrs = attributes[mapping_of(item)]
    if item.vector and isinstance(attrs, Device):
        return Device(DeviceType.GRE, attrs.xs, attrs.shareability)
    return attrs


def _pair(
    program: Program,
    positions: tuple[int, int],
    attrs: tuple[MemoryAttributes | None, MemoryAttributes | None],
) -> _Pair | None:
    """Return two operations of one agent, or of two with a hand-over between; else None."""
    i, j = positions
    first, second = program[i], program[j]
    if isinstance(first, Barrier | HandOver) or isinstance(second, Barrier | HandOver):
        return None
    between = program[i + 1 : j]
    handed = any(isinstance(item, HandOver) for item in between)
    if first.agent != second.agent and not handed:
        return None
    barrier = handed or any(
        isinstance(item, Barrier) and item.agent == first.agent for item in between
    )
    depends = not isinstance(second, Clean) and i in second.after
    return _Pair(first, second, *attrs, barrier, depends)


def _is_ordered(pair: _Pair, rules: Rules, *, posted: bool) -> bool:
    """Tell whether the first is done before the second and not merged with it."""
    if isinstance(pair.first, Clean | Rely) or isinstance(pair.second, Clean):
        same = isinstance(pair.second, Clean) and pair.same_location
        return pair.barrier or same
    if isinstance(pair.second, Rely):
        return _is_complete(pair, rules, posted=posted)
    a, b = pair.a, pair.b
    if a is None or b is None:
        return False
    if is_cacheable(a) or is_cacheable(b):
        return pair.barrier
    return (
        rules.keeps_program_order(a, b)
        or (rules.keeps_ordered_before(a, b) and (pair.barrier or pair.depends))
        or (rules.keeps_barrier_order(a, b) and pair.barrier)
    )


def _is_complete(pair: _Pair, rules: Rules, *, posted: bool) -> bool:
    """Tell whether a program knows that an access is over: data came back, or the endpoint said."""
    if isinstance(pair.first, Read):
        return pair.barrier or pair.depends
    return pair.barrier and pair.a is not None and rules.waits_for_endpoint(pair.a, posted)


def _keeps_location(pair: _Pair) -> bool:
    """Tell whether program order on one location holds: not between mismatched aliases."""
    first, second = pair.first, pair.second
    if not isinstance(first, Read | Write) or not isinstance(second, Read | Write):
        return False
    if first.agent != second.agent or not pair.same_location:
        return False
    return mapping_of(first) == mapping_of(second) or pair.a == pair.b


def _merges(pair: _Pair, rules: Rules) -> bool:
    """Tell whether one transaction may stand for both, if their locations touch."""
    same_kind = (isinstance(pair.first, Read) and isinstance(pair.second, Read)) or (
        isinstance(pair.first, Write) and isinstance(pair.second, Write)
    )
    if not same_kind or pair.first.agent != pair.second.agent or pair.a is None or pair.b is None:
        return False
    cached = is_cacheable(pair.a) or is_cacheable(pair.b)
    return not cached and rules.may_gather(pair.a, pair.b)


def _source(
    operations: tuple[Operation, ...],
    attrs: tuple[MemoryAttributes | None, ...],
    index: int,
    strictly_after: int,
    rules: Rules,
) -> int:
    """Return the access whose data may serve a read from a buffer, or -1."""
    item, own = operations[index], attrs[index]
    if not isinstance(item, Read) or own is None or is_cacheable(own) or not rules.may_buffer(own):
        return -1
    for i in range(index - 1, -1, -1):
        earlier = operations[i]
        if (earlier.agent, earlier.location) != (item.agent, item.location):
            continue
        if not isinstance(earlier, Read | Write) or strictly_after >> i & 1:
            return -1
        return i if mapping_of(earlier) == mapping_of(item) or attrs[i] == own else -1
    return -1
