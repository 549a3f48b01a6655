"""Compare two revisions of a fleet, and two looks at its hosts."""

from fleetpolicy.compare.facts import compare_facts
from fleetpolicy.compare.findings import intersect, subtract
from fleetpolicy.compare.radius import group_changes, list_moves
from fleetpolicy.diagnostics import Profile
from fleetpolicy.model.radius import Radius, Side

__all__ = ["compare_facts", "compare_sides"]


def compare_sides(
    before: Side, after: Side, *, revision: str, commit: str, profile: Profile
) -> Radius:
    """Return what differs between a revision and the working tree.

    Args:
        before: The revision's side.
        after: The working tree's side.
        revision: As the user named it.
        commit: Its full hash.
        profile: How strict findings are judged.
    """
    entering, leaving = list_moves(before, after)
    other_facts = (name for name, key in after.facts.items() if before.facts.get(name, key) != key)
    return Radius(
        revision=revision,
        commit=commit,
        profile=profile,
        total=len(after.fleet.hosts),
        groups=group_changes(before, after),
        entering=entering,
        leaving=leaving,
        new=subtract(after.findings, (*before.findings, *before.silenced)),
        gone=subtract(before.findings, (*after.findings, *after.silenced)),
        silenced=subtract(after.silenced, before.silenced),
        unsilenced=intersect(subtract(after.findings, before.findings), before.silenced),
        other_facts=tuple(sorted(other_facts)),
    )
