"""Work out what an edit does: the working tree against a revision, with no host touched."""

import os
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path

from fleetpolicy.compare import compare_sides
from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, silenced, spoken
from fleetpolicy.load import load_records, load_settings
from fleetpolicy.model.artifact import Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.radius import Radius, Side
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.simulation import Simulation
from fleetpolicy.pipeline.loading import Loaded, Looked, judge_ages, load, records_of
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.revision import Mirror, Revision, find_revision, mirror
from fleetpolicy.pipeline.work import Work, work_out


@dataclass(frozen=True, slots=True)
class Against:
    """The working tree's fleet, and how it differs from a revision's."""

    radius: Radius
    work: Work


def compare_with(request: Request, name: str) -> Against:
    """Return how the working tree's fleet differs from that of a revision.

    Hosts are judged by the facts that each side has recorded; where the revision has none, by those
    of the working tree. Simulated hosts without recorded facts are looked at once, for both.

    Raises:
        FleetPolicyError: The working tree cannot be worked out, or there is no such revision.
    """
    revision = find_revision(name, _folders(request))
    request = _reachable(replace(request, live=False), revision.root)
    loaded = load(request)
    looked = records_of(request, loaded, may_look=False)
    work = work_out(loaded, looked)
    after = _side(work, request, frozenset(loaded.inventory.hosts))
    with mirror(revision) as mirrored:
        found = _work_out_there(request, looked, mirrored)
    is_broken = not isinstance(found, Side)
    before = found if isinstance(found, Side) else _nothing(after.names, found)
    before = _as_shown(before, mirrored, revision)
    radius = compare_sides(
        before,
        after,
        revision=name,
        commit=revision.commit,
        profile=request.profile,
    )
    return Against(replace(radius, is_broken=is_broken), work)


def _folders(request: Request) -> list[Path]:
    """Return where a repository may be, the fleet's own place first."""
    named = [path for path in (request.inventory, *request.policies) if path]
    folders = [path if path.is_dir() else path.parent for path in named if path.exists()]
    return [*folders, Path.cwd()]


def _reachable(request: Request, root: Path) -> Request:
    """Return a request that means the same from within a mirror.

    Paths into the repository become relative, others absolute.
    """

    def spell(path: Path | None) -> Path | None:
        if path is None:
            return None
        whole = Path(os.path.abspath(path))  # noqa: PTH100 links stay as they are named
        inside = whole if whole.is_relative_to(root) else whole.resolve()
        return Path(os.path.relpath(inside)) if inside.is_relative_to(root) else whole

    config = request.config or load_settings(Path.cwd(), None).source
    return replace(
        request,
        inventory=spell(request.inventory),
        policies=tuple(path for item in request.policies if (path := spell(item))),
        facts=spell(request.facts),
        config=spell(request.config) or _outside(config, root),
    )


def _outside(config: Path | None, root: Path) -> Path | None:
    """Return settings that a mirror would not have; it finds its own by itself."""
    return None if config is None or config.resolve().is_relative_to(root) else config.resolve()


def _work_out_there(
    request: Request, shared: Looked, mirrored: Mirror
) -> Side | tuple[Diagnostic, ...]:
    """Return the revision's side, or why it cannot be loaded."""
    with chdir(mirrored.here):
        try:
            loaded = load(request)
        except FleetPolicyError as error:
            return spoken(error.diagnostics, request.profile)
        looked = _records_there(request, loaded, shared)
        known = {
            name: host
            for name, host in loaded.inventory.hosts.items()
            if name in looked.records or not shared.live
        }
        names = frozenset(loaded.inventory.hosts)
        loaded = replace(loaded, inventory=replace(loaded.inventory, hosts=known))
        return _side(work_out(loaded, looked), request, names)


def _records_there(request: Request, loaded: Loaded, shared: Looked) -> Looked:
    """Return the revision's own records, completed by those of the working tree."""
    folder = loaded.places.facts
    records, findings = load_records(folder) if folder else ({}, ())
    whole: Mapping[str, HostRecord] = {**shared.records, **records}
    wanted = {name: whole[name] for name in loaded.inventory.hosts if name in whole}
    if shared.live:
        return Looked(wanted, findings or shared.findings, live=True)
    old = judge_ages(request, loaded.places, wanted.values())
    return Looked(wanted, (*findings, *old), live=False)


def _side(work: Work, request: Request, names: frozenset[str]) -> Side:
    return Side(
        fleet=work.fleet,
        simulation=work.simulation,
        rendering=work.rendering,
        names=names,
        facts={name: record.facts_key for name, record in work.records.items()},
        findings=spoken(work.findings, request.profile),
        silenced=silenced(work.findings, request.profile),
    )


def _nothing(names: frozenset[str], findings: tuple[Diagnostic, ...]) -> Side:
    """Return a side on which no host could be worked out."""
    fleet = Fleet((), (), {}, "")
    return Side(fleet, Simulation(()), Rendering((), {}), names, {}, findings)


def _as_shown(side: Side, mirrored: Mirror, revision: Revision) -> Side:
    """Return a side whose findings name the places that the user knows."""
    there, here = str(mirrored.root), str(revision.root)

    def show(item: Diagnostic) -> Diagnostic:
        if there not in f"{item.span.path} {item.why} {item.fix}":
            return item
        span = item.span.called(item.span.path.replace(there, here))
        why, fix = item.why.replace(there, here), item.fix.replace(there, here)
        return replace(item, span=span, why=why, fix=fix)

    return replace(
        side,
        findings=tuple(show(item) for item in side.findings),
        silenced=tuple(show(item) for item in side.silenced),
    )
