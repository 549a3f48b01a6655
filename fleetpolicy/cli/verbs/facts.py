"""Collect what hosts are into files, show what is recorded, or compare two looks."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import missing_host
from fleetpolicy.cli.verbs.verdict import judge_findings
from fleetpolicy.compare import compare_facts
from fleetpolicy.diagnostics import Diagnostic, ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.factdiff import FactsDifference
from fleetpolicy.pipeline.ages import now
from fleetpolicy.pipeline.loading import Hosts, Looked, load_hosts, look, records_of
from fleetpolicy.pipeline.recording import is_bundled, keep_records, prune_records, read_looks
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import NO_SUCH_RECORDS, UNKNOWN_SUBJECT
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.factdiff import facts_difference_document, write_facts_difference
from fleetpolicy.report.facts import facts_document, write_facts
from fleetpolicy.report.product import Product


def facts(arguments: Namespace, output: Output) -> ExitStatus:
    """Run `facts collect`, `facts show` or `facts diff`."""
    if arguments.action == "diff":
        return _diff(arguments, output)
    request = request_of(arguments, output)
    loaded = load_hosts(request)
    if arguments.action == "collect":
        return _collect(request, loaded, arguments, output)
    return _show(records_of(request, loaded), arguments.what, output)


def _show(looked: Looked, names: Iterable[str], output: Output) -> ExitStatus:
    """Print the records of the hosts that are named, or of all."""
    wanted = tuple(names) or tuple(looked.records)
    foreign = [name for name in wanted if name not in looked.records]
    if foreign:
        why = f"nothing is recorded of {', '.join(foreign)}"
        fix = "name hosts that are recorded, or run: fleetpolicy facts collect"
        raise FleetPolicyError(UNKNOWN_SUBJECT.at(Span("command line"), why=why, fix=fix))
    chosen = [looked.records[name] for name in wanted]
    at = now()
    unseen = looked.findings if looked.live else ()
    status, result = judge_findings(output, looked.findings, unseen)
    output.publish(
        Product(
            "facts show",
            result,
            lambda palette: (
                output.findings_text(looked.findings, palette) + write_facts(chosen, at)
            ),
            lambda: {
                "hosts": facts_document(chosen, at),
                "findings": findings_document(looked.findings, output.profile),
            },
            findings=looked.findings,
            hosts=tuple(record.host for record in chosen),
        )
    )
    return status if chosen else ExitStatus.INVALID


def _collect(request: Request, loaded: Hosts, arguments: Namespace, output: Output) -> ExitStatus:
    """Record hosts; those that cannot be reached keep their old record."""
    for name in arguments.what:
        if name not in loaded.inventory.hosts:
            raise FleetPolicyError(missing_host(loaded, name))
    looked = look(request, loaded, arguments.what or loaded.inventory.hosts)
    folder = request.facts or loaded.places.default_facts
    bundle = arguments.bundle or is_bundled(folder)
    keep_records(folder, looked.records.values(), bundle=bundle)
    closing = f"{amount(len(looked.records), 'host')} recorded in {folder}\n"
    if arguments.prune:
        gone = prune_records(folder, loaded.inventory.names)
        closing += f"{amount(len(gone), 'record')} removed{': ' if gone else ''}{', '.join(gone)}\n"
    result = "ok" if not looked.findings else "unreachable"
    output.emit_findings("facts collect", result, looked.findings, closing)
    return ExitStatus.UNREACHABLE if looked.findings else ExitStatus.DONE


def _diff(arguments: Namespace, output: Output) -> ExitStatus:
    """Compare two looks at hosts."""
    if len(arguments.what) != 2:  # noqa: PLR2004 from one to another
        why = f"facts diff takes two folders or files of records, and got {len(arguments.what)}"
        fix = "write: fleetpolicy facts diff BEFORE AFTER"
        finding = NO_SUCH_RECORDS.at(Span("command line"), why=why, fix=fix)
        raise FleetPolicyError(finding, status=ExitStatus.USAGE)
    (before, faults), (after, more) = (read_looks(Path(name)) for name in arguments.what)
    difference = compare_facts(before, after, noise=output.verbose)
    findings = (*faults, *more)
    _print_difference(difference, findings, output)
    if output.fails(findings):
        return ExitStatus.INVALID
    changes = arguments.detailed_exitcode and not difference.is_empty
    return ExitStatus.CHANGES if changes else ExitStatus.DONE


def _print_difference(
    difference: FactsDifference, findings: tuple[Diagnostic, ...], output: Output
) -> None:
    output.publish(
        Product(
            "facts diff",
            "no-op" if difference.is_empty else "changes",
            lambda palette: (
                output.findings_text(findings, palette)
                + write_facts_difference(difference, palette, verbose=output.verbose)
            ),
            lambda: {
                **facts_difference_document(difference),
                "findings": findings_document(findings, output.profile),
            },
            findings=findings,
        )
    )
