"""Turn arguments into what the pipeline works on."""

from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.pipeline.request import Request


def request_of(arguments: Namespace, output: Output) -> Request:
    """Return the request of a command line."""
    return Request(
        inventory=arguments.inventory,
        policies=tuple(arguments.policy),
        facts=arguments.facts,
        config=arguments.config,
        limit=arguments.limit,
        profile=output.profile,
        live=getattr(arguments, "live", False),
        offline=getattr(arguments, "offline", False),
        forks=getattr(arguments, "forks", 5),
        progress=output.progress,
        max_age=getattr(arguments, "max_age", ""),
    )
