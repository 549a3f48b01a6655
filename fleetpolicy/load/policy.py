"""Load a fleet's policy: its documents, the shipped catalogue, and all that is wrong with them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load.document import SourceDocument
from fleetpolicy.load.files import PolicyFile, read_files
from fleetpolicy.load.headers import KINDS, MODELS, Header, PolicyDocument, read_header
from fleetpolicy.load.rollouts import check_window
from fleetpolicy.load.rules import AMBIGUOUS_PROFILE, DUPLICATE_DOCUMENT, ONE_FLEET_POLICY
from fleetpolicy.load.source import FINDING_LIMIT, parse_source, stop_telling
from fleetpolicy.load.templates import as_files, read_templates
from fleetpolicy.load.validation import judge
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.parameters import ParameterEntry, ParameterProfile
from fleetpolicy.model.policy import API_VERSION, DevicePolicy, FleetPolicy
from fleetpolicy.model.policyset import Located, PolicySet
from fleetpolicy.model.profiles import (
    DeviceProfile,
    DriverProfile,
    KernelProfile,
    PlatformProfile,
)
from fleetpolicy.model.rollout import Rollout
from fleetpolicy.model.scalars import canonical_module

CATALOGUE = Path(__file__).resolve().parent.parent / "catalogue"
M = TypeVar("M", bound=PolicyDocument)
D = TypeVar("D", DriverProfile, DeviceProfile)


class _Entry(Struct, frozen=True):
    """A document that its model accepted."""

    header: Header
    located: Located[Any]
    is_shipped: bool


@dataclass(slots=True)
class _Shelf:
    """What was read so far.

    Args:
        claimed: Place of each kind and name, those of rejected documents included.
        is_whole: Every document could at least be parsed.
    """

    entries: list[_Entry] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    claimed: dict[tuple[str, str, bool], Span] = field(default_factory=dict)
    fleets: list[Span] = field(default_factory=list)
    is_whole: bool = True


def load_policies(paths: Sequence[Path]) -> tuple[PolicySet, tuple[Diagnostic, ...]]:
    """Return the policy that files and folders hold, the shipped catalogue added.

    Returns:
        A site's profile takes the place of the shipped one of its name, module or id.

    Raises:
        FleetPolicyError: With every finding, if any of them is an error.
    """
    files, shelf = _read_all(paths)
    _check_fleets(shelf, paths)
    drivers = _index(shelf, DriverProfile, lambda model: (canonical_module(model.spec.module),))
    devices = _index(shelf, DeviceProfile, lambda model: model.spec.ids)
    parameters = _parameters(shelf)
    rollouts = _of_kind(shelf, Rollout)
    shelf.findings += (finding for item in rollouts for finding in check_window(item))
    guests = _of_kind(shelf, Guest)
    templates, missing = read_templates(guests)
    shelf.findings += missing
    if shelf.findings:
        raise FleetPolicyError(*shelf.findings)
    fleet = _of_kind(shelf, FleetPolicy)[0]
    return PolicySet(
        fleet=fleet,
        device_policies=_of_kind(shelf, DevicePolicy),
        guests=guests,
        kernels=_of_kind(shelf, KernelProfile),
        drivers=drivers,
        devices=devices,
        platforms=_of_kind(shelf, PlatformProfile),
        revision=_digest((*files, *as_files(templates))),
        exceptions=_of_kind(shelf, PolicyException),
        rollouts=rollouts,
        parameters=parameters,
        templates=templates,
    ), ()


def _read_all(paths: Sequence[Path]) -> tuple[tuple[PolicyFile, ...], _Shelf]:
    """Return the files, those of the catalogue last, and what stands in them."""
    files, unread = read_files(paths)
    shipped = tuple(
        PolicyFile(f"catalogue/{file.name}", f"catalogue/{file.name}", file.data, is_shipped=True)
        for file in read_files([CATALOGUE])[0]
    )
    shelf = _Shelf(findings=list(unread), is_whole=not unread)
    for file in (*files, *shipped):
        _read_documents(file, shelf)
    return (*files, *shipped), shelf


def _read_documents(file: PolicyFile, shelf: _Shelf) -> None:
    source = parse_source(file.data, file.shown)
    shelf.findings += source.findings
    shelf.is_whole = shelf.is_whole and not source.findings
    enough = len(shelf.findings) + FINDING_LIMIT
    for document in source.documents:
        if len(shelf.findings) >= enough:
            shelf.findings.append(stop_telling(file.shown))
            shelf.is_whole = False
            return
        header, found = read_header(document)
        shelf.findings += found
        if header is None:
            shelf.is_whole = False
            continue
        _claim(document, header, file, shelf)
        judged = document
        if found:  # of the version: the kind's model shall judge the rest nevertheless
            judged = document.with_data({**document.data, "apiVersion": API_VERSION})
        model, findings = judge(judged, MODELS[header.kind])
        shelf.findings += findings
        if model is not None:
            located: Located[Any] = Located(model, document.span_of)
            shelf.entries.append(_Entry(header, located, file.is_shipped))


def _claim(document: SourceDocument, header: Header, file: PolicyFile, shelf: _Shelf) -> None:
    """Note a document's kind and name, and whether another has them."""
    span = document.span_of(())
    if header.kind == "FleetPolicy":
        shelf.fleets.append(span)
    if not header.name:
        return
    first = shelf.claimed.setdefault((header.kind, header.name, file.is_shipped), span)
    if first is not span:
        shelf.findings.append(
            DUPLICATE_DOCUMENT.at(
                document.span_of(("metadata", "name")),
                why=f"{header.kind} {header.name:.60} is at {first} and here",
                fix="rename one of them, or remove it",
            )
        )


def _check_fleets(shelf: _Shelf, paths: Sequence[Path]) -> None:
    for span in shelf.fleets[1:]:
        why = f"one is at {shelf.fleets[0]}, another here"
        fix = "put what both say into one FleetPolicy"
        shelf.findings.append(ONE_FLEET_POLICY.at(span, why=why, fix=fix))
    if shelf.fleets or not shelf.is_whole:
        return
    span = Span(str(paths[0])) if paths else Span("command line")
    looked = ", ".join(str(path) for path in paths) or "no policy was named"
    shelf.findings.append(
        ONE_FLEET_POLICY.at(
            span,
            why=f"there is none in {looked}" if paths else looked,
            fix="add a document of kind FleetPolicy"
            if paths
            else "add -i or --policy, or name policies in fleetpolicy.yaml",
        )
    )


def _of_kind(shelf: _Shelf, model: type[M]) -> tuple[Located[M], ...]:
    """Return the documents of a kind by name, a site's before those that are shipped."""
    chosen = [item for item in shelf.entries if item.header.kind == KINDS[model]]
    own = {item.header.name for item in chosen if not item.is_shipped}
    kept = (item for item in chosen if not (item.is_shipped and item.header.name in own))
    ordered = sorted(kept, key=lambda item: (item.is_shipped, item.header.name))
    return tuple(cast("Located[M]", item.located) for item in ordered)


def _index(
    shelf: _Shelf, model: type[D], keys_of: Callable[[D], Iterable[str]]
) -> dict[str, Located[D]]:
    """Return profiles by their keys, sorted; a site's wins over a shipped one."""
    found: dict[str, Located[D]] = {}
    own: dict[str, Span] = {}
    site = {id(item.located) for item in shelf.entries if not item.is_shipped}
    for located in _of_kind(shelf, model):
        for key in keys_of(located.model):
            if id(located) in site:
                first = own.setdefault(key, located.span)
                if first is not located.span and key in found:
                    shelf.findings.append(_ambiguous(model.__name__, key, first, located.span))
            found.setdefault(key, located)
    return dict(sorted(found.items()))


def _parameters(shelf: _Shelf) -> dict[str, ParameterEntry]:
    """Return the parameters of the kernel by name, a site's before those that are shipped."""
    site = {id(item.located) for item in shelf.entries if not item.is_shipped}
    found: dict[str, ParameterEntry] = {}
    own: dict[str, Span] = {}
    for located in _of_kind(shelf, ParameterProfile):
        for written, entry in located.model.spec.parameters.items():
            name = canonical_module(written)
            if id(located) in site:
                place = located.span_of(("spec", "parameters", written))
                first = own.setdefault(name, place)
                if first is not place:
                    shelf.findings.append(_ambiguous("ParameterProfile", written, first, place))
            found.setdefault(name, entry)
    return found


def _ambiguous(kind: str, key: str, first: Span, second: Span) -> Diagnostic:
    return AMBIGUOUS_PROFILE.at(
        second,
        why=f"{key} has a {kind} at {first} and one here",
        fix="keep one of them",
    )


def _digest(files: Iterable[PolicyFile]) -> str:
    """Return the revision: a digest over the names and bytes of the files."""
    digest = sha256()
    for file in sorted(files, key=lambda item: (item.name, item.data)):
        name = file.name.encode("utf-8", "surrogateescape")
        digest.update(b"%d:%s:%d:" % (len(name), name, len(file.data)))
        digest.update(file.data)
    return digest.hexdigest()
