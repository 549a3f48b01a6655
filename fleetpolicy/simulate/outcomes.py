"""Work out what becomes of every wish of a guest for a region, and who can be hurt."""

from collections.abc import Iterable

from fleetpolicy.model.fleet import HostClass, Region
from fleetpolicy.model.simulation import Outcome
from fleetpolicy.simcore import (
    IMPDEF_CHOICES,
    MemoryAttributes,
    Refused,
    combine,
    guest_choices,
    kvm_stage2,
    pgprot_attributes,
    stage2_attributes,
    type_name,
)
from fleetpolicy.simcore.alias import Alias, Mismatch, Repair, mismatch
from fleetpolicy.simcore.attributes import CpuFeatures, type_order

NOBODY, ITSELF, ANOTHER = "nobody", "the guest itself", "another guest"

_REPAIRS = {
    Repair.NOT_NEEDED: "none needed",
    Repair.BARRIER: "DMB between",
    Repair.CACHE_MAINTENANCE: "cache maintenance",
    Repair.FULL_CACHE_MAINTENANCE: "full cache maintenance",
}


def list_outcomes(host_class: HostClass, region: Region) -> tuple[Outcome, ...]:
    """Return the outcomes of all stage-1 choices, by the final type.

    Returns:
        Nothing where KVM installs nothing, or has no such choice (x86).

    Source:
        Arm DDI 0487, tables D8-97 to D8-103 and B2.11; Linux, arch/arm64/kvm/mmu.c.
    """
    if host_class.kernel is None:
        return ()
    features = host_class.features
    choice = kvm_stage2(host_class.kernel.behaviour, region.vma, features)
    if isinstance(choice, Refused):
        return ()
    s2 = stage2_attributes(choice, features)
    asked: dict[str, set[MemoryAttributes]] = {}
    finals: dict[str, set[MemoryAttributes]] = {}
    for s1 in guest_choices(features):
        for impdef in IMPDEF_CHOICES:
            final = combine(s1, s2, fwb=features.fwb, impdef=impdef)
            finals.setdefault(type_name(final), set()).add(final)
            asked.setdefault(type_name(final), set()).add(s1)
    ordered = sorted(finals, key=lambda name: type_order(next(iter(finals[name]))))
    return tuple(_outcome(region, finals[name], asked[name], features) for name in ordered)


def _outcome(
    region: Region,
    finals: set[MemoryAttributes],
    asked: set[MemoryAttributes],
    features: CpuFeatures,
) -> Outcome:
    """Return the worst of what attributes of one type may come to."""
    vmm = Alias("VMM", pgprot_attributes(region.vma.pgprot))
    found = [mismatch(vmm, Alias("guest", final), features) for final in finals]
    names = (type_name(wish) for wish in sorted(asked, key=type_order))
    lost: dict[str, set[str]] = {}
    for item in found:
        for agent, properties in item.lost:
            lost.setdefault(agent, set()).update(name.value for name in properties)
    return Outcome(
        asked=tuple(dict.fromkeys(names)),
        final=type_name(next(iter(finals))),
        lost=tuple(f"{agent}: {', '.join(sorted(lost[agent]))}" for agent in sorted(lost)),
        repair=_REPAIRS[max((item.repair for item in found), key=list(_REPAIRS).index)],
        harm=_harm(found, gathering=any(final.gathering for final in finals)),
    )


def _harm(found: Iterable[Mismatch], *, gathering: bool) -> str:
    """Say who can be hurt.

    A guest that reads past a cache sees what the memory held before it was cleaned. What else a
    guest does to its own device by the type it asks for hurts itself alone, as far as the platform
    contains errors.
    """
    if any(item.exposes_data for item in found):
        return ANOTHER
    return ITSELF if gathering or any(item.lost for item in found) else NOBODY
