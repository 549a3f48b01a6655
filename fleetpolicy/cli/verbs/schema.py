"""Print or write the JSON Schemas."""

import sys
from argparse import Namespace
from difflib import get_close_matches

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.rules import UNKNOWN_SUBJECT
from fleetpolicy.pipeline.schemas import all_schemas


def schema(arguments: Namespace, output: Output) -> ExitStatus:
    """Print one kind's schema, the list of kinds, or write every schema into a folder."""
    schemas = all_schemas()
    if arguments.write:
        arguments.write.mkdir(parents=True, exist_ok=True)
        for name, body in schemas.items():
            (arguments.write / name).write_text(body)
        output.progress(f"{amount(len(schemas), 'schema')} written to {arguments.write}")
        return ExitStatus.DONE
    if not arguments.kind:
        sys.stdout.write("".join(f"{name.removesuffix('.json')}\n" for name in schemas))
        return ExitStatus.DONE
    text = schemas.get(f"{arguments.kind}.json")
    if text is None:
        kinds = [name.removesuffix(".json") for name in schemas]
        near = get_close_matches(arguments.kind, kinds, n=1)
        raise FleetPolicyError(
            UNKNOWN_SUBJECT.at(
                Span("command line"),
                why=f"there is no kind {arguments.kind}; there are {', '.join(kinds)}",
                fix=f"write {near[0]}" if near else "name one of these",
            ),
            status=ExitStatus.USAGE,
        )
    sys.stdout.write(text)
    return ExitStatus.DONE
