"""Say what apply would change, or what an edit changes; save a plan, show what was saved."""

from argparse import Namespace
from dataclasses import replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import Diagnostic, ExitStatus
from fleetpolicy.model.plan import Plan
from fleetpolicy.pipeline.against import compare_with
from fleetpolicy.pipeline.applying import read_plan, save_plan
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.work import plan_work, stop_at_errors, work_out
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.plan import plan_document, write_plan
from fleetpolicy.report.product import Product
from fleetpolicy.report.radius import write_radius
from fleetpolicy.report.radius_document import radius_document


def plan(arguments: Namespace, output: Output) -> ExitStatus:
    """Print the plan; hosts are read, never written."""
    request = request_of(arguments, output)
    if arguments.against is not None:
        return _plan_against(request, arguments, output)
    loaded = load(request)
    work = work_out(loaded, records_of(request, loaded))
    stop_at_errors(work, output.profile)
    made, found = plan_work(work)
    stop_at_errors(work, output.profile, found)
    if arguments.out:
        save_plan(made, arguments.out)
        output.progress(f"saved: apply exactly this with: fleetpolicy apply {arguments.out}")
    product = replace(
        product_of_plan(output, "plan", made, (*work.findings, *found)),
        in_force=in_force(loaded.policy, loaded.today),
    )
    if work.unseen:
        output.publish(replace(product, result="unreachable"))
        return ExitStatus.UNREACHABLE
    output.publish(product)
    changes = arguments.detailed_exitcode and not made.is_empty
    return ExitStatus.CHANGES if changes else ExitStatus.DONE


def _plan_against(request: Request, arguments: Namespace, output: Output) -> ExitStatus:
    """Print what the working tree's policy does to the fleet that a revision describes."""
    found = compare_with(request, arguments.against)
    radius, findings = found.radius, found.work.findings
    failed = output.fails(findings)
    result = "invalid" if failed else "no-op" if radius.is_empty else "changes"
    output.publish(
        Product(
            "plan --against",
            result,
            lambda palette: write_radius(radius, palette, verbose=output.verbose),
            lambda: {
                "radius": radius_document(radius),
                "findings": findings_document(findings, output.profile),
            },
            findings=findings,
            in_force=in_force(found.work.loaded.policy, found.work.loaded.today),
            radius=radius,
        )
    )
    if failed:
        return ExitStatus.INVALID
    changes = arguments.detailed_exitcode and not radius.is_empty
    return ExitStatus.CHANGES if changes else ExitStatus.DONE


def show(arguments: Namespace, output: Output) -> ExitStatus:
    """Print a saved plan."""
    output.publish(product_of_plan(output, "show", read_plan(arguments.plan), ()))
    return ExitStatus.DONE


def product_of_plan(
    output: Output, verb: str, plan: Plan, findings: tuple[Diagnostic, ...]
) -> Product:
    """Return a plan with the findings that did not stop it."""
    return Product(
        verb,
        "no-op" if plan.is_empty else "changes",
        lambda palette: (
            output.findings_text(findings, palette)
            + write_plan(plan, palette, verbose=output.verbose)
        ),
        lambda: {
            "plan": plan.id,
            "revision": plan.revision,
            "hosts": plan_document(plan),
            "findings": findings_document(findings, output.profile),
        },
        findings=findings,
        hosts=tuple(host.host for host in plan.hosts),
        plan=plan,
    )
