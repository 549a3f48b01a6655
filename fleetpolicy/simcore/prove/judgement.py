"""Say what is wrong at one region, and who is hurt."""

from dataclasses import dataclass
from enum import StrEnum

from fleetpolicy.simcore.access import Translation


class Harmed(StrEnum):
    """Say who comes to harm."""

    HOST = "host"
    OTHER_GUEST = "other guest"
    SELF = "self"


@dataclass(frozen=True, slots=True)
class Violation:
    """Say in what way a region breaks an invariant.

    Args:
        why: The values that disagree.
        harmed: Who may be hurt.
        translation: The guest's choice and its result, where they matter.
        trace: A counterexample in numbered steps, where one was executed.
    """

    why: str
    harmed: Harmed
    translation: Translation | None = None
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Hold the number of points that were judged in a region, and the first violation."""

    points: int
    violation: Violation | None = None
