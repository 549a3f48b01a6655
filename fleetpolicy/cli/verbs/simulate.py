"""Say what guests get for every region of every assigned device."""

from argparse import Namespace
from dataclasses import replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import choose_host
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.work import work_out
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.simulation import simulation_document, write_simulation


def simulate(arguments: Namespace, output: Output) -> ExitStatus:
    """Print a table per kind of host, or of one host, and what is wrong with it."""
    request = request_of(arguments, output)
    loaded = load(request)
    work = work_out(loaded, records_of(request, loaded))
    fleet, findings = work.fleet, work.findings
    if arguments.host:
        host = choose_host(work, arguments.host, output.profile)
        fleet = replace(fleet, hosts=(host,))
        findings = tuple(
            item for item in findings if host.name in (item.subject.host, *item.subject.others)
        )
    failed = output.fails(findings)
    output.emit(
        "simulate",
        "invalid" if failed else "ok",
        lambda palette: (
            write_simulation(fleet, work.simulation, arguments.device.lower())
            + output.findings_text(findings, palette)
        ),
        {
            "hosts": simulation_document(fleet.hosts, fleet, work.simulation),
            "findings": findings_document(findings, output.profile),
        },
    )
    return ExitStatus.INVALID if failed else ExitStatus.DONE
