"""Prove everything: the invariants over a domain and the laws of every function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN, Domain
from fleetpolicy.simcore.prove.exhaustive import prove_invariants
from fleetpolicy.simcore.prove.laws import (
    LONGEST,
    LawVerdict,
    check_arrival,
    check_combining,
    check_decoding,
    check_mapping,
)
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Semantics
from fleetpolicy.simcore.prove.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Proof:
    """Hold what a proof went over and what it found."""

    domain: Domain
    semantics: Semantics
    verdicts: tuple[Verdict, ...]
    laws: tuple[LawVerdict, ...]

    @property
    def is_green(self) -> bool:
        """Tell whether every law holds and exactly the known violations appear."""
        return all(verdict.is_as_expected for verdict in self.verdicts) and all(
            law.holds for law in self.laws
        )


def prove(
    domain: Domain = DEFAULT_DOMAIN, semantics: Semantics = ARCHITECTED, *, litmus: bool = True
) -> Proof:
    """Check every invariant over a domain and every law.

    Args:
        domain: What the regions are made of.
        semantics: The functions that the proof is about.
        litmus: Also execute programs of up to six accesses through every memory type; the
            invariants about arrival are decided by shorter ones in any case.
    """
    verdicts = prove_invariants(domain, semantics)
    laws = check_laws(semantics, longest=LONGEST if litmus else 0)
    return Proof(domain, semantics, verdicts, tuple(laws))


_GROUPS: tuple[tuple[Callable[[Semantics], Iterator[LawVerdict]], frozenset[str]], ...] = (
    (check_decoding, frozenset({"decode_mair", "decode_s2"})),
    (check_combining, frozenset({"decode_s2", "combine"})),
    (
        check_mapping,
        frozenset({"decode_s2", "combine", "kvm_stage2", "mismatch", "access_outcome", "withhold"}),
    ),
)
_ARRIVAL = frozenset({"rules"})
EVERY_FUNCTION = frozenset(field.name for field in fields(Semantics))


def check_laws(
    semantics: Semantics = ARCHITECTED,
    *,
    longest: int = LONGEST,
    about: frozenset[str] = EVERY_FUNCTION,
) -> Iterator[LawVerdict]:
    """Yield the verdict on every law.

    Args:
        semantics: The functions that the laws are about.
        longest: How many accesses a program may have; 0 to execute none.
        about: Leave out laws that are about none of these functions.
    """
    for check, functions in _GROUPS:
        if functions & about:
            yield from check(semantics)
    if longest and _ARRIVAL & about:
        yield from check_arrival(semantics, longest)
