"""Report what a proof found."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from fleetpolicy.simcore.prove.judgement import Judgement, Violation
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core


class Status(StrEnum):
    """Name the outcomes of a proof."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    VACUOUS = "VACUOUS"


class Method(StrEnum):
    """Say how an invariant is decided."""

    ENUMERATION = "E"
    LITMUS = "L"
    ATTESTED = "A"
    BOOT = "boot"
    TOPOLOGY = "topo"


Check = Callable[[RegionPoint, Core], Judgement | None]


@dataclass(frozen=True, slots=True)
class Invariant:
    """Describe one invariant of the fleet.

    Args:
        id: I01 to I30.
        name: What findings call it.
        statement: What has to hold, in one sentence.
        source: The manual's section, kernel path or standard behind it.
        methods: How it is decided.
        check: Judges a region; None where the premise is not met.
        any_mapping: Whether the proof goes over mappings that no driver makes, too.
    """

    id: str
    name: str
    statement: str
    source: str
    methods: tuple[Method, ...]
    check: Check
    any_mapping: bool = False


@dataclass(frozen=True, slots=True)
class Witness:
    """Hold the smallest point at which an invariant fails."""

    region: RegionPoint
    violation: Violation


@dataclass(frozen=True, slots=True)
class Verdict:
    """Hold the outcome for one invariant under one kernel behaviour.

    Args:
        expected: Why a violation is known and accepted; empty where there must be none.
    """

    invariant: Invariant
    era: str
    points: int
    violations: int
    witness: Witness | None
    expected: str = ""

    @property
    def status(self) -> Status:
        """Return HOLDS, VIOLATED or VACUOUS."""
        if self.witness is not None:
            return Status.VIOLATED
        return Status.HOLDS if self.points else Status.VACUOUS

    @property
    def is_as_expected(self) -> bool:
        """Tell whether exactly the known violations appear."""
        return (self.status is Status.VIOLATED) is bool(self.expected)
