"""Prove thirty invariants over every combination of hosts and guests, or over a given fleet."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetpolicy.simcore.prove.certifying import (
        CORE_VERSION,
        FORMAT_VERSION,
        certificate,
        certificate_schema,
        digests,
    )
    from fleetpolicy.simcore.prove.domain import DEFAULT_DOMAIN, Domain, attest
    from fleetpolicy.simcore.prove.exhaustive import EXPECTED, prove_invariants
    from fleetpolicy.simcore.prove.hazard import SCENARIOS, Hazard, Scenario, hazards
    from fleetpolicy.simcore.prove.invariants import INVARIANTS
    from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
    from fleetpolicy.simcore.prove.killing import Kill, kill_mutants
    from fleetpolicy.simcore.prove.laws import Law, LawVerdict
    from fleetpolicy.simcore.prove.mutants import MUTANTS, Mutant
    from fleetpolicy.simcore.prove.proof import Proof, check_laws, prove
    from fleetpolicy.simcore.prove.region import Attested, RegionPoint, Surroundings, Workload
    from fleetpolicy.simcore.prove.run import prove_fleet
    from fleetpolicy.simcore.prove.scenes import observe_boot
    from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Core, Semantics
    from fleetpolicy.simcore.prove.verdict import Invariant, Method, Status, Verdict, Witness

__all__ = [
    "ARCHITECTED",
    "CORE_VERSION",
    "DEFAULT_DOMAIN",
    "EXPECTED",
    "FORMAT_VERSION",
    "INVARIANTS",
    "MUTANTS",
    "SCENARIOS",
    "Attested",
    "Core",
    "Domain",
    "Harmed",
    "Hazard",
    "Invariant",
    "Judgement",
    "Kill",
    "Law",
    "LawVerdict",
    "Method",
    "Mutant",
    "Proof",
    "RegionPoint",
    "Scenario",
    "Semantics",
    "Status",
    "Surroundings",
    "Verdict",
    "Violation",
    "Witness",
    "Workload",
    "attest",
    "certificate",
    "certificate_schema",
    "check_laws",
    "digests",
    "hazards",
    "kill_mutants",
    "observe_boot",
    "prove",
    "prove_fleet",
    "prove_invariants",
]

_NAMES = {
    "certifying": (
        "CORE_VERSION",
        "FORMAT_VERSION",
        "certificate",
        "certificate_schema",
        "digests",
    ),
    "domain": (
        "DEFAULT_DOMAIN",
        "Domain",
        "attest",
    ),
    "exhaustive": ("EXPECTED", "prove_invariants"),
    "hazard": (
        "SCENARIOS",
        "Hazard",
        "Scenario",
        "hazards",
    ),
    "invariants": ("INVARIANTS",),
    "judgement": (
        "Harmed",
        "Judgement",
        "Violation",
    ),
    "killing": (
        "Kill",
        "kill_mutants",
    ),
    "laws": (
        "Law",
        "LawVerdict",
    ),
    "mutants": (
        "MUTANTS",
        "Mutant",
    ),
    "proof": (
        "Proof",
        "check_laws",
        "prove",
    ),
    "region": (
        "Attested",
        "RegionPoint",
        "Surroundings",
        "Workload",
    ),
    "run": ("prove_fleet",),
    "scenes": ("observe_boot",),
    "semantics": (
        "ARCHITECTED",
        "Core",
        "Semantics",
    ),
    "verdict": (
        "Invariant",
        "Method",
        "Status",
        "Verdict",
        "Witness",
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load what is asked for: judging a fleet needs a few of the parts."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
