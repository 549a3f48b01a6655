"""Write how a tree of rendered files differs from what is rendered."""

from collections.abc import Iterator
from difflib import unified_diff

from fleetpolicy.model.amounts import amount
from fleetpolicy.model.tree import TreeChange, TreeDifference, TreeState
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.findings import describe_hosts

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_NOTHING = "/dev/null"


def write_tree_difference(difference: TreeDifference, palette: Palette = PLAIN) -> str:
    """Return a unified diff per change, under a heading that names its hosts, and their count."""
    lines: list[str] = []
    for change in difference.changes:
        heading = f"# {describe_hosts(change.hosts)}: {verb_of(change)} {change.path}"
        lines.append(palette.paint(heading, "bold"))
        lines += [
            palette.paint(line, _COLOURS.get(line[:1], "")) if line[:1] in _COLOURS else line
            for line in diff_of(difference.folder, change).splitlines()
        ]
    lines.append(_summarise(difference))
    return "".join(f"{line}\n" for line in lines)


def tree_document(difference: TreeDifference) -> dict[str, object]:
    """Return the difference as the body of a document."""
    return {
        "tree": difference.folder,
        "whole": difference.is_whole,
        "changes": [
            {
                "verb": verb_of(change),
                "path": change.path,
                "hosts": list(change.hosts),
                "modeBefore": _mode(change.before),
                "modeAfter": _mode(change.after),
                "diff": diff_of(difference.folder, change),
            }
            for change in difference.changes
        ],
    }


def verb_of(change: TreeChange) -> str:
    """Return create, remove or change."""
    if change.before is None:
        return "create"
    return "remove" if change.after is None else "change"


def diff_of(folder: str, change: TreeChange) -> str:
    """Return the unified diff of a change on the first of its hosts, modes that differ first."""
    path = f"{folder}/{change.hosts[0]}/{change.path}"
    before, after = change.before, change.after
    lines = unified_diff(
        _lines(before),
        _lines(after),
        path if before else _NOTHING,
        path if after else _NOTHING,
    )
    return "".join((*_modes(before, after), *map(_end, lines)))


def _modes(before: TreeState | None, after: TreeState | None) -> Iterator[str]:
    if before and after and before.mode != after.mode:
        yield f"old mode {_mode(before)}\n"
        yield f"new mode {_mode(after)}\n"


def _end(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _mode(state: TreeState | None) -> str | None:
    return f"{state.mode:04o}" if state else None


def _lines(state: TreeState | None) -> list[str]:
    return state.data.decode(errors="replace").splitlines(keepends=True) if state else []


def _summarise(difference: TreeDifference) -> str:
    cut_off = "" if difference.is_whole else "; the run that wrote it was cut off"
    if not difference.changes:
        return f"{difference.folder} is as rendered{cut_off}"
    files = sum(len(change.hosts) for change in difference.changes)
    hosts = len({host for change in difference.changes for host in change.hosts})
    counted = f"{amount(files, 'file')} of {amount(hosts, 'host')} would change"
    return f"{counted} in {difference.folder}{cut_off}"
