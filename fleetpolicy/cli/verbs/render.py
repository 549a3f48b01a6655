"""Write the files that hosts are to have, show them, or compare them with what was written."""

from argparse import Namespace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import choose_host
from fleetpolicy.diagnostics import Diagnostic, ExitStatus, silenced
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.artifact import Artifact
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.pipeline.admitting import admit_work
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.trees import compare_tree, list_files, write_tree
from fleetpolicy.pipeline.work import Work, stop_at_errors, work_out
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product
from fleetpolicy.report.trees import tree_document, write_tree_difference

Hosts = tuple[FleetHost, ...]


def render(arguments: Namespace, output: Output) -> ExitStatus:
    """Write a tree per host into a folder, compare with one, or show files."""
    request = request_of(arguments, output)
    loaded = load(request)
    work = admit_work(work_out(loaded, records_of(request, loaded)), request)
    stop_at_errors(work, output.profile)
    told = (*work.unseen, *silenced(work.findings, output.profile))
    hosts = (
        (choose_host(work, arguments.host, output.profile),) if arguments.host else work.fleet.hosts
    )
    if arguments.out:
        return _write(work, hosts, told, arguments.out, output)
    if arguments.diff:
        return _compare(work, hosts, told, arguments, output)
    files = [(host.name, item) for host in hosts for item in work.rendering.of(host)]
    parts = {
        "findings": findings_document(told, output.profile),
        "files": [_document(name, item) for name, item in files],
    }
    output.publish(
        Product(
            "render",
            _result(work),
            lambda palette: (
                output.findings_text(told, palette)
                + "".join(_show(name, item, palette) for name, item in files)
            ),
            lambda: parts,
            findings=told,
            in_force=in_force(loaded.policy, loaded.today),
        )
    )
    return _status(work)


def _result(work: Work) -> str:
    return "unreachable" if work.unseen else "ok"


def _status(work: Work) -> ExitStatus:
    return ExitStatus.UNREACHABLE if work.unseen else ExitStatus.DONE


def _write(
    work: Work, hosts: Hosts, told: tuple[Diagnostic, ...], folder: Path, output: Output
) -> ExitStatus:
    files = list_files(work.rendering, hosts)
    done = write_tree(folder, files, work.loaded.inventory.names - files.keys())
    counted = f"{amount(done.files, 'file')} for {amount(len(hosts), 'host')} in {folder}"
    output.progress(f"{counted}: {done.written} written, {done.removed} removed")
    if told:
        output.emit_findings("render", _result(work), told)
    return _status(work)


def _compare(
    work: Work, hosts: Hosts, told: tuple[Diagnostic, ...], arguments: Namespace, output: Output
) -> ExitStatus:
    files = list_files(work.rendering, hosts)
    spared = work.loaded.inventory.names - files.keys()
    difference = compare_tree(arguments.diff, files, spared)
    differs = bool(difference.changes) or not difference.is_whole
    output.publish(
        Product(
            "render",
            "changes" if differs and not work.unseen else _result(work),
            lambda palette: (
                output.findings_text(told, palette) + write_tree_difference(difference, palette)
            ),
            lambda: {
                "findings": findings_document(told, output.profile),
                **tree_document(difference),
            },
            findings=told,
        )
    )
    if arguments.detailed_exitcode and differs and not work.unseen:
        return ExitStatus.CHANGES
    return _status(work)


def _show(host: str, item: Artifact, palette: Palette) -> str:
    head = palette.paint(f"# {host} {item.path} ({item.kind.value})", "bold")
    return f"{head}\n{item.content}\n"


def _document(host: str, item: Artifact) -> dict[str, object]:
    return {
        "host": host,
        "path": item.path,
        "kind": item.kind.value,
        "content": item.content,
        "origins": [str(origin) for origin in item.origins],
    }
