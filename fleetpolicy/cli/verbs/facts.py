"""Collect what hosts are into files, or show what is recorded."""

from argparse import Namespace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import Diagnostic, ExitStatus
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.loading import Loaded, dump_record, load, look, records_of
from fleetpolicy.pipeline.request import Request
from fleetpolicy.report.facts import facts_document, write_facts


def facts(arguments: Namespace, output: Output) -> ExitStatus:
    """Run `facts collect` or `facts show`."""
    request = request_of(arguments, output)
    loaded = load(request)
    if arguments.action == "collect":
        return _collect(request, loaded, output)
    looked = records_of(request, loaded)
    chosen = [record for name, record in looked.records.items() if arguments.host in {"", name}]
    output.emit(
        "facts show",
        "ok",
        lambda palette: output.findings_text(looked.findings, palette) + write_facts(chosen),
        {"hosts": facts_document(chosen)},
    )
    return ExitStatus.DONE if chosen else ExitStatus.INVALID


def _collect(request: Request, loaded: Loaded, output: Output) -> ExitStatus:
    """Write a file per host; hosts that cannot be reached keep their old file."""
    looked = look(request, loaded, loaded.inventory.hosts)
    folder = request.facts or loaded.places.default_facts
    folder.mkdir(parents=True, exist_ok=True)
    for record in looked.records.values():
        _write(folder, record)
    output.emit_findings(
        "facts collect",
        "ok" if not looked.findings else "unreachable",
        looked.findings,
        f"{len(looked.records)} hosts recorded in {folder}\n",
    )
    return _status(looked.findings)


def _write(folder: Path, record: HostRecord) -> None:
    temporary = folder / f".{record.host}.json.new"
    temporary.write_bytes(dump_record(record))
    temporary.replace(folder / f"{record.host}.json")


def _status(findings: tuple[Diagnostic, ...]) -> ExitStatus:
    return ExitStatus.UNREACHABLE if findings else ExitStatus.DONE
