"""Execute a program in every way its memory types permit."""

from collections import deque

from fleetpolicy.simcore.attributes import MemoryAttributes, type_name
from fleetpolicy.simcore.litmus.devices import DeviceModel
from fleetpolicy.simcore.litmus.machine import Machine, Move, MoveKind, Situation
from fleetpolicy.simcore.litmus.order import ARRIVAL_ORDER, Rules, arrange
from fleetpolicy.simcore.litmus.program import (
    Attributes,
    Operation,
    Program,
    Read,
    describe,
    mappings,
)
from fleetpolicy.simcore.litmus.result import Counterexample, Safe, Step, Verdict
from fleetpolicy.simcore.litmus.speculation import all_guesses, guesses_that_matter

Parents = dict[Situation, tuple[Situation, Move] | None]


def run_litmus(
    program: Program,
    attributes: Attributes,
    device: DeviceModel,
    *,
    rules: Rules = ARRIVAL_ORDER,
    reduced: bool = True,
) -> Verdict:
    """Return a shortest execution that does harm, or that none does.

    Args:
        program: Instructions of all agents; each agent's are in program order.
        attributes: The memory attributes of an access: one for all, or by the agent's name.
        device: The peripheral that all locations belong to.
        rules: The rules of arrival.
        reduced: Speculate only where it can matter; the verdict is the same.

    Raises:
        KeyError: An access uses a mapping that has no attributes.

    Source:
        Arm DDI 0487, B2.4.1.1 and B2.10.
    """
    mapped = mappings(program, attributes)
    order = arrange(program, mapped, rules, posted=device.posted)
    guesses = all_guesses(mapped, device, rules)
    if reduced:
        guesses = guesses_that_matter(program, guesses, device)
    return _search(Machine(order, device, guesses), mapped)


def _search(machine: Machine, mapped: dict[str, MemoryAttributes]) -> Verdict:
    """Visit every situation, those after fewer steps first."""
    start = machine.start()
    parents: Parents = {start: None}
    queue = deque([start])
    while queue:
        situation = queue.popleft()
        for move, after in machine.steps(situation):
            if after in parents:
                continue
            parents[after] = (situation, move)
            harm = machine.harm(move, after)
            if harm:
                trace = _trace(machine, mapped, parents, after)
                return Counterexample(trace, harm, len(parents))
            queue.append(after)
    return Safe(len(parents), _count_executions(machine, parents))


def _count_executions(machine: Machine, parents: Parents) -> int:
    """Return the number of ways from the start to a situation in which nothing can happen."""
    ways = dict.fromkeys(parents, 0)
    ways[machine.start()] = 1
    total = 0
    for situation in sorted(parents, key=_progress):
        reached = ways[situation]
        stuck = True
        for _, after in machine.steps(situation):
            ways[after] += reached
            stuck = False
        total += reached if stuck else 0
    return total


def _progress(situation: Situation) -> tuple[int, int]:
    """Return a key that every step raises."""
    taken = situation.done.bit_count() + situation.speculated.bit_count()
    return taken, -sum(line is not None for line in situation.cache)


def _trace(
    machine: Machine,
    mapped: dict[str, MemoryAttributes],
    parents: Parents,
    last: Situation,
) -> tuple[Step, ...]:
    steps: list[Step] = []
    link = parents[last]
    while link is not None:
        before, move = link
        steps.append(_tell(machine, mapped, move))
        link = parents[before]
    return tuple(reversed(steps))


def _tell(machine: Machine, mapped: dict[str, MemoryAttributes], move: Move) -> Step:
    """Return a step in words."""
    name = machine.device.name
    match move.kind:
        case MoveKind.SPECULATED | MoveKind.PREFETCHED:
            guess = machine.guesses[move.place]
            memory = type_name(mapped[guess.mapping])
            values = ", ".join(f"{value:#x}" for value in move.values)
            if move.kind is MoveKind.SPECULATED:
                seen = f"the {name} gives {values}, which the CPU drops"
                return Step(guess.mapping, f"speculatively reads {guess.location}", memory, seen)
            seen = f"the {name} gives {values} to the cache"
            return Step(guess.mapping, f"prefetches {guess.location}", memory, seen)
        case MoveKind.EVICTED:
            line = machine.device.lines[move.place]
            seen = "nothing is written"
            if move.values:
                pairs = zip(line, move.values, strict=True)
                writes = ", ".join(f"{place} = {value:#x}" for place, value in pairs)
                seen = f"the {name} sees {writes}"
            return Step("the cache", f"evicts the line of {line[0]}", "", seen)
        case _:
            return _tell_program_step(machine, move)


def _tell_program_step(machine: Machine, move: Move) -> Step:
    """Return a step of the program in words."""
    items = [machine.order.operations[index] for index in move.operations]
    attrs = machine.order.attributes[move.operations[0]]
    access = " and ".join(describe(item) for item in items)
    memory = "" if attrs is None else type_name(attrs)
    return Step(items[0].agent, access, memory, _tell_effect(machine.device.name, move, items))


def _tell_effect(name: str, move: Move, items: list[Operation]) -> str:
    """Return what a step of the program does to the device and to the program."""
    given = f"{move.values[0]:#x}" if move.values else ""
    match move.kind:
        case MoveKind.BUFFERED:
            return f"a buffer gives {given}, the {name} sees nothing"
        case MoveKind.CACHED:
            return f"the cache gives {given}" if given else "the cache keeps it"
        case MoveKind.SOFTWARE:
            return "no access is made"
        case _:
            merged = " in one transaction" if len(items) > 1 else ""
            if isinstance(items[0], Read):
                return f"the {name} gives {given}{merged}"
            return f"the {name} sees it{merged}"
