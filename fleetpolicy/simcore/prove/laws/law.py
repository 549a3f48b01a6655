"""State a law and what came of checking it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LawVerdict:
    """Hold the outcome for one law.

    Args:
        counterexample: The first case that breaks the law, in words; empty if it holds.
    """

    name: str
    statement: str
    source: str
    points: int
    counterexample: str

    @property
    def holds(self) -> bool:
        """Tell whether no case breaks the law."""
        return not self.counterexample


@dataclass(frozen=True, slots=True)
class Law:
    """Name what has to hold of one function, whatever a fleet looks like."""

    name: str
    statement: str
    source: str

    def judge(self, cases: Iterable[str]) -> LawVerdict:
        """Return the verdict over cases, each given as what is wrong with it."""
        points, first = 0, ""
        for wrong in cases:
            points += 1
            first = first or wrong
        return LawVerdict(self.name, self.statement, self.source, points, first)


Verdicts = Iterator[LawVerdict]
