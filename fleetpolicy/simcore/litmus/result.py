"""Report what an exhaustive execution found, in a form that a person can read."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """Describe one step of an execution: who did what, through which type, and its effect."""

    agent: str
    access: str
    memory: str
    seen: str

    def __str__(self) -> str:
        through = f" through {self.memory}" if self.memory else ""
        return f"{self.agent} {self.access}{through}; {self.seen}"


@dataclass(frozen=True, slots=True)
class Safe:
    """Report that no execution does harm.

    Args:
        states: How many states there are.
        executions: How many ways lead through them to the end.
    """

    states: int
    executions: int

    def __str__(self) -> str:
        return f"safe: {self.executions} executions over {self.states} states"


@dataclass(frozen=True, slots=True)
class Counterexample:
    """Report a shortest execution that does harm.

    Args:
        trace: The steps in the order in which the peripheral sees them.
        harm: What went wrong after the last step.
        states: How many states were looked at until then.
    """

    trace: tuple[Step, ...]
    harm: str
    states: int

    def __str__(self) -> str:
        lines = [f"{number}. {step}" for number, step in enumerate(self.trace, start=1)]
        return "\n".join((*lines, f"=> {self.harm}"))


Verdict = Safe | Counterexample
