"""Turn findings into the status that a run deserves."""

from collections.abc import Collection

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import Diagnostic, ExitStatus


def judge_findings(
    output: Output, findings: Collection[Diagnostic], unseen: Collection[Diagnostic]
) -> tuple[ExitStatus, str]:
    """Return a status and the result in a word.

    Args:
        output: Knows how strict the run is.
        findings: All of them.
        unseen: Those among them about hosts that could not be looked at.
    """
    if output.fails(item for item in findings if item not in unseen):
        return ExitStatus.INVALID, "invalid"
    if unseen:
        return ExitStatus.UNREACHABLE, "unreachable"
    return ExitStatus.DONE, "ok"
