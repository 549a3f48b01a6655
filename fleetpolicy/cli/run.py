"""Run one verb, and turn whatever happens into an exit status and words."""

import gc
import os
import sys
import tempfile
import traceback
from argparse import Namespace
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from fleetpolicy.cli.arguments import parse
from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError


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
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitStatus.DONE)
    except Exception as error:  # noqa: BLE001 the last line before the user
        return _report_bug(error)


def _run_verb(arguments: Namespace, output: Output) -> ExitStatus:
    module = import_module(f"fleetpolicy.cli.verbs.{arguments.module}")
    status: ExitStatus = getattr(module, arguments.function)(arguments, output)
    sys.stdout.flush()
    return status


def _report_bug(error: Exception) -> int:
    """Keep the trace for a report and tell where it is."""
    handle, name = tempfile.mkstemp(prefix="fleetpolicy-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        traceback.print_exception(error, file=log)
    sys.stderr.write(
        f"fleetpolicy: this is a bug: {type(error).__name__}: {error}\n"
        f"  fix: report it with the trace in {Path(name)}\n"
    )
    return int(ExitStatus.BUG)
