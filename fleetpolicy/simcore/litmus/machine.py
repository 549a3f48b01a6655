"""Take one step of a program: an access arrives, a read is speculated, a line leaves the cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from fleetpolicy.simcore.attributes import (
    Cacheability,
    MemoryAttributes,
    Normal,
    is_cacheable,
)
from fleetpolicy.simcore.litmus.devices import DeviceModel, State, View
from fleetpolicy.simcore.litmus.order import Order
from fleetpolicy.simcore.litmus.program import Clean, Rely, Write
from fleetpolicy.simcore.litmus.speculation import Guess

CLEAN, WRITE_BACK, WRITE_THROUGH = 0, 1, 2
Line = tuple[int, State]


class MoveKind(Enum):
    """Name what can happen next."""

    ARRIVES = "arrives"
    BUFFERED = "served from a buffer"
    CACHED = "served by the cache"
    SPECULATED = "speculated"
    PREFETCHED = "prefetched"
    EVICTED = "evicted"
    SOFTWARE = "software"


class Move(NamedTuple):
    """Name one step: its kind, the operations it completes, its place and the values it gave."""

    kind: MoveKind
    operations: tuple[int, ...] = ()
    place: int = 0
    values: tuple[int, ...] = ()


class Situation(NamedTuple):
    """Hold what a step depends on.

    `done` and `speculated` are bit masks over operations and guesses; `reads` has a value for each
    read that is done.
    """

    done: int
    speculated: int
    device: State
    cache: tuple[Line | None, ...]
    reads: tuple[int | None, ...]


Step = tuple[Move, Situation]


@dataclass(frozen=True, slots=True)
class Machine:
    """Hold what stays the same during an execution."""

    order: Order
    device: DeviceModel
    guesses: tuple[Guess, ...]

    @property
    def everything(self) -> int:
        """Return the mask of a finished program."""
        return (1 << len(self.order.operations)) - 1

    def start(self) -> Situation:
        """Return the situation before the first step."""
        size = len(self.order.operations)
        return Situation(
            0, 0, self.device.initial(), (None,) * len(self.device.lines), (None,) * size
        )

    def harm(self, move: Move, after: Situation) -> str:
        """Return what a step did wrong, or an empty string."""
        if move.kind is MoveKind.SOFTWARE:
            item = self.order.operations[move.operations[0]]
            if isinstance(item, Rely):
                found = self.device.holds(after.device, item.location)
                if found != item.value:
                    return f"{item.location} = {item.value:#x} has not arrived: it holds {found:#x}"
        return self.device.harm(self._view(after))

    def _view(self, situation: Situation) -> View:
        reads = tuple(
            (item.location, item.agent, value)
            for item, value in zip(self.order.operations, situation.reads, strict=True)
            if value is not None
        )
        held = [
            (line[0], locations)
            for line, locations in zip(situation.cache, self.device.lines, strict=True)
            if line is not None and line[0]
        ]
        draining = any(kind == WRITE_THROUGH for kind, _ in held)
        finished = situation.done == self.everything and not draining
        dirty = frozenset(location for _, locations in held for location in locations)
        return View(situation.device, reads, finished, dirty)

    def steps(self, situation: Situation) -> Iterator[Step]:
        """Yield every step that is possible: speculation first, merged accesses late."""
        yield from self._speculate(situation)
        merged: list[Step] = []
        for index, after in enumerate(self.order.strictly_after):
            if not situation.done >> index & 1 and not after & ~situation.done:
                for step in self._perform(situation, index):
                    if len(step[0].operations) == 1:
                        yield step
                    else:
                        merged.append(step)
        yield from merged
        yield from self._evict(situation)

    def _speculate(self, situation: Situation) -> Iterator[Step]:
        """Yield reads that nobody asked for; data that a later read uses is that read come early.

        Each mapping and location is guessed once, which bounds the search.
        """
        for index, guess in enumerate(self.guesses):
            if situation.speculated >> index & 1:
                continue
            seen = situation._replace(speculated=situation.speculated | 1 << index)
            if not is_cacheable(guess.attributes):
                for device, value in self.device.read(situation.device, guess.location):
                    move = Move(MoveKind.SPECULATED, (), index, (value,))
                    yield move, seen._replace(device=device)
                continue
            line = self._line(guess.location)
            if situation.cache[line] is None:
                for filled, values in self._fill(seen, line):
                    yield Move(MoveKind.PREFETCHED, (), index, values), filled

    def _perform(self, situation: Situation, index: int) -> Iterator[Step]:
        item, attrs = self.order.operations[index], self.order.attributes[index]
        is_early = bool(self.order.not_before[index] & ~situation.done)
        if attrs is None or isinstance(item, Clean | Rely):
            yield self._software(situation, index)
        elif is_cacheable(attrs):
            if not is_early:
                yield from self._access_cache(situation, index, attrs)
        else:
            if not is_early:
                yield from self._arrive(situation, (index,))
            yield from self._serve_from_buffer(situation, index)

    def _software(self, situation: Situation, index: int) -> Step:
        item = self.order.operations[index]
        done = situation._replace(done=situation.done | 1 << index)
        move = Move(MoveKind.SOFTWARE, (index,))
        if not isinstance(item, Clean):
            return move, done
        number = self._line(item.location)
        line = situation.cache[number]
        if line is None or not line[0]:
            return move, done
        return move, self._put(self._write_back(done, number, line), number, (CLEAN, line[1]))

    def _arrive(self, situation: Situation, group: tuple[int, ...]) -> Iterator[Step]:
        """Yield the arrival of a group in one transaction, and of every larger group."""
        if isinstance(self.order.operations[group[0]], Write):
            yield self._write(situation, group)
        else:
            yield from self._read(situation, group)
        mask = sum(1 << member for member in group)
        for index in range(group[-1] + 1, len(self.order.operations)):
            if self._joins(situation.done, group, mask, index):
                yield from self._arrive(situation, (*group, index))

    def _joins(self, done: int, group: tuple[int, ...], mask: int, index: int) -> bool:
        """Tell whether one more access may be merged into a group."""
        order = self.order
        if done >> index & 1 or mask & ~order.mergeable[index]:
            return False
        if order.strictly_after[index] & ~done or order.not_before[index] & ~(done | mask):
            return False
        item = order.operations[index]
        reach = 1 if isinstance(item, Write) else 0
        place = self.device.locations.index(item.location)
        others = (self.device.locations.index(order.operations[i].location) for i in group)
        return any(abs(place - other) <= reach for other in others)

    def _write(self, situation: Situation, group: tuple[int, ...]) -> Step:
        latest: dict[str, int] = {}
        for index in group:
            item = self.order.operations[index]
            if isinstance(item, Write):
                latest[item.location] = item.value
        writes = tuple((name, latest[name]) for name in self.device.locations if name in latest)
        device = self.device.write(situation.device, writes)
        done = situation.done | sum(1 << index for index in group)
        return Move(MoveKind.ARRIVES, group), situation._replace(done=done, device=device)

    def _read(self, situation: Situation, group: tuple[int, ...]) -> Iterator[Step]:
        location = self.order.operations[group[0]].location
        for device, value in self.device.read(situation.device, location):
            after = _give(situation, group, value)._replace(device=device)
            yield Move(MoveKind.ARRIVES, group, 0, (value,)), after

    def _serve_from_buffer(self, situation: Situation, index: int) -> Iterator[Step]:
        """Yield a read that takes the data of an earlier access and does not arrive at all."""
        source = self.order.sources[index]
        if source < 0:
            return
        earlier = self.order.operations[source]
        value = earlier.value if isinstance(earlier, Write) else situation.reads[source]
        if value is not None:
            yield (
                Move(MoveKind.BUFFERED, (index,), source, (value,)),
                _give(situation, (index,), value),
            )

    def _access_cache(
        self, situation: Situation, index: int, attrs: MemoryAttributes
    ) -> Iterator[Step]:
        item = self.order.operations[index]
        number = self._line(item.location)
        place = self.device.lines[number].index(item.location)
        line = situation.cache[number]
        filled = [(situation, line[1])] if line else list(self._fill(situation, number))
        for present, values in filled:
            if isinstance(item, Write):
                changed = (*values[:place], item.value, *values[place + 1 :])
                kept = self._put(present, number, (_policy(attrs), changed))
                after = kept._replace(done=kept.done | 1 << index)
                yield Move(MoveKind.CACHED, (index,)), after
            else:
                value = values[place]
                after = _give(present, (index,), value)
                yield Move(MoveKind.CACHED, (index,), 0, (value,)), after

    def _fill(self, situation: Situation, number: int) -> Iterator[tuple[Situation, State]]:
        """Yield each way in which a line comes into the cache: every location of it is read."""
        partial: list[tuple[State, State]] = [(situation.device, ())]
        for location in self.device.lines[number]:
            partial = [
                (after, (*values, value))
                for device, values in partial
                for after, value in self.device.read(device, location)
            ]
        for device, values in partial:
            after = situation._replace(device=device)
            yield self._put(after, number, (CLEAN, values)), values

    def _evict(self, situation: Situation) -> Iterator[Step]:
        for number, line in enumerate(situation.cache):
            if line is not None:
                written = self._write_back(situation, number, line) if line[0] else situation
                move = Move(MoveKind.EVICTED, (), number, line[1] if line[0] else ())
                yield move, self._put(written, number, None)

    def _write_back(self, situation: Situation, number: int, line: Line) -> Situation:
        writes = tuple(zip(self.device.lines[number], line[1], strict=True))
        return situation._replace(device=self.device.write(situation.device, writes))

    def _line(self, location: str) -> int:
        return next(i for i, line in enumerate(self.device.lines) if location in line)

    @staticmethod
    def _put(situation: Situation, number: int, line: Line | None) -> Situation:
        cache = (*situation.cache[:number], line, *situation.cache[number + 1 :])
        return situation._replace(cache=cache)


def _give(situation: Situation, group: tuple[int, ...], value: int) -> Situation:
    """Return the situation after the reads of a group got a value."""
    reads = tuple(value if index in group else known for index, known in enumerate(situation.reads))
    done = situation.done | sum(1 << index for index in group)
    return situation._replace(done=done, reads=reads)


def _policy(attrs: MemoryAttributes) -> int:
    """Return how a write stays in the cache."""
    levels = (attrs.inner, attrs.outer) if isinstance(attrs, Normal) else ()
    return WRITE_BACK if Cacheability.WB in levels else WRITE_THROUGH
