"""Check that hosts do what the policy says."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus, Profile
from fleetpolicy.pipeline.loading import load, look
from fleetpolicy.pipeline.verifying import Verified
from fleetpolicy.pipeline.verifying import verify as verify_hosts
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.plan import summarise
from fleetpolicy.report.product import Product
from fleetpolicy.report.verification import verification_document, write_verification


def verify(arguments: Namespace, output: Output) -> ExitStatus:
    """Look at every host, judge it, and run the testinfra checks on it."""
    request = request_of(arguments, output)
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    verified = verify_hosts(
        loaded, looked, checks=arguments.checks, run_tests=not arguments.no_checks
    )
    return report_verified(output, "verify", verified)


def report_verified(output: Output, verb: str, verified: Verified) -> ExitStatus:
    """Print what was found and return the status it deserves."""
    green = (
        verified.verification.is_green
        and verified.plan.is_empty
        and not output.fails(verified.findings)
    )
    closing = "verified" if green else "NOT verified"
    output.publish(
        Product(
            verb,
            "ok" if green else "failed",
            lambda palette: (
                output.findings_text(verified.findings, palette)
                + write_verification(verified.verification, output.profile, palette)
                + ("" if verified.plan.is_empty else summarise(verified.plan) + "\n")
                + palette.paint(closing, "green" if green else "red")
                + "\n"
            ),
            lambda: _document(verified, output.profile),
            findings=verified.findings,
            hosts=tuple(host.name for host in verified.work.fleet.hosts),
            checks=verified.verification.checks,
            plan=verified.plan,
        )
    )
    return ExitStatus.DONE if green else ExitStatus.STOPPED


def _document(verified: Verified, profile: Profile) -> dict[str, object]:
    checked = (item for check in verified.verification.checks for item in check.findings)
    return {
        "checks": verification_document(verified.verification),
        "findings": findings_document((*verified.findings, *checked), profile),
    }
