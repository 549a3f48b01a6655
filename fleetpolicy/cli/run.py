"""Run one verb, and turn whatever happens into an exit status and words."""

import gc
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from fleetpolicy.cli.arguments import parse
from fleetpolicy.cli.output import Output
from fleetpolicy.cli.pipes import mute, mute_at_broken_pipe
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.pipeline.rules import NOT_USABLE
from fleetpolicy.report.findings import write_findings


def run(words: Sequence[str]) -> int:
    """Return the exit status of a command line."""
    try:
        arguments = parse(words)
    except SystemExit as end:
        return int(end.code or 0)
    gc.freeze()
    output = Output()
    try:
        output = Output.of(arguments)
        output.check()
        return int(output.close(_run_verb(arguments, output)))
    except FleetPolicyError as error:
        output.stop(arguments.verb, error)
        return int(output.close(error.status))
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing is half-written, run the command again\n")
        return int(ExitStatus.INTERRUPTED)
    except OSError as error:
        return _report_unusable(error, output)
    except Exception as error:  # noqa: BLE001 the last line before the user
        return _report_bug(error)
    finally:
        output.pulse.stop()


def _run_verb(arguments: Namespace, output: Output) -> ExitStatus:
    module = import_module(f"fleetpolicy.cli.verbs.{arguments.module}")
    status: ExitStatus = getattr(module, arguments.function)(arguments, output)
    with mute_at_broken_pipe():
        sys.stdout.flush()
    return status


def _report_unusable(error: OSError, output: Output) -> int:
    """Tell which file or folder the system refuses; it is the operator's to mend."""
    place = Span(str(error.filename)) if error.filename else Span("standard output")
    finding = NOT_USABLE.at(
        place,
        why=error.strerror or str(error),
        fix="name a place that is there and that you may use, or make room on it",
    )
    sys.stderr.write(write_findings((finding,), output.profile))
    try:
        sys.stdout.flush()
    except OSError:
        mute()
    return int(ExitStatus.INVALID)


def _report_bug(error: Exception) -> int:
    """Keep the trace for a report and tell where it is."""
    import tempfile  # noqa: PLC0415 for bugs alone
    import traceback  # noqa: PLC0415

    handle, name = tempfile.mkstemp(prefix="fleetpolicy-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        traceback.print_exception(error, file=log)
    sys.stderr.write(
        f"fleetpolicy: this is a bug: {type(error).__name__}: {error}\n"
        f"  fix: report it with the trace in {Path(name)}\n"
    )
    return int(ExitStatus.BUG)
