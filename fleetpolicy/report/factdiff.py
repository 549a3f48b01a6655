"""Write what differs between two looks at hosts."""

from collections.abc import Iterator
from difflib import unified_diff

from fleetpolicy.model.amounts import amount
from fleetpolicy.model.factdiff import FactChange, FactsDifference
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.findings import describe_hosts

_SHOWN = 100


def write_facts_difference(
    difference: FactsDifference, palette: Palette = PLAIN, *, verbose: bool = False
) -> str:
    """Return the difference as text: a block per path, a line per pair of values and its hosts.

    Args:
        difference: The difference.
        palette: Its colours.
        verbose: Show long values whole.
    """
    lines: list[str] = []
    path = ""
    for change in difference.changes:
        if change.path != path:
            lines.append(palette.paint(change.path, "bold"))
            path = change.path
        lines += _change(change, palette, verbose=verbose)
    lines += _list("only in the second", difference.added, palette)
    lines += _list("only in the first", difference.removed, palette)
    lines.append(_summarise(difference))
    return "".join(line + "\n" for line in lines)


def _change(change: FactChange, palette: Palette, *, verbose: bool) -> Iterator[str]:
    hosts = describe_hosts(change.hosts)
    if len(change.hosts) > 1:
        hosts += f" ({len(change.hosts)})"
    before, after = change.before, change.after
    if before is not None and after is not None and "\n" in before + after:
        yield f"  on {hosts}:"
        for line in _difference(before, after):
            painted = {"+": "green", "-": "red"}.get(line[:1])
            yield "      " + (palette.paint(line, painted) if painted else line)
        return
    old, new = (_show(value, verbose=verbose) for value in (before, after))
    yield f"  {palette.paint(old, 'red')} -> {palette.paint(new, 'green')}  on {hosts}"


def _difference(before: str, after: str) -> list[str]:
    return list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]


def _show(value: str | None, *, verbose: bool) -> str:
    if value is None:
        return "(absent)"
    line = value.replace("\n", "\\n") or "(empty)"
    if verbose or len(line) <= _SHOWN:
        return line
    return f"{line[:_SHOWN]}... ({amount(len(value), 'character')})"


def _list(what: str, hosts: tuple[str, ...], palette: Palette) -> list[str]:
    return [f"{palette.paint(what, 'bold')}: {describe_hosts(hosts)}"] if hosts else []


def _summarise(difference: FactsDifference) -> str:
    if difference.is_empty:
        return f"No difference on {amount(difference.total, 'host')}."
    paths = len({change.path for change in difference.changes})
    return (
        f"{len(difference.hosts)} of {amount(difference.total, 'host')} differ, "
        f"in {amount(paths, 'value')}; "
        f"new hosts: {len(difference.added)}, gone: {len(difference.removed)}."
    )


def facts_difference_document(difference: FactsDifference) -> dict[str, object]:
    """Return the difference as plain data."""
    return {
        "hosts": {
            "compared": difference.total,
            "differing": sorted(difference.hosts),
            "added": list(difference.added),
            "removed": list(difference.removed),
        },
        "changes": [
            {
                "path": change.path,
                "before": change.before,
                "after": change.after,
                "hosts": list(change.hosts),
            }
            for change in difference.changes
        ],
    }
