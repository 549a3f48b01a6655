"""Write the page of all rules."""

from collections.abc import Iterable
from textwrap import indent

from fleetpolicy.diagnostics import Rule

_HEAD = """# Rules

Generated from the rules in the code; do not edit. `fleetpolicy explain FPnnn` prints the same.
The first digit names the floor: 1 load, 2 resolve, 3 simulate, 4 render, 5 plan, observe and
deploy, 6 the run as a whole, 7 verify and drift, 8 simulated hosts.
"""


def write_rules_page(rules: Iterable[Rule]) -> str:
    """Return the page as Markdown, one section per rule."""
    return _HEAD + "".join(_section(rule) for rule in rules)


def _section(rule: Rule) -> str:
    production = f", {rule.production.value} in the production profile" if rule.production else ""
    return (
        f"\n## {rule.id} {rule.name}\n\n{rule.text}\n\n"
        f"- severity: {rule.severity.value}{production}\n"
        f"- from profile: {rule.profile.name.lower()}\n"
        f"- an Exception may silence it: {'yes' if rule.waivable else 'no'}\n"
        f"- source: {rule.source}\n"
        f"{_example('Rejected', rule.rejected)}{_example('Accepted', rule.accepted)}"
    )


def _example(title: str, text: str) -> str:
    return f"\n{title}:\n\n{indent(text, '    ')}\n" if text else ""
