"""Turn findings into the status that a run deserves."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import Diagnostic, ExitStatus

if TYPE_CHECKING:  # a policy that is judged alone knows no plans
    from fleetpolicy.model.plan import Deployment

_DONE = {"changed", "unchanged", "pending-reboot"}
RESULTS: Mapping[ExitStatus, str] = MappingProxyType(
    {
        ExitStatus.DONE: "ok",
        ExitStatus.STOPPED: "stopped",
        ExitStatus.UNREACHABLE: "unreachable",
        ExitStatus.REFUSED: "refused",
        ExitStatus.INTERRUPTED: "interrupted",
    }
)


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


def status_of(deployment: "Deployment") -> ExitStatus:
    """Return the status that a playbook's work on hosts deserves."""
    states = {result.status for result in deployment.results}
    if states <= _DONE:
        return ExitStatus.DONE
    if "interrupted" in states:
        return ExitStatus.INTERRUPTED
    if states <= _DONE | {"stale"}:
        return ExitStatus.REFUSED
    return ExitStatus.UNREACHABLE if states <= _DONE | {"unreachable"} else ExitStatus.STOPPED
