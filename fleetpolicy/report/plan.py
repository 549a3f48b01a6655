"""Write a plan: what changes on which hosts, why, and who reboots."""

from collections.abc import Iterator
from difflib import unified_diff

from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import FileAction, HostPlan, Plan, Verb
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.findings import describe_hosts

_SIGNS = {
    Verb.CREATE: ("+", "green"),
    Verb.CHANGE: ("~", "yellow"),
    Verb.REMOVE: ("-", "red"),
}


def write_plan(plan: Plan, palette: Palette = PLAIN, *, verbose: bool = False) -> str:
    """Return the plan as text, hosts that do the same in one block.

    Args:
        plan: The plan.
        palette: Its colours.
        verbose: Show the lines of new files too, not only the differences of changed ones.
    """
    blocks = [_block(plan, group, palette, verbose=verbose) for group in group_plan(plan)]
    return "\n".join((*blocks, summarise(plan) + "\n"))


def group_plan(plan: Plan) -> tuple[tuple[HostPlan, ...], ...]:
    """Return the hosts that change, those that do the same in one group."""
    groups: dict[tuple[object, ...], list[HostPlan]] = {}
    for host in plan.hosts:
        if not host.is_empty:
            groups.setdefault(_shape(host), []).append(host)
    return tuple(tuple(group) for group in groups.values())


def _shape(host: HostPlan) -> tuple[object, ...]:
    return (host.actions, host.reasons, host.guests_off, bool(host.manifest))


def _block(plan: Plan, group: tuple[HostPlan, ...], palette: Palette, *, verbose: bool) -> str:
    host = group[0]
    title = describe_hosts(tuple(item.host for item in group))
    lines = [palette.paint(title, "bold") + (": reboots" if host.reasons else "")]
    for action in host.actions:
        lines += _action(plan, action, palette, verbose=verbose)
    if not host.actions and host.manifest:
        lines.append("  ~ /var/lib/fleetpolicy/manifest.json  records what the host is now")
    lines += _reboot(host)
    if host.guests_off:
        lines.append(f"  must be shut down first: {', '.join(host.guests_off)}")
    return "".join(line + "\n" for line in lines)


def _reboot(host: HostPlan) -> Iterator[str]:
    """Say why it reboots; what stands in the actions above is not told a second time."""
    kinds = {action.kind.value for action in host.actions}
    told = [reason.partition(": ")[0] for reason in host.reasons]
    if told and kinds.issuperset(told):
        yield f"  reboots for: {', '.join(dict.fromkeys(told))}"
        return
    for reason in host.reasons:
        yield f"  reboots because: {reason}"


def _action(plan: Plan, action: FileAction, palette: Palette, *, verbose: bool) -> Iterator[str]:
    sign, colour = _SIGNS[action.verb]
    what = f"{sign} {action.path}"
    origins = ", ".join(str(origin) for origin in action.origins)
    because = f"  <- {origins}" if origins else ""
    yield f"  {palette.paint(what, colour)}  {action.kind.value}{because}"
    if action.verb is Verb.CREATE and not verbose:
        return
    for line in show_changes(plan, action):
        painted = {"+": "green", "-": "red"}.get(line[:1])
        yield "      " + (palette.paint(line, painted) if painted else line)


def show_changes(plan: Plan, action: FileAction) -> list[str]:
    """Return the lines in which a file changes, as a unified diff without its head."""
    before, after = (
        plan.blobs.get(digest, "").splitlines() for digest in (action.before, action.after)
    )
    return list(unified_diff(before, after, lineterm="", n=1))[2:]


def summarise(plan: Plan) -> str:
    """Return the plan in one line."""
    changing = [host for host in plan.hosts if not host.is_empty]
    if not changing:
        return f"Nothing to change on {amount(len(plan.hosts), 'host')}."
    reboots = sum(bool(host.reasons) for host in changing)
    counts = dict.fromkeys(Verb, 0)
    for host in changing:
        for action in host.actions:
            counts[action.verb] += 1
    verbs = ", ".join(f"{number} to {verb.value}" for verb, number in counts.items())
    return (
        f"Plan {plan.id[:12]}: {len(changing)} of {amount(len(plan.hosts), 'host')} change "
        f"({verbs}); {reboots} reboot."
    )


def plan_document(plan: Plan) -> list[dict[str, object]]:
    """Return the plan as plain data, one entry per host that changes."""
    return [
        {
            "host": host.host,
            "actions": [
                {
                    "verb": action.verb.value,
                    "path": action.path,
                    "kind": action.kind.value,
                    "before": action.before,
                    "after": action.after,
                    "origins": [str(origin) for origin in action.origins],
                }
                for action in host.actions
            ],
            "reboots": bool(host.reasons),
            "reasons": list(host.reasons),
            "guestsOff": list(host.guests_off),
        }
        for host in plan.hosts
        if not host.is_empty
    ]
