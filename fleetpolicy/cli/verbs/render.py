"""Write the files that hosts are to have."""

from argparse import Namespace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.cli.verbs.choice import choose_host
from fleetpolicy.diagnostics import ExitStatus, silenced
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.artifact import Artifact
from fleetpolicy.pipeline.admitting import admit_work
from fleetpolicy.pipeline.exceptions import in_force
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.work import Work, stop_at_errors, work_out
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product


def render(arguments: Namespace, output: Output) -> ExitStatus:
    """Write a tree per host into a folder, or show one host's files."""
    request = request_of(arguments, output)
    loaded = load(request)
    work = admit_work(work_out(loaded, records_of(request, loaded)), request)
    stop_at_errors(work, output.profile)
    status = ExitStatus.UNREACHABLE if work.unseen else ExitStatus.DONE
    result = "unreachable" if work.unseen else "ok"
    told = (*work.unseen, *silenced(work.findings, output.profile))
    if arguments.out:
        written = amount(_write_trees(work, arguments.out), "file")
        receivers = amount(len(work.fleet.hosts), "host")
        output.progress(f"{written} for {receivers} in {arguments.out}")
        if told:
            output.emit_findings("render", result, told)
        return status
    hosts = (
        [choose_host(work, arguments.host, output.profile)]
        if arguments.host
        else list(work.fleet.hosts)
    )
    files = [(host.name, item) for host in hosts for item in work.rendering.of(host)]
    parts = {
        "findings": findings_document(told, output.profile),
        "files": [_document(name, item) for name, item in files],
    }
    output.publish(
        Product(
            "render",
            result,
            lambda palette: (
                output.findings_text(told, palette)
                + "".join(_show(name, item, palette) for name, item in files)
            ),
            lambda: parts,
            findings=told,
            in_force=in_force(loaded.policy, loaded.today),
        )
    )
    return status


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


def _write_trees(work: Work, folder: Path) -> int:
    count = 0
    for host in work.fleet.hosts:
        for item in work.rendering.of(host):
            path = folder / host.name / item.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(item.content)
            path.chmod(item.mode)
            count += 1
    return count
