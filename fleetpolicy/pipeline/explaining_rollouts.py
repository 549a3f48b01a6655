"""Explain rollouts: the waves with their hosts, and what stops, delays or undoes them."""

from collections.abc import Iterator
from datetime import timedelta

from pydantic.alias_generators import to_camel

from fleetpolicy.model.amounts import amount
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.rollout import FailureBudget, Gate, Rollout, Window
from fleetpolicy.model.scalars import duration_of
from fleetpolicy.pipeline.explaining import Reason
from fleetpolicy.pipeline.loading import Loaded
from fleetpolicy.resolve.waves import PlacedWave, place_hosts, share_of

_NOT_FOLLOWED = "apply does not follow a Rollout yet: this is what it says"


def explain_rollouts(loaded: Loaded) -> tuple[Reason, ...]:
    """Return what each rollout of a policy does to the hosts of the inventory."""
    rollouts = loaded.policy.rollouts
    if not rollouts:
        return (Reason("the policy has no Rollout"),)
    reasons = (reason for item in rollouts for reason in _explain(item, loaded))
    return (Reason(_NOT_FOLLOWED), *reasons)


def _explain(rollout: Located[Rollout], loaded: Loaded) -> Iterator[Reason]:
    spec, inventory = rollout.model.spec, loaded.inventory
    waves, left = place_hosts(spec, inventory)
    yield Reason(
        f"Rollout {rollout.model.metadata.name}: {amount(len(waves), 'wave')}, "
        f"{amount(sum(len(wave.hosts) for wave in waves), 'host')}",
        rollout.span,
    )
    for number, wave in enumerate(waves, start=1):
        span = rollout.span_of(("spec", "waves", number - 1))
        yield Reason(f"wave {number}: {_say_wave(wave)}", span)
    if left:
        yield Reason(f"in no wave, and never changed: {', '.join(left)}")
    fleet = len(inventory.names)
    most = share_of(spec.max_unavailable, fleet)
    yield _said(rollout, "max_unavailable", f"down at once: {most} of {amount(fleet, 'host')}")
    yield _said(rollout, "failure_budget", f"failures: {_say_budget(spec.failure_budget, fleet)}")
    yield from _explain_gates(rollout)
    yield from _explain_boots(rollout)
    yield _said(rollout, "window", f"window: {_say_window(spec.window)}")
    batches = amount(sum(wave.batches for wave in waves), "batch", "batches")
    yield Reason(
        f"takes at most {_say_time(_longest(rollout, waves))}, windows apart: "
        f"{batches} whose reboots take all the time they may, and the soaks"
    )


def _said(rollout: Located[Rollout], field: str, text: str) -> Reason:
    """Return a statement with its line, or with a word where the rollout leaves it to a default."""
    if field not in rollout.model.spec.model_fields_set:
        return Reason(f"{text} (by default)")
    return Reason(text, rollout.span_of(("spec", to_camel(field))))


def _say_wave(wave: PlacedWave) -> str:
    if not wave.hosts:
        return "no host"
    size = len(wave.hosts)
    held = f" (its batch is {wave.batch})" if wave.batch > wave.at_once else ""
    each = f"{'up to ' if size % wave.at_once else ''}{min(size, wave.at_once)}{held}"
    batches = amount(wave.batches, "batch", "batches")
    parts = [f"{amount(size, 'host')} in {batches} of {each}: {', '.join(wave.hosts)}"]
    if wave.wave.max_per_failure_domain:
        parts.append(f"at most {wave.wave.max_per_failure_domain} at a time of a failure domain")
    if wave.wave.soak:
        parts.append(f"then {wave.wave.soak} of staying well")
    return "; ".join(parts)


def _say_budget(budget: FailureBudget, fleet: int) -> str:
    borne = budget.hosts
    if budget.percent is not None:
        borne = min(borne, fleet * budget.percent // 100)
    return f"{amount(borne, 'host')} may fail, one more stops the rollout"


def _explain_gates(rollout: Located[Rollout]) -> Iterator[Reason]:
    gates = rollout.model.spec.gates
    if not gates:
        yield _said(rollout, "gates", "gates: none; a host counts as done once it is changed")
    for index, gate in enumerate(gates):
        yield Reason(f"gate: {_say_gate(gate)}", rollout.span_of(("spec", "gates", index)))


def _say_gate(gate: Gate) -> str:
    if gate.command:
        return f"{gate.name or 'a command'} ends with 0: {gate.command}"
    if gate.verify:
        return "every check of verify passes"
    return "the host really booted" if gate.boot_id else "the host answers over ssh"


def _explain_boots(rollout: Located[Rollout]) -> Iterator[Reason]:
    spec = rollout.model.spec
    drains = {
        "refuse-if-vms": "a host with running guests is refused",
        "shutdown": "guests are shut down first",
        "hook": f"{spec.drain.hook} drains a host first",
    }
    reboot, rollback = spec.reboot, spec.rollback
    causes = ", ".join(cause.value for cause in rollback.on) or "nothing"
    yield _said(rollout, "drain", f"guests: {drains[spec.drain.mode]}")
    yield _said(
        rollout,
        "reboot",
        f"reboot: the new entry is booted once, within {reboot.timeout}, "
        f"{amount(reboot.budget_per_revision, 'time')} per revision; "
        f"the old one {amount(reboot.panic_timeout, 'second')} after a panic",
    )
    yield _said(rollout, "rollback", f"rollback: on {causes}; after {rollback.deadline} of silence")


def _say_window(window: Window | None) -> str:
    if window is None:
        return "at any time"
    days = ", ".join(day.value for day in window.days)
    end = f"{window.end} of the next day" if window.end < window.start else window.end
    return f"{days} from {window.start} to {end}, {window.timezone}"


def _longest(rollout: Located[Rollout], waves: tuple[PlacedWave, ...]) -> timedelta:
    """Return how long the waves last if each batch needs all the time that a reboot may take."""
    boot = duration_of(rollout.model.spec.reboot.timeout) or timedelta()
    soaks = [duration_of(wave.wave.soak or "") or timedelta() for wave in waves if wave.hosts]
    return sum(soaks, boot * sum(wave.batches for wave in waves))


def _say_time(time: timedelta) -> str:
    hours, seconds = divmod(int(time.total_seconds()), 3600)
    minutes, rest = divmod(seconds, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "no time"
