"""Check that hosts do what the policy says."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Profile, Span
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, look
from fleetpolicy.pipeline.rules import UNKNOWN_SUBJECT
from fleetpolicy.pipeline.verifying import Verified
from fleetpolicy.pipeline.verifying import verify as verify_hosts
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.plan import write_plan
from fleetpolicy.report.product import Product
from fleetpolicy.report.verification import verification_document, write_verification

_RESULTS = {
    ExitStatus.DONE: "ok",
    ExitStatus.STOPPED: "failed",
    ExitStatus.UNREACHABLE: "unreachable",
}


def verify(arguments: Namespace, output: Output) -> ExitStatus:
    """Look at every host, judge it, and run the testinfra checks on it."""
    request = request_of(arguments, output)
    if arguments.checks:
        _refuse_missing(arguments.checks)
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    verified = verify_hosts(
        loaded, looked, checks=arguments.checks, run_tests=not arguments.no_checks
    )
    if arguments.measure:
        from fleetpolicy.pipeline.measuring_hosts import measure_hosts  # noqa: PLC0415 seldom

        verified = measure_hosts(request, loaded, looked, verified)
    status, verdict = judge_verified(output, verified)
    output.publish(
        Product(
            "verify",
            _RESULTS[status],
            text_of_verified(output, verified, verdict),
            lambda: document_of(verified, output.profile),
            findings=verified.findings,
            in_force=in_force(loaded.policy, loaded.today),
            hosts=tuple(host.name for host in verified.work.fleet.hosts),
            checks=verified.verification.checks,
            plan=verified.plan,
        )
    )
    return status


def _refuse_missing(checks: Path) -> None:
    """Refuse checks that are not there before any host is looked at.

    Raises:
        FleetPolicyError: There is no such folder.
    """
    if not checks.is_dir():
        raise FleetPolicyError(
            UNKNOWN_SUBJECT.at(
                Span(str(checks)),
                why="there is no folder of that name",
                fix="name a folder with test_*.py after --checks",
            )
        )


def judge_verified(output: Output, verified: Verified) -> tuple[ExitStatus, str]:
    """Return the status that hosts deserve, and the verdict in words."""
    unseen = verified.work.unseen
    seen = [item for item in verified.findings if item not in unseen]
    if not (verified.verification.is_green and verified.plan.is_empty and not output.fails(seen)):
        return ExitStatus.STOPPED, "NOT verified"
    if unseen:
        return ExitStatus.UNREACHABLE, "NOT verified: not every host could be looked at"
    return ExitStatus.DONE, "verified"


def text_of_verified(output: Output, verified: Verified, verdict: str) -> Callable[[Palette], str]:
    """Return what writes findings, the hosts, and the verdict."""
    colour = "green" if verdict == "verified" else "red"
    return lambda palette: (
        output.findings_text(verified.findings, palette)
        + write_verification(verified.verification, output.profile, palette)
        + _measured_text(output, verified)
        + ("" if verified.plan.is_empty else write_plan(verified.plan, palette))
        + f"{palette.paint(verdict, colour)}\n"
    )


def _measured_text(output: Output, verified: Verified) -> str:
    if verified.measured is None:
        return ""
    from fleetpolicy.report.measurement import write_measured  # noqa: PLC0415 seldom

    return write_measured(verified.measured, everything=output.verbose)


def document_of(verified: Verified, profile: Profile) -> dict[str, object]:
    """Return the checks and every finding as plain data."""
    checked = (item for check in verified.verification.checks for item in check.findings)
    document: dict[str, object] = {
        "checks": verification_document(verified.verification),
        "findings": findings_document((*verified.findings, *checked), profile),
    }
    if verified.measured is not None:
        from fleetpolicy.report.measurement import measured_document  # noqa: PLC0415 seldom

        document["measured"] = measured_document(verified.measured)
    return document
