"""Find what changed since the last apply: files, running state, and what they mean."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.pipeline.loading import load, look
from fleetpolicy.pipeline.verifying import drift as find_drift
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product


def drift(arguments: Namespace, output: Output) -> ExitStatus:
    """Look at every host and print what differs; hosts are never changed."""
    request = request_of(arguments, output)
    loaded = load(request)
    looked = look(request, loaded, loaded.inventory.hosts)
    work, found = find_drift(loaded, looked)
    unknown = "unreachable" if looked.findings else "no-op"
    result = "drift" if found else unknown
    closing = f"{len(looked.records)} hosts looked at: " + ("drift" if found else "no drift") + "\n"
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
            drift=found,
            hosts=tuple(sorted(looked.records)),
        )
    )
    if looked.findings:
        return ExitStatus.UNREACHABLE
    return ExitStatus.CHANGES if found and arguments.detailed_exitcode else ExitStatus.DONE
