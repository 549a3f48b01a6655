"""Judge aliases: what the VMM, the guest and the host say of one page together."""

from fleetpolicy.simcore.access import Access, Translation
from fleetpolicy.simcore.alias import HOST_LINEAR_MAP, Alias, Mismatch, Repair, Restricted
from fleetpolicy.simcore.attributes import (
    MemoryAttributes,
    Normal,
    Shareability,
    is_cacheable,
    is_write_back,
    type_name,
)
from fleetpolicy.simcore.kvm import Refused
from fleetpolicy.simcore.litmus import (
    GUEST,
    VMM,
    CoherentMemory,
    Counterexample,
    HandOver,
    Read,
    Write,
)
from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
from fleetpolicy.simcore.prove.programs import POP, STREAMS_APART, STREAMS_MIXED
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core
from fleetpolicy.simcore.vma import pgprot_attributes

_EXPOSURE = ((Write("WORD0", 0, VMM), HandOver(), Read("WORD0")), CoherentMemory())


def check_no_uncached_alias(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I06."""
    user = pgprot_attributes(region.vma.pgprot)
    if not region.is_device_page or not isinstance(user, Normal) or not is_cacheable(user):
        return None
    finals = core.finals_of(region)
    for t in finals:
        same = isinstance(t.final, Normal) and (t.final.inner, t.final.outer) == (
            user.inner,
            user.outer,
        )
        if not same:
            run = core.run(_EXPOSURE[0], {VMM: user, GUEST: t.final}, _EXPOSURE[1])
            why = f"the VMM maps {type_name(user)}, the guest reaches {type_name(t.final)}"
            violation = Violation(why, Harmed.OTHER_GUEST, t, str(run))
            return Judgement(len(finals), violation)
    return Judgement(len(finals) or 1)


def check_mismatch_stays_mild(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I12."""
    user = pgprot_attributes(region.vma.pgprot)
    if not region.is_device_page or is_cacheable(user):
        return None
    key = ("I12", user, core.choose(region), region.features)
    return core.once(key, lambda: _judge_mismatches(region, core, user))


def _judge_mismatches(region: RegionPoint, core: Core, user: MemoryAttributes) -> Judgement | None:
    points = 0
    for t in core.finals_of(region):
        found = _compare(region, core, t)
        if not found.is_mismatched:
            continue
        points += 1
        mild = found.restricted is Restricted.DEVICE_OR_NON_CACHEABLE
        if not mild or found.repair is not Repair.BARRIER:
            why = f"{type_name(user)} against {type_name(t.final)} needs: {found.repair.value}"
            return Judgement(points, Violation(why, Harmed.HOST, t))
    return Judgement(points) if points else None


def check_streams_independent(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I13."""
    if not region.is_peripheral:
        return None
    user = pgprot_attributes(region.vma.pgprot)
    alone = region.attested.vmm_stays_away is True
    key = ("I13", user, core.choose(region), region.features, alone)
    return core.once(key, lambda: _judge_streams(region, core, alone=alone))


def _judge_streams(region: RegionPoint, core: Core, *, alone: bool) -> Judgement | None:
    user = pgprot_attributes(region.vma.pgprot)
    program, device = STREAMS_APART if alone else STREAMS_MIXED
    points = 0
    for t in core.finals_of(region):
        if is_cacheable(t.final):
            continue
        points += 1
        run = core.run(program, {VMM: user, GUEST: t.final}, device)
        if isinstance(run, Counterexample):
            why = "nobody vouches that the VMM stays away while the guest runs"
            return Judgement(points, Violation(why, Harmed.SELF, t, str(run)))
    return Judgement(points) if points else None


def check_no_foreign_speculation(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I14: the guest's own Normal mapping is its own affair."""
    if not region.workload.read_sensitive or isinstance(core.choose(region), Refused):
        return None
    foreign = [Alias(VMM, pgprot_attributes(region.vma.pgprot))]
    if region.surroundings.in_linear_map:
        foreign.append(HOST_LINEAR_MAP)
    own = core.finals_of(region)[0].final
    for alias in foreign:
        mapped = {GUEST: own, alias.agent: alias.attributes}
        run = core.run(POP[0], mapped, POP[1])
        if isinstance(run, Counterexample):
            why = f"the {alias.agent} maps it {type_name(alias.attributes)} and may read on its own"
            return Judgement(len(foreign), Violation(why, Harmed.HOST, None, str(run)))
    return Judgement(len(foreign))


def check_no_reversion(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I15."""
    if not region.is_device_page:
        return None
    user = region.vma.pgprot
    key = ("I15", user, core.choose(region), region.features, region.surroundings.in_linear_map)
    return core.once(key, lambda: _judge_writes(region, core))


def _judge_writes(region: RegionPoint, core: Core) -> Judgement | None:
    user = pgprot_attributes(region.vma.pgprot)
    host = [HOST_LINEAR_MAP.attributes] if region.surroundings.in_linear_map else []
    finals = core.finals_of(region)
    if not finals:
        return None
    for t in finals:
        written = [user, *host, t.final]
        if any(map(is_write_back, written)) and not all(map(is_write_back, written)):
            names = " and ".join(dict.fromkeys(map(type_name, written)))
            why = f"one granule is written as {names}"
            return Judgement(len(finals), Violation(why, Harmed.OTHER_GUEST, t))
    return Judgement(len(finals))


def check_exclusives_not_mixed(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I30: a guest that widens the shareability hurts nobody but itself."""
    if not region.is_device_page:
        return None
    user = pgprot_attributes(region.vma.pgprot)
    if not _has_monitor(user):
        return None
    working = core.working(Access.EXCLUSIVE, region)
    for t in working:
        if type_name(t.final) != type_name(user):
            why = f"exclusives work through {type_name(user)} and through {type_name(t.final)}"
            return Judgement(len(working), Violation(why, Harmed.OTHER_GUEST, t))
    return Judgement(len(working)) if working else None


def _has_monitor(attrs: MemoryAttributes) -> bool:
    return (
        isinstance(attrs, Normal)
        and is_write_back(attrs)
        and attrs.shareability is not Shareability.NSH
    )


def _compare(region: RegionPoint, core: Core, t: Translation) -> Mismatch:
    user = Alias(VMM, pgprot_attributes(region.vma.pgprot))
    return core.semantics.mismatch(user, Alias(GUEST, t.final), region.features)
