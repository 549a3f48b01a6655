"""Format policy files, or say which are not formatted."""

from argparse import Namespace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.formatting import Formatting, format_files, write_formatted
from fleetpolicy.pipeline.loading import places_of
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import NO_FILES
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.product import Product


def fmt(arguments: Namespace, output: Output) -> ExitStatus:
    """Format files; with --check or --diff write nothing."""
    done = format_files(arguments.paths or _policies(request_of(arguments, output)))
    findings = done.findings
    if arguments.check:
        findings = (*findings, *(file.finding() for file in done.changed))
    elif not arguments.diff:
        write_formatted(done.changed)
    failed = bool(findings)
    is_only_shown = arguments.check or arguments.diff

    def text(palette: Palette) -> str:
        told = output.findings_text(findings, palette)
        diff = "".join(file.diff() for file in done.changed) if arguments.diff else ""
        return told + diff + _closing(done, is_only_shown=is_only_shown)

    files = [
        {"path": file.path, "diff": file.diff()} if arguments.diff else {"path": file.path}
        for file in done.changed
    ]
    parts = {
        "files": files,
        "written": not is_only_shown,
        "findings": findings_document(findings, output.profile),
    }
    result = "invalid" if failed else "ok"
    output.publish(Product("fmt", result, text, lambda: parts, findings=findings))
    return ExitStatus.INVALID if failed else ExitStatus.DONE


def _closing(done: Formatting, *, is_only_shown: bool) -> str:
    """Return the names of the files that were written, and how many there are."""
    if is_only_shown:
        return f"{len(done.changed)} of {amount(done.seen, 'file')} would change\n"
    names = "".join(f"formatted {file.path}\n" for file in done.changed)
    return f"{names}{len(done.changed)} of {amount(done.seen, 'file')} changed\n"


def _policies(request: Request) -> list[Path]:
    """Return the policies of the fleet.

    Raises:
        FleetPolicyError: There are none.
    """
    found = places_of(request).policies
    if not found:
        raise FleetPolicyError(
            NO_FILES.at(
                Span("command line"),
                why="no path was named, and the settings name no policies",
                fix="name files or folders, such as policies/, or add -i",
            ),
            status=ExitStatus.USAGE,
        )
    return list(found)
