"""Find out which invariants and laws notice each mutant."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from fleetpolicy.simcore.kvm import ERAS, Fault
from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN, FEATURES, Domain
from fleetpolicy.simcore.prove.exhaustive import prove_invariants
from fleetpolicy.simcore.prove.mutants import MUTANTS, Mutant
from fleetpolicy.simcore.prove.proof import check_laws
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Semantics
from fleetpolicy.simcore.vma import MemoryKind, Pgprot

_SHORT = 3
_SMALL = Domain(
    ERAS,
    tuple(cpu for cpu in FEATURES[:4] if cpu.fwb or not cpu.dic),
    tuple(
        vma
        for vma in DEFAULT_DOMAIN.vmas
        if vma.kind is not MemoryKind.ZONE_DEVICE
        and vma.pgprot in {Pgprot.NONCACHED, Pgprot.WRITECOMBINE, Pgprot.CACHED}
    ),
    (Fault(),),
)


@dataclass(frozen=True, slots=True)
class Kill:
    """Say what noticed a mutant; nobody if it survived.

    Args:
        invariants: The invariants whose verdict differs from the expected one.
        laws: The laws that do not hold.
    """

    mutant: Mutant
    invariants: tuple[str, ...]
    laws: tuple[str, ...]

    @property
    def is_dead(self) -> bool:
        """Tell whether anything noticed."""
        return bool(self.invariants or self.laws)


def kill_mutants(mutants: Iterable[Mutant] = MUTANTS, domain: Domain = _SMALL) -> tuple[Kill, ...]:
    """Prove each mutant over a small domain and return what fails.

    Args:
        mutants: The broken cores.
        domain: Small by default: a mutant that dies there dies in any larger one.
    """
    return tuple(_kill(mutant, domain) for mutant in mutants)


def _kill(mutant: Mutant, domain: Domain) -> Kill:
    broken = frozenset(
        field.name
        for field in fields(Semantics)
        if getattr(mutant.semantics, field.name) != getattr(ARCHITECTED, field.name)
    )
    verdicts = prove_invariants(domain, mutant.semantics)
    wrong = (verdict.invariant.id for verdict in verdicts if not verdict.is_as_expected)
    laws = check_laws(mutant.semantics, longest=_SHORT, about=broken)
    return Kill(
        mutant, tuple(dict.fromkeys(wrong)), tuple(law.name for law in laws if not law.holds)
    )
