"""Write what the prover found: invariants, laws, mutants, and programs that go wrong."""

from collections.abc import Iterable

from fleetpolicy.model.amounts import amount
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.simcore.attributes import type_name
from fleetpolicy.simcore.prove import Hazard, Kill, LawVerdict, Status, Verdict

_COLOURS = {Status.HOLDS: "green", Status.VIOLATED: "red", Status.VACUOUS: "yellow"}


def write_verdicts(verdicts: Iterable[Verdict], palette: Palette = PLAIN) -> str:
    """Return a line per invariant, kernels with the same verdict together, and each witness."""
    by_invariant: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_invariant.setdefault(verdict.invariant.id, []).append(verdict)
    return "".join(_invariant(group, palette) for group in by_invariant.values())


def _invariant(group: list[Verdict], palette: Palette) -> str:
    invariant = group[0].invariant
    by_status: dict[tuple[Status, str], list[Verdict]] = {}
    for verdict in group:
        by_status.setdefault((verdict.status, verdict.expected), []).append(verdict)
    text = ""
    for (status, expected), verdicts in by_status.items():
        points = sum(verdict.points for verdict in verdicts)
        eras = ", ".join(verdict.era for verdict in verdicts)
        word = palette.paint(status.value.ljust(8), _COLOURS[status])
        text += f"{invariant.id}  {word}  {invariant.name}  [{eras}]  {amount(points, 'point')}\n"
        if expected:
            text += f"       known: {expected}\n"
        if status is Status.VIOLATED:
            text += _witness(verdicts[0])
    return text


def _witness(verdict: Verdict) -> str:
    if verdict.witness is None:
        return ""
    region, violation = verdict.witness.region, verdict.witness.violation
    cpu = f"FWB {_shown(region.features.fwb)}, DIC {_shown(region.features.dic)}"
    lines = [
        f"smallest witness: {region.name}; kernel {region.kernel.name}, {cpu}",
        f"{violation.why}; hurt: {violation.harmed.value}",
        f"source: {verdict.invariant.source}",
        *violation.trace.splitlines(),
    ]
    return "".join(f"       {line}\n" for line in lines)


def _shown(truth: bool) -> str:  # noqa: FBT001 the value that is shown
    return "yes" if truth else "no"


def write_laws(laws: Iterable[LawVerdict], palette: Palette = PLAIN) -> str:
    """Return a line per law of the core's functions."""
    return "".join(
        f"law  {palette.paint('HOLDS', 'green') if item.holds else palette.paint('BROKEN', 'red')}"
        f"  {item.name}  {amount(item.points, 'point')}"
        + (f"\n       {item.counterexample}" if item.counterexample else "")
        + "\n"
        for item in laws
    )


def write_kills(kills: Iterable[Kill], palette: Palette = PLAIN) -> str:
    """Return a line per mutant: what it breaks, and which invariants and laws notice."""
    text = ""
    for kill in kills:
        killers = ", ".join((*kill.invariants, *kill.laws))
        verdict = (
            palette.paint("killed", "green") if kill.is_dead else palette.paint("ALIVE", "red")
        )
        text += f"mutant {kill.mutant.id}: {verdict}" + (f" by {killers}" if killers else "")
        text += f"\n       {kill.mutant.what}\n"
    return text


def write_hazards(hazards: Iterable[Hazard]) -> str:
    """Return each program that goes wrong, the types it does so through, and one execution."""
    by_scenario: dict[str, list[Hazard]] = {}
    for hazard in hazards:
        by_scenario.setdefault(hazard.scenario.name, []).append(hazard)
    text = ""
    for name, group in by_scenario.items():
        scenario = group[0].scenario
        types = ", ".join(type_name(hazard.final) for hazard in group)
        text += f"    {name}: {scenario.title}, through {types}; hurt: {scenario.harmed.value}\n"
        text += "".join(f"      {line}\n" for line in str(group[-1].counterexample).splitlines())
    return text or "    no program goes wrong\n"


def verdicts_document(verdicts: Iterable[Verdict]) -> list[dict[str, object]]:
    """Return the verdicts as plain data, the witness of each violation in words."""
    return [
        {
            "invariant": verdict.invariant.id,
            "name": verdict.invariant.name,
            "kernel": verdict.era,
            "status": verdict.status.value,
            "points": verdict.points,
            "violations": verdict.violations,
            "expected": verdict.expected,
            "witness": _witness(verdict).strip(),
            "source": verdict.invariant.source,
        }
        for verdict in verdicts
    ]
