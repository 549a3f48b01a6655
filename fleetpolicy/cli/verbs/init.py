"""Lay out a policy repository."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.pipeline.starting import start_repository


def init(arguments: Namespace, output: Output) -> ExitStatus:
    """Write the files, and say what to do next."""
    files = [str(path) for path in start_repository(arguments.folder)]
    own = [path for path in files if "schemas" not in path.split("/")]
    told = "".join(f"wrote {path}\n" for path in own)
    schemas = len(files) - len(own)
    closing = f"wrote {schemas} schemas for editors\nnext: fleetpolicy validate, then README.md\n"
    output.emit("init", "ok", lambda _: told + closing, {"files": files})
    return ExitStatus.DONE
