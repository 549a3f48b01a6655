"""Judge what a platform attests, what a boot leaves behind and what the PCI tree permits."""

from fleetpolicy.simcore.attributes import is_cacheable, type_name
from fleetpolicy.simcore.kvm import Refused
from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core


def check_side_effects(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I05."""
    cached = [t for t in core.finals_of(region) if is_cacheable(t.final)]
    if not cached:
        return None
    if region.attested.conventional_memory is True and not region.workload.read_sensitive:
        return Judgement(len(cached))
    why = f"{type_name(cached[0].final)} over what nobody calls conventional memory"
    return Judgement(len(cached), Violation(why, Harmed.OTHER_GUEST, cached[0]))


def check_coherent(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I07."""
    cached = [t for t in core.finals_of(region) if is_cacheable(t.final)]
    user = region.vma.pgprot
    if not cached and not user.is_cacheable:
        return None
    points = len(cached) or 1
    if region.attested.coherent is True:
        return Judgement(points)
    name = type_name(cached[0].final) if cached else user.value
    why = f"{name} over an endpoint that nobody calls coherent"
    return Judgement(points, Violation(why, Harmed.OTHER_GUEST, cached[0] if cached else None))


def check_contained(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I23."""
    if not _is_assigned(region, core):
        return None
    if region.attested.errors_contained is True:
        return Judgement(1)
    why = "nobody vouches that the platform contains errors of the device"
    return Judgement(1, Violation(why, Harmed.HOST))


def check_no_in_band_error(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I24."""
    if not _is_assigned(region, core):
        return None
    if region.attested.in_band_errors is False:
        return Judgement(1)
    said = "answers" if region.attested.in_band_errors else "may answer"
    why = f"the window {said} with in-band errors, which the guest can bring about at will"
    return Judgement(1, Violation(why, Harmed.HOST))


def check_one_owner(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I27."""
    if not _is_assigned(region, core):
        return None
    found = region.surroundings
    why = ""
    if found.owners != (found.wanted,):
        names = ", ".join(owner or "no driver" for owner in found.owners) or "no driver"
        why = f"{found.wanted} has to own the function, which may go to: {names}"
    elif found.in_linear_map:
        why = "the host maps the pages in its linear map"
    elif found.former_owners:
        why = f"{', '.join(found.former_owners)} owned it earlier in the boot"
    return Judgement(1, Violation(why, Harmed.HOST) if why else None)


def check_group(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I28."""
    if not _is_assigned(region, core):
        return None
    found = region.surroundings
    if found.group_blockers:
        why = f"{', '.join(found.group_blockers)} of the IOMMU group is held by a host driver"
        return Judgement(1, Violation(why, Harmed.HOST))
    if found.gaps:
        why = f"{', '.join(found.gaps)} of another group reaches it past the IOMMU"
        return Judgement(1, Violation(why, Harmed.OTHER_GUEST))
    return Judgement(1)


def check_page_exclusive(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I29."""
    if not _is_assigned(region, core):
        return None
    if not region.surroundings.neighbours:
        return Judgement(1)
    why = f"its page also holds {', '.join(region.surroundings.neighbours)}"
    return Judgement(1, Violation(why, Harmed.OTHER_GUEST))


def _is_assigned(region: RegionPoint, core: Core) -> bool:
    """Tell whether a guest gets at a device's page at all."""
    return region.is_device_page and not isinstance(core.choose(region), Refused)
