"""Hold what differs between two revisions of a fleet's policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleetpolicy.diagnostics import Diagnostic, Profile, Span
from fleetpolicy.model.artifact import ArtifactKind, Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.simulation import RegionMapping, Simulation


class Shift(StrEnum):
    """What becomes of a region's mapping, as a guest notices it."""

    STRONGER = "stronger"
    WEAKER = "weaker"
    COHERENCE_LOST = "coherence lost"
    COHERENCE_GAINED = "coherence gained"
    REFUSED = "refused now"
    ACCEPTED = "no longer refused"
    ASSIGNED = "assigned"
    RELEASED = "released"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Side:
    """A fleet as one revision has it.

    Args:
        names: The hosts of its inventory that --limit leaves, whether worked out or not.
        facts: Host to the key of the facts that it was judged by.
        findings: Those of every stage, as far as the profile lets them through.
        silenced: Those among them that an Exception silences; `findings` is without them.
    """

    fleet: Fleet
    simulation: Simulation
    rendering: Rendering
    names: frozenset[str]
    facts: Mapping[str, bytes]
    findings: tuple[Diagnostic, ...]
    silenced: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class ArtifactChange:
    """A file or a domain that the revisions render differently.

    Args:
        name: The domain's name for a domain, else empty.
        before: Its text; empty for one that is new.
        after: Its text; empty for one that goes.
        shape: Path and texts without names and UUIDs: equal where only those differ.
    """

    verb: Verb
    path: str
    kind: ArtifactKind
    name: str
    before: str
    after: str
    shape: tuple[str, str, str]
    origins: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class MappingChange:
    """A region whose mapping differs; None on the side that does not assign the device."""

    device: str
    id: str
    region: str
    before: RegionMapping | None
    after: RegionMapping | None
    shift: Shift


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Hosts that change alike.

    Args:
        hosts: Sorted.
        artifacts: Files before domains, each sorted by path; names are those of the first host.
        boot_kinds: The kinds of artefact that make the hosts reboot; empty when they need not.
        guests_off: Host to the guests that must be off meanwhile; hosts with none are left out.
    """

    hosts: tuple[str, ...]
    artifacts: tuple[ArtifactChange, ...]
    mappings: tuple[MappingChange, ...]
    boot_kinds: tuple[str, ...]
    guests_off: Mapping[str, tuple[str, ...]]

    @property
    def reboots(self) -> bool:
        """Whether the hosts reboot."""
        return bool(self.boot_kinds)


@dataclass(frozen=True, slots=True)
class Move:
    """Hosts that enter or leave the fleet for one reason."""

    hosts: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Radius:
    """What an edit does to a fleet: the difference between a revision and the working tree.

    Args:
        revision: As the user named it.
        commit: Its full hash.
        profile: How strict findings are judged.
        total: How many hosts the working tree's fleet has.
        groups: The biggest first.
        new: Findings that the revision does not have.
        gone: Findings that the revision alone has.
        silenced: Findings that an Exception silences, and did not in the revision.
        unsilenced: Findings that an Exception silenced in the revision, and does no more.
        other_facts: Hosts that the two sides judge by different facts, sorted.
        is_broken: Whether the revision's own policy or inventory cannot be loaded.
    """

    revision: str
    commit: str
    profile: Profile
    total: int
    groups: tuple[ChangeGroup, ...]
    entering: tuple[Move, ...]
    leaving: tuple[Move, ...]
    new: tuple[Diagnostic, ...]
    gone: tuple[Diagnostic, ...]
    other_facts: tuple[str, ...]
    is_broken: bool = False
    silenced: tuple[Diagnostic, ...] = ()
    unsilenced: tuple[Diagnostic, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes for anybody."""
        changes = (self.groups, self.entering, self.leaving, self.new, self.gone)
        return not any((*changes, self.silenced, self.unsilenced))
