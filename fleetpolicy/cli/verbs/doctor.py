"""Say what is missing on this machine, and where the settings come from."""

from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.pipeline.examining import (
    MISSING,
    Item,
    Origin,
    examine_hosts,
    examine_machine,
    examine_places,
)


def doctor(arguments: Namespace, output: Output) -> ExitStatus:
    """Print each item with its fix; --live looks at the hosts as well."""
    request = request_of(arguments, output)
    placed, origins = examine_places(request)
    items = (*examine_machine(), *placed, *(examine_hosts(request) if arguments.live else ()))
    failed = any(item.status == MISSING for item in items)
    parts = {
        "items": [asdict(item) for item in items],
        "settings": [asdict(origin) for origin in origins],
    }
    text = "".join(f"{line}\n" for line in (*_tell(items), *_tell_origins(origins)))
    output.emit("doctor", "invalid" if failed else "ok", lambda _: text, parts)
    return ExitStatus.INVALID if failed else ExitStatus.DONE


def _tell(items: Iterable[Item]) -> Iterator[str]:
    for item in items:
        yield f"{item.status:<9} {item.name:<17} {item.seen}"
        if item.fix:
            yield f"{'':<9} {'':<17} fix: {item.fix}"


def _tell_origins(origins: Iterable[Origin]) -> Iterator[str]:
    for origin in origins:
        yield f"{'setting':<9} {origin.name:<17} {origin.value}  <- {origin.source}"
