"""Say from Ansible's events how it went with a host."""

from collections.abc import Sequence

from fleetpolicy.model.plan import HostResult
from fleetpolicy.runner import DONE_WELL, PlaybookResult, RunEvent, RunOptions


def judge_host(
    host: str, events: Sequence[RunEvent], run: PlaybookResult, options: RunOptions
) -> HostResult:
    """Return how it went with a host.

    Args:
        host: Its name.
        events: Its own, in their order.
        run: The run as a whole.
        options: How it was run.

    Returns:
        Its status is changed, unchanged, stale, failed, unreachable, pending-reboot, or
        interrupted where the run ended before the host was done.
    """
    if not events:
        status, message = _silent(run)
        return HostResult(host, status, (), rebooted=False, message=message)
    first, last = events[0], events[-1]
    changed = tuple(map(str, first.result.get("paths") or ()))
    rebooted = last is not first and last.status in DONE_WELL and "record" in last.result
    status, message = _status(first, last, run, options)
    return HostResult(host, status, changed, rebooted, message)


def _silent(run: PlaybookResult) -> tuple[str, str]:
    if run.is_interrupted:
        return "interrupted", "not begun, or its end was not seen"
    return "failed", f"Ansible said nothing of this host: {run.output or run.status}"


def _status(
    first: RunEvent, last: RunEvent, run: PlaybookResult, options: RunOptions
) -> tuple[str, str]:
    if last.status == "unreachable":
        return "unreachable", last.message
    if last.status == "failed":
        said = str(last.result.get("status", "failed"))
        return ("stale" if said == "stale" else "failed"), last.message
    done = str(first.result.get("status", first.status))
    if not first.result.get("needs_reboot") or options.check or "record" in last.result:
        return done, str(first.result.get("msg") or "")
    if options.no_reboot:
        return "pending-reboot", ""
    if run.is_interrupted:
        return "interrupted", "changed, but not seen booting"
    return "failed", "changed, but not seen booting"
