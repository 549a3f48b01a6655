"""Enumerate what a guest can make of stage 1."""

from functools import cache

from fleetpolicy.simcore.attributes import (
    CpuFeatures,
    MemoryAttributes,
    Normal,
    type_order,
)
from fleetpolicy.simcore.stage1 import (
    default_cacheable,
    defined_attributes,
    mmu_off_data,
    mmu_off_fetch,
    with_data_cache_off,
)


def guest_choices(features: CpuFeatures) -> tuple[MemoryAttributes, ...]:
    """Return every distinct outcome of stage 1, simplest first.

    The guest owns MAIR_EL1, its descriptors, SCTLR_EL1.M and SCTLR_EL1.C; the hypervisor owns
    HCR_EL2.DC. A reserved encoding behaves as one of the defined ones and so adds nothing. FEAT_XS
    and FEAT_MTE2 alone define encodings, so CPUs that agree on both share the outcomes.
    """
    return _guest_choices(CpuFeatures(fwb=False, dic=False, xs=features.xs, mte2=features.mte2))


@cache
def _guest_choices(features: CpuFeatures) -> tuple[MemoryAttributes, ...]:
    mapped = defined_attributes(features)
    outcomes = [
        *mapped,
        *(with_data_cache_off(attrs) for attrs in mapped),
        mmu_off_data(),
        mmu_off_fetch(instruction_cache=True),
        mmu_off_fetch(instruction_cache=False),
        default_cacheable(),
    ]
    return tuple(sorted(dict.fromkeys(outcomes), key=_simplicity))


def _simplicity(attrs: MemoryAttributes) -> tuple[object, ...]:
    """Return a sort key: the type first, then ever rarer details."""
    details: tuple[object, ...] = ()
    if isinstance(attrs, Normal):
        hints = (attrs.inner_hints, attrs.outer_hints)
        details = (
            attrs.tagged,
            *(hint.transient for hint in hints),
            *(-hint.allocation for hint in hints),
        )
    return (*type_order(attrs), not attrs.xs, -attrs.shareability, *details)
