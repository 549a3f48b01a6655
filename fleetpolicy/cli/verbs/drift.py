"""Find what changed since the last apply: files, running state, and what they mean."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import Diagnostic, ExitStatus
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, look
from fleetpolicy.pipeline.verifying import drift as find_drift
from fleetpolicy.pipeline.work import Work
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product

_RESULTS = {
    ExitStatus.DONE: "no-op",
    ExitStatus.INVALID: "invalid",
    ExitStatus.UNREACHABLE: "unreachable",
}


def drift(arguments: Namespace, output: Output) -> ExitStatus:
    """Look at every host and print what differs; hosts are never changed."""
    request = request_of(arguments, output)
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    work, found = find_drift(loaded, looked)
    status = _status(output, work, found, detailed=arguments.detailed_exitcode)
    result = "drift" if found else _RESULTS[status]
    hosts = amount(len(looked.records), "host")
    closing = f"{hosts} looked at: {'drift' if found else 'no drift'}\n"
    output.publish(
        Product(
            "drift",
            result,
            lambda palette: output.findings_text((*work.findings, *found), palette) + closing,
            lambda: {
                "drift": findings_document(found, output.profile),
                "findings": findings_document(work.findings, output.profile),
            },
            findings=work.findings,
            in_force=in_force(loaded.policy, loaded.today),
            drift=found,
            hosts=tuple(sorted(looked.records)),
        )
    )
    return status


def _status(
    output: Output, work: Work, found: tuple[Diagnostic, ...], *, detailed: bool
) -> ExitStatus:
    """Return the status; a host that was not judged is never one without drift."""
    if work.unseen:
        return ExitStatus.UNREACHABLE
    if found and detailed:
        return ExitStatus.CHANGES
    return ExitStatus.INVALID if output.fails(work.findings) else ExitStatus.DONE
