"""Name the memory attributes of the Arm architecture and what each of them permits."""

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag


class DeviceType(IntEnum):
    """Order the Device types from the strongest to the weakest, so that `min` is the stronger."""

    nGnRnE = 0
    nGnRE = 1
    nGRE = 2
    GRE = 3


class Cacheability(IntEnum):
    """Order cacheability from the least to the most cacheable, so that `min` combines two."""

    NC = 0
    WT = 1
    WB = 2


class Shareability(IntEnum):
    """Order the shareability domains from the narrowest to the widest, so that `max` combines."""

    NSH = 0
    ISH = 1
    OSH = 2


class Allocation(IntFlag):
    """Say on which accesses a cache is asked to allocate."""

    NO = 0
    WA = 1
    RA = 2
    RWA = 3


class Tags(Enum):
    """Say whether memory holds Allocation Tags and whether they may be used."""

    UNTAGGED = "untagged"
    ALLOCATION_TAGGED = "Allocation Tagged"
    NO_TAG_ACCESS = "Allocation Tagged, NoTagAccess"


@dataclass(frozen=True, slots=True)
class Hints:
    """Advise one cache level; a hint never takes part in a mismatch."""

    allocation: Allocation = Allocation.NO
    transient: bool = False


NO_HINTS = Hints()
READ_WRITE_ALLOCATE = Hints(Allocation.RWA)


@dataclass(frozen=True, slots=True)
class Device:
    """Describe Device memory.

    Args:
        type: Which of gathering, reordering and early acknowledgement are permitted.
        xs: Whether a maintenance operation without nXS has to wait for accesses to it.
        shareability: As stage 1 programmed it; the effective value is always Outer Shareable.

    Source:
        Arm DDI 0487, B2.10.2.
    """

    type: DeviceType
    xs: bool = True
    shareability: Shareability = Shareability.OSH

    @property
    def speculation(self) -> bool:
        """Tell whether data reads may be speculated: never for Device memory."""
        return False

    @property
    def gathering(self) -> bool:
        """Tell whether several accesses may be merged into one."""
        return self.type is DeviceType.GRE

    @property
    def reordering(self) -> bool:
        """Tell whether accesses may arrive in another order than the program's."""
        return self.type >= DeviceType.nGRE

    @property
    def early_ack(self) -> bool:
        """Tell whether a write may be acknowledged before it reaches its endpoint."""
        return self.type is not DeviceType.nGnRnE


@dataclass(frozen=True, slots=True)
class Normal:
    """Describe Normal memory, level by level.

    Args:
        xs: Whether a maintenance operation without nXS has to wait for accesses to it.
        shareability: As programmed at stage 1; in a combined result the effective value.

    Source:
        Arm DDI 0487, B2.10.1.
    """

    inner: Cacheability
    outer: Cacheability
    inner_hints: Hints = NO_HINTS
    outer_hints: Hints = NO_HINTS
    shareability: Shareability = Shareability.OSH
    xs: bool = True
    tags: Tags = Tags.UNTAGGED

    @property
    def speculation(self) -> bool:
        """Tell whether data reads may be speculated: always for Normal memory."""
        return True

    @property
    def gathering(self) -> bool:
        """Tell whether several accesses may be merged into one: always for Normal memory."""
        return True

    @property
    def reordering(self) -> bool:
        """Tell whether accesses may change places: always for Normal memory."""
        return True

    @property
    def early_ack(self) -> bool:
        """Tell whether a write may be acknowledged early: always for Normal memory."""
        return True

    @property
    def tagged(self) -> bool:
        """Tell whether the memory holds Allocation Tags."""
        return self.tags is not Tags.UNTAGGED


MemoryAttributes = Device | Normal

NORMAL_NC = Normal(Cacheability.NC, Cacheability.NC)
NORMAL_WB = Normal(
    Cacheability.WB,
    Cacheability.WB,
    READ_WRITE_ALLOCATE,
    READ_WRITE_ALLOCATE,
    Shareability.ISH,
    xs=False,
)


@dataclass(frozen=True, slots=True)
class CpuFeatures:
    """List the architecture extensions that change how attributes are read and combined.

    Args:
        fwb: FEAT_S2FWB, so that KVM runs with HCR_EL2.FWB = 1.
        dic: CTR_EL0.DIC, no instruction cache invalidation needed for data-to-fetch coherence.
        xs: FEAT_XS.
        mte2: FEAT_MTE2.
        mte_perm: FEAT_MTE_PERM.
    """

    fwb: bool
    dic: bool
    xs: bool = False
    mte2: bool = False
    mte_perm: bool = False


@dataclass(frozen=True, slots=True)
class Reserved:
    """Report an encoding without a defined meaning; never a guess at one.

    Args:
        field: The field that holds it, as the manual names it.
        encoding: The value found there.
        behaves_as: What an implementation may take it for.
    """

    field: str
    encoding: int
    behaves_as: str


def is_normal_nc(attrs: MemoryAttributes) -> bool:
    """Tell whether the type is Normal, non-cacheable at both levels."""
    return isinstance(attrs, Normal) and not attrs.inner and not attrs.outer


def is_write_back(attrs: MemoryAttributes) -> bool:
    """Tell whether the type is Normal, write-back at both levels."""
    return isinstance(attrs, Normal) and attrs.inner == attrs.outer == Cacheability.WB


def is_cacheable(attrs: MemoryAttributes) -> bool:
    """Tell whether some cache level may hold the memory: a mixed type such as iNC oWB counts."""
    return isinstance(attrs, Normal) and bool(attrs.inner or attrs.outer)


def type_name(attrs: MemoryAttributes) -> str:
    """Return the name a table shows: Device-nGnRE, Normal-NC, Normal-WB, Normal-iNC-oWB ..."""
    if isinstance(attrs, Device):
        return f"Device-{attrs.type.name}"
    if attrs.inner == attrs.outer:
        return f"Normal-{attrs.inner.name}"
    return f"Normal-i{attrs.inner.name}-o{attrs.outer.name}"


def type_order(attrs: MemoryAttributes) -> tuple[int, int, int]:
    """Return a sort key: Device types from the strongest, then Normal from the least cacheable."""
    if isinstance(attrs, Device):
        return 0, attrs.type, 0
    return 1, attrs.inner + attrs.outer, attrs.inner


def effective_shareability(attrs: MemoryAttributes) -> Shareability:
    """Return the shareability that applies.

    Returns:
        Outer Shareable for Device and for iNC oNC memory, the programmed value otherwise.

    Source:
        Arm DDI 0487, R_NSCNC and `EffectiveShareability()`.
    """
    if isinstance(attrs, Device) or is_normal_nc(attrs):
        return Shareability.OSH
    return attrs.shareability
