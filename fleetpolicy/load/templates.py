"""Read the templates that guests name, each once; whether they are domains is judged later."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.load.files import PolicyFile, read_file
from fleetpolicy.load.rules import UNREADABLE
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.template import Template


def read_templates(
    guests: Iterable[Located[Guest]],
) -> tuple[dict[str, Template], tuple[Diagnostic, ...]]:
    """Return the templates by the names of their guests, and what could not be read."""
    templates: dict[str, Template] = {}
    findings: list[Diagnostic] = []
    by_path: dict[Path, bytes | Diagnostic] = {}
    for guest in guests:
        named = guest.model.spec.template
        if not named:
            continue
        span = guest.span_of(("spec", "template"))
        path = Path(span.path).parent / named
        if path not in by_path:
            by_path[path] = read_file(path) if path.exists() else _missing(guest)
        data = by_path[path]
        if isinstance(data, Diagnostic):
            why = f"{path}: {data.why}"
            findings.append(UNREADABLE.at(span, why=why, fix=data.fix))
        else:
            digest = sha256(data).hexdigest()
            templates[guest.model.metadata.name] = Template(str(path), data, digest)
    return templates, tuple(findings)


def _missing(guest: Located[Guest]) -> Diagnostic:
    span = guest.span_of(("spec", "template"))
    fix = "correct the path, which leads from the policy's own folder"
    return UNREADABLE.at(span, why="there is no such file", fix=fix)


def as_files(templates: dict[str, Template]) -> tuple[PolicyFile, ...]:
    """Return the templates as files that a revision is made of."""
    return tuple(
        PolicyFile(f"template of {name}", template.path, template.data)
        for name, template in sorted(templates.items())
    )
