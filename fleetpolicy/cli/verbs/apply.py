"""Bring hosts to the policy, then verify them."""

import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.pipes import mute_at_broken_pipe
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.plan import product_of_plan
from fleetpolicy.cli.verbs.verdict import RESULTS, status_of
from fleetpolicy.cli.verbs.verify import document_of, judge_verified, text_of_verified
from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.plan import Deployment, Plan
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.applying import apply_plan, check_fresh, read_plan
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import Loaded, Looked, load, look, narrow
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import NOT_APPROVED, PLAN_STALE
from fleetpolicy.pipeline.verifying import Verified, verify, with_records
from fleetpolicy.pipeline.work import plan_work, stop_at_errors, work_out
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.plan import plan_document
from fleetpolicy.report.product import Product
from fleetpolicy.report.verification import deployment_document, write_deployment


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A plan that may be carried out.

    Args:
        loaded: With the hosts of the plan alone.
        looked: What is known of them already, and which hosts were left out for want of a look.
        findings: Those that did not stop the plan.
    """

    plan: Plan
    loaded: Loaded
    looked: Looked
    findings: tuple[Diagnostic, ...] = ()


class _Telling:
    """Tell a person what goes on while it goes on, and everybody else at the end."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._told: list[Callable[[Palette], str]] = []

    def tell(self, text: Callable[[Palette], str]) -> None:
        """Write to the terminal; a reader that went away does not stop the work on hosts."""
        self._told.append(text)
        if any(str(target) == "text" for target in self._output.targets):
            with mute_at_broken_pipe():
                sys.stdout.write(text(self._output.palette))
                sys.stdout.flush()

    def close(self, product: Product) -> None:
        """Write the product where it was not told already."""
        rest = tuple(target for target in self._output.targets if str(target) != "text")
        told = tuple(self._told)
        whole = replace(product, text=lambda palette: "".join(text(palette) for text in told))
        replace(self._output, targets=rest).publish(whole)


def apply(arguments: Namespace, output: Output) -> ExitStatus:
    """Apply a saved plan exactly, or plan, ask and apply."""
    request = request_of(arguments, output)
    telling = _Telling(output)
    if arguments.plan:
        ready = _saved(request, arguments.plan)
    else:
        ready = _made(request, output, telling)
        output.pulse.stop()
        _approve(ready.plan, auto=arguments.auto_approve or arguments.check)
    deployment, records = apply_plan(
        request, ready.loaded, ready.plan, check=arguments.check, no_reboot=arguments.no_reboot
    )
    telling.tell(lambda _: write_deployment(deployment))
    status = status_of(deployment)
    verified = None
    if status is ExitStatus.DONE and not arguments.check and not arguments.no_reboot:
        verified = _verify(request, ready, records, run_tests=not arguments.no_checks)
        status, verdict = judge_verified(output, verified)
        telling.tell(text_of_verified(output, verified, verdict))
    elif status is ExitStatus.DONE and ready.looked.findings:
        status = ExitStatus.UNREACHABLE
    telling.close(_product(output, ready, (deployment, verified), status))
    return status


def _made(request: Request, output: Output, telling: _Telling) -> _Prepared:
    """Return a plan made just now; hosts that could not be looked at are left out of it."""
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    work = work_out(loaded, looked)
    stop_at_errors(work, output.profile)
    plan, found = plan_work(work)
    stop_at_errors(work, output.profile, found)
    findings = (*work.findings, *found)
    telling.tell(product_of_plan(output, "plan", plan, findings).text)
    return _Prepared(plan, narrow(loaded, looked.records), looked, findings)


def _saved(request: Request, path: Path) -> _Prepared:
    """Return a saved plan, if it still holds; hosts that it does not name are left alone."""
    plan = read_plan(path)
    if request.inventory is None:
        request = replace(request, inventory=_inventory_of(plan, path))
    loaded = load(request)
    check_fresh(plan, path, loaded)
    hosts = {host.host for host in plan.hosts}
    return _Prepared(plan, narrow(loaded, hosts), Looked({}, (), live=True))


def _inventory_of(plan: Plan, path: Path) -> Path:
    """Return the inventory that a plan was made for.

    Raises:
        FleetPolicyError: It is not here.
    """
    inventory = Path(plan.inventory)
    if inventory.exists():
        return inventory
    raise FleetPolicyError(
        PLAN_STALE.at(
            Span(str(path)),
            why=f"it was made for the inventory {inventory}, which is not in {Path.cwd()}",
            fix="run this where the plan was made, or name the inventory: -i",
        ),
        status=ExitStatus.REFUSED,
    )


def _approve(plan: Plan, *, auto: bool) -> None:
    """Ask whether to go on, where there is somebody to ask.

    Raises:
        FleetPolicyError: Nobody approved.
    """
    if auto or plan.is_empty:
        return
    if sys.stdin.isatty() and sys.stdout.isatty():
        sys.stderr.write("Apply this plan? Only 'yes' goes on: ")
        sys.stderr.flush()
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


def _verify(
    request: Request, ready: _Prepared, records: dict[str, HostRecord], *, run_tests: bool
) -> Verified:
    """Judge the hosts by the records that came back, and by a look at those that sent none."""
    newest = with_records(ready.looked, records)
    missing = [name for name in ready.loaded.inventory.hosts if name not in newest.records]
    if missing:
        try:
            late = look(request, ready.loaded, missing)
        except FleetPolicyError as error:
            late = Looked({}, error.diagnostics, live=True)
        newest = with_records(newest, late.records)
        newest = replace(newest, findings=(*newest.findings, *late.findings))
    return verify(ready.loaded, newest, checks=None, run_tests=run_tests)


def _product(
    output: Output,
    ready: _Prepared,
    done: tuple[Deployment, Verified | None],
    status: ExitStatus,
) -> Product:
    deployment, verified = done
    findings = verified.findings if verified else ready.findings
    result = RESULTS[status]
    if status is ExitStatus.DONE and not deployment.results:
        result = "no-op"
    judged = (
        document_of(verified, output.profile)
        if verified
        else {"checks": [], "findings": findings_document(findings, output.profile)}
    )
    return Product(
        "apply",
        result,
        lambda _: "",
        lambda: {
            "plan": ready.plan.id,
            "revision": ready.plan.revision,
            "hosts": plan_document(ready.plan),
            "deployment": deployment_document(deployment),
            **judged,
        },
        findings=findings,
        in_force=in_force(ready.loaded.policy, ready.loaded.today),
        hosts=tuple(host.host for host in ready.plan.hosts),
        checks=verified.verification.checks if verified else (),
        plan=ready.plan,
    )
