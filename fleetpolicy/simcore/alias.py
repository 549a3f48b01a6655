"""Judge aliases: one physical page mapped by several agents with different attributes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

from fleetpolicy.simcore.attributes import (
    NORMAL_WB,
    Cacheability,
    CpuFeatures,
    Device,
    MemoryAttributes,
    Normal,
    Shareability,
    effective_shareability,
    is_cacheable,
    is_normal_nc,
)


class Reason(Enum):
    """Name the attributes in which aliases can disagree."""

    MEMORY_TYPE = "memory type"
    SHAREABILITY = "shareability"
    INNER_CACHEABILITY = "inner cacheability"
    OUTER_CACHEABILITY = "outer cacheability"
    XS = "XS"


class Property(Enum):
    """Name the properties of Device memory that a mismatch can take away."""

    NO_SPECULATION = "no speculative reads"
    NO_GATHERING = "no gathering"
    NO_REORDERING = "no reordering"


class Loss(Enum):
    """Name the effects a mismatch may have; there are no others."""

    PROPERTIES = "loss of the memory type's properties"
    ORDER = "reordering between accesses with different attributes"
    UNIPROCESSOR_SEMANTICS = "loss of uniprocessor semantics"
    COHERENCY = "loss of coherency"
    EXCLUSIVES_MONITOR = "exclusives monitor UNKNOWN"
    WRITE_BACK_REVERSION = "bytes reverted by a write-back"


class Restricted(Enum):
    """Name the two cases for which the architecture promises more."""

    ONE_WRITE_DEFINITION = 1
    DEVICE_OR_NON_CACHEABLE = 2


class Repair(Enum):
    """Name what software can do to keep mismatched aliases usable."""

    NOT_NEEDED = "none needed"
    BARRIER = "DMB between accesses through different aliases"
    CACHE_MAINTENANCE = (
        "clean after a write-back write, clean or invalidate before other writes, invalidate "
        "before a cacheable read, DMB of the common domain between"
    )
    FULL_CACHE_MAINTENANCE = (
        "clean and invalidate before and after each access, DMB of the full domain between"
    )


@dataclass(frozen=True, slots=True)
class Alias:
    """Describe one agent's mapping of the page."""

    agent: str
    attributes: MemoryAttributes
    may_read: bool = True
    may_write: bool = True


HOST_LINEAR_MAP = Alias("host linear map", NORMAL_WB)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Report what comes of two aliases.

    Args:
        agents: The two agents, in the order given.
        reasons: The attributes that differ; empty if the aliases agree.
        restricted: The case for which the architecture narrows the effects.
        losses: The effects that may be seen.
        lost: Per agent the properties it asked for and may not get.
        repair: What software has to do.
        stale_readers: Agents that may read what was in memory before the other's cached writes.
    """

    agents: tuple[str, str]
    reasons: tuple[Reason, ...]
    restricted: Restricted | None
    losses: frozenset[Loss]
    lost: tuple[tuple[str, frozenset[Property]], ...]
    repair: Repair
    stale_readers: tuple[str, ...]

    @property
    def is_mismatched(self) -> bool:
        """Tell whether the aliases differ in any attribute that counts."""
        return bool(self.reasons)

    @property
    def exposes_data(self) -> bool:
        """Tell whether some agent may read what a previous owner left in memory."""
        return bool(self.stale_readers)


def mismatch(a: Alias, b: Alias, features: CpuFeatures) -> Mismatch:
    """Compare two aliases of one location.

    Args:
        a: One agent's mapping.
        b: Another's, of a byte in the same coherency granule.
        features: XS counts where FEAT_XS exists.

    Source:
        Arm DDI 0487, B2.11.
    """
    reasons = mismatch_reasons(a.attributes, b.attributes, features)
    if not reasons:
        return Mismatch((a.agent, b.agent), (), None, frozenset(), (), Repair.NOT_NEEDED, ())
    restricted = _restricted_case(a, b)
    lost = tuple(_lost(a, b) + _lost(b, a))
    return Mismatch(
        (a.agent, b.agent),
        reasons,
        restricted,
        _losses(a, b, restricted, has_lost=bool(lost)),
        lost,
        _repair(a, b, restricted),
        tuple(x.agent for x, y in ((a, b), (b, a)) if reads_stale_data(x, y)),
    )


def mismatches(aliases: Iterable[Alias], features: CpuFeatures) -> Iterator[Mismatch]:
    """Yield every pair of aliases that disagrees, in the order given."""
    for a, b in combinations(aliases, 2):
        found = mismatch(a, b, features)
        if found.is_mismatched:
            yield found


def mismatch_reasons(
    a: MemoryAttributes, b: MemoryAttributes, features: CpuFeatures
) -> tuple[Reason, ...]:
    """Return the attributes in which two definitions differ; hints and tags never count."""
    reasons = []
    if _memory_type(a) != _memory_type(b):
        reasons.append(Reason.MEMORY_TYPE)
    if effective_shareability(a) is not effective_shareability(b):
        reasons.append(Reason.SHAREABILITY)
    if isinstance(a, Normal) and isinstance(b, Normal):
        if a.inner is not b.inner:
            reasons.append(Reason.INNER_CACHEABILITY)
        if a.outer is not b.outer:
            reasons.append(Reason.OUTER_CACHEABILITY)
    if features.xs and a.xs is not b.xs:
        reasons.append(Reason.XS)
    return tuple(reasons)


def prohibitions(attrs: MemoryAttributes) -> frozenset[Property]:
    """Return the properties that a type has beyond those of Normal memory."""
    prohibited = {
        Property.NO_SPECULATION: not attrs.speculation,
        Property.NO_GATHERING: not attrs.gathering,
        Property.NO_REORDERING: not attrs.reordering,
    }
    return frozenset(name for name, holds in prohibited.items() if holds)


def reads_stale_data(reader: Alias, writer: Alias) -> bool:
    """Tell whether a read bypasses a cache in which the other's write may still sit."""
    if not (reader.may_read and writer.may_write and isinstance(writer.attributes, Normal)):
        return False
    levels = ((writer.attributes.inner, _inner(reader)), (writer.attributes.outer, _outer(reader)))
    return any(written is Cacheability.WB and not read for written, read in levels)


def _memory_type(attrs: MemoryAttributes) -> object:
    return attrs.type if isinstance(attrs, Device) else Normal


def _inner(alias: Alias) -> Cacheability:
    return alias.attributes.inner if isinstance(alias.attributes, Normal) else Cacheability.NC


def _outer(alias: Alias) -> Cacheability:
    return alias.attributes.outer if isinstance(alias.attributes, Normal) else Cacheability.NC


def _lost(loser: Alias, other: Alias) -> list[tuple[str, frozenset[Property]]]:
    """Return the agent with the properties that the other's type does not share, if any."""
    lost = prohibitions(loser.attributes) - prohibitions(other.attributes)
    return [(loser.agent, lost)] if lost else []


def _restricted_case(a: Alias, b: Alias) -> Restricted | None:
    """Return which of B2.11's two narrower cases applies; the second promises more."""
    if not any(is_cacheable(alias.attributes) for alias in (a, b)):
        return Restricted.DEVICE_OR_NON_CACHEABLE
    writers = [alias for alias in (a, b) if alias.may_write]
    if len(writers) != 1:
        return None
    shared = min(effective_shareability(alias.attributes) for alias in (a, b))
    if is_normal_nc(writers[0].attributes) or shared >= Shareability.ISH:
        return Restricted.ONE_WRITE_DEFINITION
    return None


def _losses(
    a: Alias, b: Alias, restricted: Restricted | None, *, has_lost: bool
) -> frozenset[Loss]:
    """Return the effects that may be seen."""
    losses = {Loss.PROPERTIES} if has_lost else set()
    if restricted is Restricted.DEVICE_OR_NON_CACHEABLE:
        return frozenset(losses | {Loss.ORDER})
    losses |= {Loss.ORDER, Loss.EXCLUSIVES_MONITOR}
    if a.may_write or b.may_write:
        losses |= {Loss.UNIPROCESSOR_SEMANTICS, Loss.COHERENCY}
    if a.may_write and b.may_write and _writes_back(a) is not _writes_back(b):
        losses.add(Loss.WRITE_BACK_REVERSION)
    return frozenset(losses)


def _writes_back(alias: Alias) -> bool:
    """Tell whether a write may sit in some cache as a dirty line."""
    return Cacheability.WB in {_inner(alias), _outer(alias)}


def _repair(a: Alias, b: Alias, restricted: Restricted | None) -> Repair:
    """Return what B2.11 asks of software."""
    if restricted is Restricted.DEVICE_OR_NON_CACHEABLE:
        return Repair.BARRIER
    cacheable = [alias.attributes for alias in (a, b) if is_cacheable(alias.attributes)]
    if len({effective_shareability(attrs) for attrs in cacheable}) == 1:
        return Repair.CACHE_MAINTENANCE
    return Repair.FULL_CACHE_MAINTENANCE
