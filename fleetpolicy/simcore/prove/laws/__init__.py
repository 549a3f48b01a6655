"""State the laws that hold of each function of the core, beside the invariants of a fleet."""

from fleetpolicy.simcore.prove.laws.arrival import check_arrival
from fleetpolicy.simcore.prove.laws.combining import check_combining
from fleetpolicy.simcore.prove.laws.decoding import check_decoding
from fleetpolicy.simcore.prove.laws.facts import LONGEST
from fleetpolicy.simcore.prove.laws.law import Law, LawVerdict
from fleetpolicy.simcore.prove.laws.mapping import check_mapping

__all__ = [
    "LONGEST",
    "Law",
    "LawVerdict",
    "check_arrival",
    "check_combining",
    "check_decoding",
    "check_mapping",
]
