"""Say what guests get for every region of every assigned device."""

from argparse import Namespace
from dataclasses import replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import check_device, choose_host
from fleetpolicy.cli.verbs.verdict import judge_findings
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.work import work_out
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.mapping import tabulate_mappings
from fleetpolicy.report.product import Product
from fleetpolicy.report.simulation import simulation_document, write_outcomes, write_simulation
from fleetpolicy.simulate import list_outcomes, list_points


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
    device = arguments.device.lower()
    if device and arguments.host:
        check_device(work, host, device)
    status, result = judge_findings(output, findings, set(work.unseen) & set(findings))
    output.publish(
        Product(
            "simulate",
            result,
            lambda palette: (
                write_simulation(fleet, work.simulation, device)
                + _outcomes(fleet, device)
                + (_hazards(fleet, device) if arguments.litmus else "")
                + output.findings_text(findings, palette)
            ),
            lambda: {
                "hosts": simulation_document(fleet.hosts, fleet, work.simulation),
                "findings": findings_document(findings, output.profile),
            },
            findings=findings,
            in_force=in_force(loaded.policy, loaded.today),
            hosts=tuple(item.name for item in fleet.hosts),
            tables=tabulate_mappings(fleet, work.simulation, device),
        )
    )
    return status


def _outcomes(fleet: Fleet, device: str) -> str:
    """Return what becomes of every wish of a guest for one device's regions."""
    text = ""
    for host in fleet.hosts if device else ():
        host_class = fleet.class_of(host)
        for item in host_class.assignments:
            if item.device.address == device:
                found = {region.name: list_outcomes(host_class, region) for region in item.regions}
                text += "\n" + write_outcomes(host_class, item, found)
    return text


def _hazards(fleet: Fleet, device: str) -> str:
    """Return the programs that go wrong, region by region, on the first host of each kind."""
    from fleetpolicy.report.proof import write_hazards  # noqa: PLC0415 asked for by --litmus
    from fleetpolicy.simcore.prove import hazards  # noqa: PLC0415

    text = ""
    first = {host.index: host.name for host in reversed(fleet.hosts)}
    for index, name in sorted(first.items(), key=lambda item: item[1]):
        for assignment, _, point in list_points(fleet.classes[index]):
            if device in {"", assignment.device.address}:
                text += f"\n{name} {point.name}\n" + write_hazards(hazards(point))
    return text
