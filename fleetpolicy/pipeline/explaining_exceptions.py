"""Explain the exceptions of a policy: what each silences, on which hosts, and until when."""

from collections import Counter
from collections.abc import Iterator

from fleetpolicy.diagnostics import Profile, silenced
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.policyset import Located
from fleetpolicy.pipeline.exceptions import ended
from fleetpolicy.pipeline.explaining import Reason
from fleetpolicy.pipeline.work import Work
from fleetpolicy.resolve.grouping import matches_host


def explain_exceptions(work: Work, profile: Profile) -> tuple[Reason, ...]:
    """Return what each exception does, those that have ended last."""
    policy, today = work.loaded.policy, work.loaded.today
    gone = ended(policy, today)
    counts = Counter(item.waiver.name for item in silenced(work.findings, profile) if item.waiver)
    told = [
        reason
        for located in policy.exceptions
        if located not in gone
        for reason in _in_force(located, work, counts[located.model.metadata.name])
    ]
    told += (_over(located) for located in gone)
    return tuple(told) or (Reason("the policy has no Exception"),)


def _in_force(located: Located[PolicyException], work: Work, count: int) -> Iterator[Reason]:
    spec, inventory = located.model.spec, work.loaded.inventory
    hosts = [
        name for name, host in inventory.hosts.items() if matches_host(spec.hosts, host, inventory)
    ]
    days = (spec.until - work.loaded.today).days
    yield Reason(
        f"Exception {located.model.metadata.name} silences {amount(count, 'finding')} of "
        f"{', '.join(spec.rules)} until {spec.expires}, {amount(days, 'more day')} "
        f"({spec.owner}, {spec.reason})",
        located.span,
    )
    named = ", ".join(hosts) or "no host"
    yield Reason(f"for: {named}", located.span_of(("spec", "hosts")))


def _over(located: Located[PolicyException]) -> Reason:
    spec = located.model.spec
    return Reason(
        f"Exception {located.model.metadata.name} ended on {spec.expires} and silences nothing "
        f"({spec.owner}, {spec.reason})",
        located.span_of(("spec", "expires")),
    )
