"""Execute the facts about arrival: exactly the named memory types come to harm."""

from collections.abc import Iterator

from fleetpolicy.simcore.attributes import NORMAL_WB, MemoryAttributes
from fleetpolicy.simcore.litmus import GUEST, VMM, Counterexample, run_litmus
from fleetpolicy.simcore.prove.laws.facts import FACTS, LONGEST, PAIRS, TYPES, UNCACHED, Fact
from fleetpolicy.simcore.prove.laws.law import Law, Verdicts
from fleetpolicy.simcore.prove.programs import STREAMS_APART, STREAMS_MIXED
from fleetpolicy.simcore.prove.semantics import Semantics


def check_arrival(semantics: Semantics, longest: int = LONGEST) -> Verdicts:
    """Yield the verdict on each fact, over programs of up to so many accesses."""
    for fact in FACTS:
        yield fact.law.judge(_execute(semantics, fact, longest, None))
    for fact in PAIRS:
        yield fact.law.judge(_execute(semantics, fact, longest, NORMAL_WB))
    streams = Law(
        "arrival-streams-need-a-hand-over",
        "Two streams to one device are safe on uncached types only with a hand-over between.",
        "Arm DDI 0487, B2.11",
    )
    yield streams.judge(_streams(semantics))


def _execute(
    semantics: Semantics, fact: Fact, longest: int, vmm: MemoryAttributes | None
) -> Iterator[str]:
    for program, device in fact.scenarios(longest):
        for name, attrs in TYPES.items():
            mapped = {GUEST: attrs} if vmm is None else {GUEST: attrs, VMM: vmm}
            found = run_litmus(program, mapped, device, rules=semantics.rules)
            is_harmed = isinstance(found, Counterexample)
            word = "comes to harm" if is_harmed else "is safe"
            wrong = is_harmed is not (name in fact.harmed)
            yield f"{device.name}, {len(program)} instructions: {name} {word}" if wrong else ""


def _streams(semantics: Semantics) -> Iterator[str]:
    for (program, device), harmed in ((STREAMS_APART, False), (STREAMS_MIXED, True)):
        for name in sorted(UNCACHED):
            mapped = {VMM: TYPES["nGnRnE"], GUEST: TYPES[name]}
            found = run_litmus(program, mapped, device, rules=semantics.rules)
            wrong = isinstance(found, Counterexample) is not harmed
            yield f"{device.name}: {name} against nGnRnE" if wrong else ""
