"""Turn arguments and the environment into what the pipeline works on."""

import os
from argparse import Namespace
from pathlib import Path

from fleetpolicy.cli.output import Output
from fleetpolicy.pipeline.request import Request

_NAMES = ("config", "inventory", "facts", "policies")


def request_of(arguments: Namespace, output: Output) -> Request:
    """Return the request of a command line; what no flag says, the environment may."""
    flags: dict[str, tuple[Path, ...]] = {
        "config": _given(arguments, "config"),
        "inventory": _given(arguments, "inventory"),
        "facts": _given(arguments, "facts"),
        "policies": tuple(getattr(arguments, "policy", ())),
    }
    variables = {name: _from_environment(name) for name in _NAMES}
    chosen = {name: flags[name] or variables[name] for name in _NAMES}
    named_by = {
        name: "command line" if flags[name] else _variable(name) for name in _NAMES if chosen[name]
    }
    return Request(
        inventory=next(iter(chosen["inventory"]), None),
        policies=chosen["policies"],
        facts=next(iter(chosen["facts"]), None),
        config=next(iter(chosen["config"]), None),
        limit=getattr(arguments, "limit", ""),
        profile=output.profile,
        live=getattr(arguments, "live", False),
        offline=getattr(arguments, "offline", False),
        forks=getattr(arguments, "forks", 5),
        progress=output.progress,
        max_age=getattr(arguments, "max_age", ""),
        schemas=getattr(arguments, "libvirt_schemas", None),
        named_by=named_by,
    )


def _given(arguments: Namespace, name: str) -> tuple[Path, ...]:
    path: Path | None = getattr(arguments, name, None)
    return (path,) if path else ()


def _variable(name: str) -> str:
    return f"FLEETPOLICY_{name.upper()}"


def _from_environment(name: str) -> tuple[Path, ...]:
    """Return what a variable names; policies may be several, as in PATH."""
    value = os.environ.get(_variable(name), "")
    parts = value.split(os.pathsep) if name == "policies" else [value]
    return tuple(Path(part) for part in parts if part)
