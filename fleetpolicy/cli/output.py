"""Send a verb's product to the terminal and to files, in the formats that were asked for."""

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fleetpolicy.cli.formats import writer_of
from fleetpolicy.cli.pulse import Pulse
from fleetpolicy.cli.target import Target, read_targets, write_target
from fleetpolicy.diagnostics import (
    Diagnostic,
    ExitStatus,
    FleetPolicyError,
    Profile,
    Severity,
    silenced,
    spoken,
)
from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.report.colour import PLAIN, Palette
from fleetpolicy.report.document import exceptions_document, findings_document, silenced_document
from fleetpolicy.report.findings import count_findings, write_findings, write_idle, write_silenced
from fleetpolicy.report.product import Product

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
        targets: Where products go, and in what format.
        refused: What is wrong with targets that were asked for.
        unwritten: What could not be written in the end, collected as it happens: work on hosts
            goes on when a report is lost.
        pulse: Says that work goes on between two lines of progress.
    """

    targets: tuple[Target, ...] = (Target(),)
    palette: Palette = PLAIN
    profile: Profile = Profile.SAFETY
    strict: bool = False
    quiet: bool = False
    verbose: bool = False
    refused: tuple[Diagnostic, ...] = ()
    unwritten: list[Diagnostic] = field(default_factory=list)
    pulse: Pulse = field(default_factory=Pulse)

    @classmethod
    def of(cls, arguments: Namespace) -> "Output":
        """Return the output that the arguments ask for; targets that are wrong are left out."""
        targets, refused = read_targets(arguments.output, arguments.verb)
        return cls(
            targets=targets or cls().targets,
            palette=Palette(_wants_colour(arguments.color)),
            profile=Profile[getattr(arguments, "profile", "safety").upper()],
            strict=getattr(arguments, "strict", False),
            quiet=arguments.quiet,
            verbose=arguments.verbose,
            refused=refused,
        )

    def check(self) -> None:
        """Refuse to run where a product would be lost.

        Raises:
            FleetPolicyError: With status USAGE.
        """
        if self.refused:
            raise FleetPolicyError(*self.refused, status=ExitStatus.USAGE)

    def emit(
        self, verb: str, result: str, text: Callable[[Palette], str], parts: Mapping[str, object]
    ) -> None:
        """Write a product that is its text, and a document with its parts."""
        self.publish(Product(verb, result, text, lambda: parts))

    def publish(self, product: Product) -> None:
        """Write a product to every target."""
        checked = (item for check in product.checks for item in check.findings)
        found = (*product.findings, *product.drift, *checked)
        waived = silenced(found, self.profile)
        whole = replace(
            product,
            text=lambda palette: product.text(palette) + _idle_text(product, waived, palette),
            parts=lambda: {**product.parts(), **self._waived_parts(product, waived)},
            silenced=waived,
            findings=spoken(product.findings, self.profile),
            drift=spoken(product.drift, self.profile),
            profile=self.profile,
            strict=self.strict,
            folder=str(Path.cwd()),
            rules=lambda: all_rules().values(),
        )
        for target in self.targets:
            if target.form == "text":
                written = whole.text(self.palette if target.path is None else PLAIN)
            else:
                written = writer_of(target.form)(whole)
            failure = write_target(target, written)
            if failure:
                self.unwritten.append(failure)

    def _waived_parts(self, product: Product, waived: tuple[Diagnostic, ...]) -> dict[str, object]:
        """Return what exceptions silence, and those in force, as parts of a document."""
        parts: dict[str, object] = {}
        if waived:
            parts["silenced"] = silenced_document(waived, self.profile)
        if waived or product.in_force is not None:
            parts["exceptions"] = exceptions_document(product.in_force or (), waived)
        return parts

    def close(self, status: ExitStatus) -> ExitStatus:
        """Tell on standard error what could not be written; return the status that the run has."""
        if not self.unwritten:
            return status
        sys.stderr.write(write_findings(dict.fromkeys(self.unwritten), self.profile))
        return status or ExitStatus.USAGE

    def stop(self, verb: str, error: FleetPolicyError) -> None:
        """Write the findings that left a verb without a product.

        Where all goes to files, standard error is told as well.
        """
        self.emit_findings(verb, _RESULTS.get(error.status, "failed"), error.diagnostics)
        if all(target.path is not None for target in self.targets):
            sys.stderr.write(self.findings_text(error.diagnostics, PLAIN))

    def emit_findings(
        self, verb: str, result: str, findings: Iterable[Diagnostic], closing: str = ""
    ) -> None:
        """Write findings, their count, and a closing line."""
        found = tuple(findings)
        self.publish(
            Product(
                verb,
                result,
                lambda palette: self.findings_text(found, palette) + closing,
                lambda: {"findings": findings_document(found, self.profile)},
                findings=found,
            )
        )

    def findings_text(self, found: tuple[Diagnostic, ...], palette: Palette) -> str:
        """Return findings as text with their count; notes only where more was asked for.

        Silenced ones follow, a line each.
        """
        shown = tuple(
            item
            for item in spoken(found, self.profile)
            if self.verbose or item.severity(self.profile) is not Severity.INFO
        )
        waived = silenced(found, self.profile)
        text = write_findings(shown, self.profile, palette) + write_silenced(waived, palette)
        counted = count_findings((*shown, *waived), self.profile)
        return f"{text}{counted}\n" if text else ""

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
        self.begin(line)

    def begin(self, line: str) -> None:
        """Tell of work only if it takes long, unless progress is not wanted."""
        if not self.quiet:
            self.pulse.start(line)


def _idle_text(product: Product, waived: tuple[Diagnostic, ...], palette: Palette) -> str:
    """Return a line per exception in force that no line of a silenced finding tells of."""
    told = {item.waiver for item in waived}
    return write_idle((item for item in product.in_force or () if item not in told), palette)


def _wants_colour(choice: str) -> bool:
    if choice == "auto":
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"
