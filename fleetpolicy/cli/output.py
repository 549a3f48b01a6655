"""Send a verb's product to the terminal and to files, in the formats that were asked for."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import (
    Diagnostic,
    ExitStatus,
    FleetPolicyError,
    Profile,
    Severity,
    Span,
    spoken,
)
from fleetpolicy.pipeline.rules import BAD_OUTPUT
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.document import findings_document, write_document
from fleetpolicy.report.findings import count_findings, write_findings

_RESULTS = {
    ExitStatus.INVALID: "invalid",
    ExitStatus.STOPPED: "stopped",
    ExitStatus.UNREACHABLE: "unreachable",
    ExitStatus.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class Output:
    """Where a run's words go, and how strict it is.

    Args:
        targets: Format and file; None stands for standard output.
    """

    targets: tuple[tuple[str, Path | None], ...] = (("text", None),)
    palette: Palette = PLAIN
    profile: Profile = Profile.SAFETY
    strict: bool = False
    quiet: bool = False
    verbose: bool = False

    @classmethod
    def of(cls, arguments: Namespace) -> "Output":
        """Return the output that the arguments ask for."""
        return cls(
            targets=tuple(_target(word) for word in arguments.output) or cls().targets,
            palette=Palette(_wants_colour(arguments.color)),
            profile=Profile[getattr(arguments, "profile", "safety").upper()],
            strict=getattr(arguments, "strict", False),
            quiet=arguments.quiet,
            verbose=arguments.verbose,
        )

    def emit(
        self, verb: str, result: str, text: Callable[[Palette], str], parts: Mapping[str, object]
    ) -> None:
        """Write a product to every target: its text, or a document with its parts."""
        for form, path in self.targets:
            if form == "json":
                written = write_document(verb, result, **parts)
            else:
                written = text(self.palette if path is None else PLAIN)
            if path is None:
                sys.stdout.write(written)
            else:
                path.write_text(written)

    def stop(self, verb: str, error: FleetPolicyError) -> None:
        """Write the findings that left a verb without a product."""
        self.emit_findings(verb, _RESULTS.get(error.status, "failed"), error.diagnostics)

    def emit_findings(
        self, verb: str, result: str, findings: Iterable[Diagnostic], closing: str = ""
    ) -> None:
        """Write findings, their count, and a closing line."""
        found = spoken(tuple(findings), self.profile)
        self.emit(
            verb,
            result,
            lambda palette: self.findings_text(found, palette) + closing,
            {"findings": findings_document(found, self.profile)},
        )

    def findings_text(self, found: tuple[Diagnostic, ...], palette: Palette) -> str:
        """Return findings as text with their count; notes only where more was asked for."""
        shown = tuple(
            item
            for item in found
            if self.verbose or item.severity(self.profile) is not Severity.INFO
        )
        text = write_findings(shown, self.profile, palette)
        return f"{text}{count_findings(shown, self.profile)}\n" if shown else ""

    def fails(self, findings: Iterable[Diagnostic]) -> bool:
        """Tell whether findings stop the run: errors, and under --strict warnings."""
        bad = {Severity.ERROR, Severity.WARNING} if self.strict else {Severity.ERROR}
        return any(
            item.severity(self.profile) in bad for item in spoken(tuple(findings), self.profile)
        )

    def progress(self, line: str) -> None:
        """Write a line of progress, unless it is not wanted."""
        if not self.quiet:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


def _target(word: str) -> tuple[str, Path | None]:
    form, equals, path = word.partition("=")
    if form not in {"text", "json"} or (equals and not path):
        raise FleetPolicyError(
            BAD_OUTPUT.at(
                Span("command line"),
                why=f"--output {word}: the formats are text and json",
                fix="write --output json, or --output json=FILE",
            ),
            status=ExitStatus.USAGE,
        )
    return form, Path(path) if path else None


def _wants_colour(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"
