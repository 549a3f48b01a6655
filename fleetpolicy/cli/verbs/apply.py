"""Bring hosts to the policy, then verify them."""

import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.plan import show_plan
from fleetpolicy.cli.verbs.verify import report_verified
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.plan import Deployment, Plan
from fleetpolicy.pipeline.applying import apply_plan, check_fresh, read_plan
from fleetpolicy.pipeline.loading import Loaded, Looked, load, look
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import NOT_APPROVED
from fleetpolicy.pipeline.verifying import verify, with_records
from fleetpolicy.pipeline.work import plan_work, stop_at_errors, work_out
from fleetpolicy.report.verification import write_deployment

_DONE = {"changed", "unchanged", "pending-reboot"}


def apply(arguments: Namespace, output: Output) -> ExitStatus:
    """Apply a saved plan exactly, or plan, ask and apply."""
    request = request_of(arguments, output)
    if arguments.plan:
        plan, loaded, looked = _saved(request, arguments.plan)
    else:
        plan, loaded, looked = _made(request, output)
        _approve(plan, output, auto=arguments.auto_approve or arguments.check)
    deployment, records = apply_plan(
        request, loaded, plan, check=arguments.check, no_reboot=arguments.no_reboot
    )
    sys.stdout.write(write_deployment(deployment))
    status = _status(deployment)
    if status is not ExitStatus.DONE or arguments.check or arguments.no_reboot:
        return status
    newest = with_records(looked, records)
    missing = [name for name in loaded.inventory.hosts if name not in newest.records]
    if missing:
        newest = with_records(newest, look(request, loaded, missing).records)
    verified = verify(loaded, newest, checks=None, run_tests=not arguments.no_checks)
    return report_verified(output, "apply", verified)


def _made(request: Request, output: Output) -> tuple[Plan, Loaded, Looked]:
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    stop_at_errors(looked.findings, output.profile)
    work = work_out(loaded, looked)
    stop_at_errors(work.findings, output.profile)
    plan, found = plan_work(work)
    findings = (*work.findings, *found)
    stop_at_errors(findings, output.profile)
    show_plan(output, "plan", plan, findings)
    return plan, loaded, looked


def _saved(request: Request, path: Path) -> tuple[Plan, Loaded, Looked]:
    plan = read_plan(path)
    if request.inventory is None:
        request = replace(request, inventory=Path(plan.inventory))
    loaded = load(request)
    check_fresh(plan, path, loaded)
    return plan, loaded, Looked({}, (), live=True)


def _approve(plan: Plan, output: Output, *, auto: bool) -> None:
    """Ask whether to go on, where there is somebody to ask.

    Raises:
        FleetPolicyError: Nobody approved.
    """
    if auto or plan.is_empty:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        output.progress("Apply this plan? Only 'yes' goes on.")
        if sys.stdin.readline().strip() == "yes":
            return
        why = "the answer was not yes"
    else:
        why = "there is no terminal to ask at"
    raise FleetPolicyError(
        NOT_APPROVED.at(
            Span(plan.inventory),
            why=why,
            fix="add --auto-approve, or save a plan (plan --out), read it, and apply that",
        ),
        status=ExitStatus.REFUSED,
    )


def _status(deployment: Deployment) -> ExitStatus:
    states = {result.status for result in deployment.results}
    if states <= _DONE:
        return ExitStatus.DONE
    if "interrupted" in states:
        return ExitStatus.INTERRUPTED
    if states <= _DONE | {"stale"}:
        return ExitStatus.REFUSED
    return ExitStatus.UNREACHABLE if states <= _DONE | {"unreachable"} else ExitStatus.STOPPED
