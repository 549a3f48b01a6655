"""Judge accesses that ask more of memory than an aligned load or store."""

from collections.abc import Callable

from fleetpolicy.simcore.access import Access, Translation, is_shareable_write_back
from fleetpolicy.simcore.attributes import Normal, is_cacheable, type_name
from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core

Condition = Callable[[RegionPoint, Translation], str]


def check_unaligned(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I17."""
    found = _check(region, core, (Access.UNALIGNED, Access.DC_ZVA), _needs_normal)
    used = region.workload.accesses & {Access.UNALIGNED, Access.DC_ZVA}
    if found is None or found.violation or not used or region.attested.unaligned:
        return found
    why = "the workload makes unaligned accesses, and nobody vouches for PCI_MM_03"
    return Judgement(found.points, Violation(why, Harmed.SELF))


def check_atomics(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I18."""
    return _check(region, core, (Access.EXCLUSIVE, Access.LSE_ATOMIC), _needs_shareable_memory)


def check_ls64(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I19."""
    return _check(region, core, (Access.LS64,), _needs_uncached)


def _needs_normal(region: RegionPoint, t: Translation) -> str:  # noqa: ARG001
    return "" if isinstance(t.final, Normal) else f"an unaligned access works on {_name(t)}"


def _needs_shareable_memory(region: RegionPoint, t: Translation) -> str:
    if not is_shareable_write_back(t.final):
        return f"an atomic access works on {_name(t)}"
    if region.attested.conventional_memory is not True:
        return "an atomic access works on what nobody calls conventional memory"
    return ""


def _needs_uncached(region: RegionPoint, t: Translation) -> str:  # noqa: ARG001
    return f"LD64B or ST64B works on {_name(t)}" if is_cacheable(t.final) else ""


def _check(
    region: RegionPoint, core: Core, accesses: tuple[Access, ...], condition: Condition
) -> Judgement | None:
    """Judge both ways: what works meets the condition, and what is used works somehow."""
    points = 0
    for access in accesses:
        working = core.working(access, region)
        points += len(working)
        for t in working:
            why = condition(region, t)
            if why:
                return Judgement(points, Violation(why, Harmed.SELF, t))
        if access in region.workload.accesses and not working:
            types = (
                ", ".join(dict.fromkeys(type_name(t.final) for t in core.reach(region)))
                or "nothing"
            )
            why = f"the workload uses {access.value}, and the guest reaches only {types}"
            return Judgement(points + 1, Violation(why, Harmed.SELF))
    return Judgement(points) if points else None


def _name(t: Translation) -> str:
    return type_name(t.final)
