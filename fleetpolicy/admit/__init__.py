"""Ask libvirt's own schemas whether the libvirt of each host would admit its domains."""

from collections.abc import Iterator
from pathlib import Path

from fleetpolicy.admit.grammar import Fault, Grammar
from fleetpolicy.admit.rules import NOT_ADMITTED, NOT_JUDGED
from fleetpolicy.admit.schemas import SchemaSet, choose, find_schemas, spell
from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Subject
from fleetpolicy.model.artifact import Artifact, Rendering
from fleetpolicy.model.fleet import Fleet

_ELSEWHERE = "or name the folder of its release with --libvirt-schemas"


def admit(fleet: Fleet, rendering: Rendering, named: Path | None = None) -> tuple[Diagnostic, ...]:
    """Return what the schemas have against domains; equal ones are judged once.

    Args:
        fleet: Whose classes and hosts.
        rendering: Their domains.
        named: A folder with domain.rng, or with one such folder per release; None for what is
            installed here.

    Raises:
        FleetPolicyError: The folder that is named cannot be used.
    """
    if not rendering.domains:
        return ()
    try:
        sets = find_schemas(named)
        return tuple(_Admission(fleet, rendering, sets).judge_classes())
    except FleetPolicyError as error:
        if named:
            raise
        return tuple(
            NOT_JUDGED.at(item.span, why=item.why, fix=item.fix) for item in error.diagnostics
        )


class _Admission:
    """The schemas in use, and the grammars made of them so far."""

    def __init__(self, fleet: Fleet, rendering: Rendering, sets: tuple[SchemaSet, ...]) -> None:
        self._fleet = fleet
        self._rendering = rendering
        self._sets = sets
        self._grammars: dict[Path, Grammar] = {}

    def judge_classes(self) -> Iterator[Diagnostic]:
        """Yield the findings over the domains of one host of each class."""
        members: dict[int, list[str]] = {}
        for host in self._fleet.hosts:
            members.setdefault(host.index, []).append(host.name)
        for index, names in members.items():
            host_class = self._fleet.classes[index]
            domains = self._rendering.domains.get(names[0], ())
            if not domains or host_class.facts.libvirt is None:
                continue
            subject = Subject(names[0], tuple(names[1:]), "", host_class.facts_source)
            for domain in domains:
                yield from self._judge(domain, host_class.facts.libvirt.libvirt, subject)

    def _judge(self, domain: Artifact, version: int, subject: Subject) -> Iterator[Diagnostic]:
        chosen = choose(self._sets, version)
        grammar = self._grammar_of(chosen)
        is_admitted = grammar.admits(domain.content)
        if is_admitted and chosen.proves_good(version):
            return
        if not is_admitted and chosen.proves_bad(version):
            for fault in grammar.faults(domain.content):
                yield _refuse(domain, chosen, fault, subject)
            return
        yield NOT_JUDGED.at(
            domain.origins[0],
            why=f"guest {domain.name} is for libvirt {spell(version)}, and {chosen} are "
            + ("newer and may know more" if is_admitted else "older and do not know all of it"),
            fix=f"install the schemas of libvirt {spell(version)} here, {_ELSEWHERE}",
            subject=subject,
        )

    def _grammar_of(self, chosen: SchemaSet) -> Grammar:
        if chosen.folder not in self._grammars:
            self._grammars[chosen.folder] = Grammar(chosen.folder)
        return self._grammars[chosen.folder]


def _refuse(domain: Artifact, chosen: SchemaSet, fault: Fault, subject: Subject) -> Diagnostic:
    return NOT_ADMITTED.at(
        domain.origins[0],
        why=f"line {fault.line} of {domain.path}, {fault.path}: {fault.said}; says "
        f"{chosen.file} ({chosen.release})",
        fix=f"change what causes it in guest {domain.name} or its template; "
        f"fleetpolicy render --host {subject.host} shows the file",
        subject=subject,
    )
