"""Judge exceptions themselves: the rules that they name, and the day on which they end."""

from collections.abc import Iterator
from datetime import date, timedelta
from difflib import get_close_matches

from fleetpolicy.diagnostics import Diagnostic, Waiver
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.pipeline.rules import (
    EXCEPTION_ENDED,
    EXCEPTION_ENDS_SOON,
    NEVER_SILENCED,
    NO_SUCH_RULE,
    all_rules,
)

SOON = timedelta(days=14)


def check_exceptions(policy: PolicySet, today: date) -> tuple[Diagnostic, ...]:
    """Return what is wrong with the exceptions themselves, whatever the hosts are."""
    return tuple(
        finding
        for located in policy.exceptions
        for finding in (*_check_rules(located), *_check_end(located, today))
    )


def ended(policy: PolicySet, today: date) -> tuple[Located[PolicyException], ...]:
    """Return the exceptions that silence nothing any more."""
    return tuple(item for item in policy.exceptions if item.model.spec.until <= today)


def in_force(policy: PolicySet, today: date) -> tuple[Waiver, ...]:
    """Return the exceptions that have not ended, sorted by name."""
    gone = ended(policy, today)
    return tuple(waiver_of(item) for item in policy.exceptions if item not in gone)


def waiver_of(located: Located[PolicyException]) -> Waiver:
    """Return what an exception says to the findings that it silences."""
    spec, name = located.model.spec, located.model.metadata.name
    return Waiver(name, spec.expires, spec.owner, spec.reason, located.span, spec.rules)


def _check_rules(located: Located[PolicyException]) -> Iterator[Diagnostic]:
    rules = all_rules()
    waivable = [rule.id for rule in rules.values() if rule.waivable]
    for index, rule_id in enumerate(located.model.spec.rules):
        span = located.span_of(("spec", "rules", index))
        rule = rules.get(rule_id)
        if rule is None:
            near = get_close_matches(rule_id, waivable, n=1)
            other = (
                f"write {near[0]} if {rules[near[0]].name} is meant" if near else "write another"
            )
            fix = f"{other}; fleetpolicy explain FPnnn tells what a rule is"
            yield NO_SUCH_RULE.at(span, why=f"there is no rule {rule_id}", fix=fix)
        elif not rule.waivable:
            yield NEVER_SILENCED.at(
                span,
                why=f"{rule.id} {rule.name} holds without exception: {rule.text}",
                fix=f"remove {rule.id} and cure what it finds; an Exception may name "
                f"{', '.join(waivable)}",
            )


def _check_end(located: Located[PolicyException], today: date) -> Iterator[Diagnostic]:
    spec, name = located.model.spec, located.model.metadata.name
    span = located.span_of(("spec", "expires"))
    fix = f"cure what it silences and remove it, or let {spec.owner} set a later day"
    if spec.until <= today:
        yield EXCEPTION_ENDED.at(span, why=f"{name} ended on {spec.expires}", fix=fix)
    elif spec.until - today <= SOON:
        days = (spec.until - today).days
        left = amount(days, "day")
        yield EXCEPTION_ENDS_SOON.at(span, why=f"{name} ends on {spec.expires}, in {left}", fix=fix)
