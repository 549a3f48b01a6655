"""State what mismatched aliases may cost, and what repairs them."""

from dataclasses import replace
from itertools import product

import pytest

from fleetpolicy.simcore import (
    NORMAL_NC,
    NORMAL_WB,
    CpuFeatures,
    Device,
    DeviceType,
    MemoryAttributes,
    Normal,
    Reserved,
    Shareability,
    decode_mair,
)
from fleetpolicy.simcore.alias import (
    HOST_LINEAR_MAP,
    Alias,
    Loss,
    Mismatch,
    Property,
    Reason,
    Repair,
    Restricted,
    mismatch,
    mismatches,
    prohibitions,
)
from fleetpolicy.simcore.attributes import Cacheability

PLAIN = CpuFeatures(fwb=False, dic=True)
WITH_XS = CpuFeatures(fwb=False, dic=True, xs=True)
NGNRNE, NGNRE = Device(DeviceType.nGnRnE), Device(DeviceType.nGnRE)
NGRE, GRE = Device(DeviceType.nGRE), Device(DeviceType.GRE)
UNCACHED = [NGNRNE, NGNRE, NGRE, GRE, NORMAL_NC]
VMM = Alias("VMM", NGNRNE)
ALL_LOST = frozenset(Property)
CACHED_LOSSES = {
    Loss.ORDER,
    Loss.EXCLUSIVES_MONITOR,
    Loss.UNIPROCESSOR_SEMANTICS,
    Loss.COHERENCY,
}


def guest(attrs: MemoryAttributes) -> Alias:
    return Alias("guest", attrs)


def test_vmm_mapping_and_guest_normal_nc_lose_all_three_properties_and_need_a_barrier() -> None:
    found = mismatch(VMM, guest(NORMAL_NC), PLAIN)

    assert found == Mismatch(
        agents=("VMM", "guest"),
        reasons=(Reason.MEMORY_TYPE,),
        restricted=Restricted.DEVICE_OR_NON_CACHEABLE,
        losses=frozenset({Loss.PROPERTIES, Loss.ORDER}),
        lost=(("VMM", ALL_LOST),),
        repair=Repair.BARRIER,
        stale_readers=(),
    )


def test_early_acknowledgement_is_no_property_that_a_mismatch_takes() -> None:
    found = mismatch(VMM, guest(NGNRE), PLAIN)

    assert found.is_mismatched
    assert found.lost == ()
    assert found.losses == {Loss.ORDER}
    assert found.repair is Repair.BARRIER


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [
        (NGNRNE, ALL_LOST),
        (NGNRE, ALL_LOST),
        (NGRE, {Property.NO_SPECULATION, Property.NO_GATHERING}),
        (GRE, {Property.NO_SPECULATION}),
        (NORMAL_NC, set()),
        (NORMAL_WB, set()),
    ],
)
def test_prohibitions_are_those_of_the_type(
    attrs: MemoryAttributes, expected: frozenset[Property]
) -> None:
    assert prohibitions(attrs) == expected


@pytest.mark.parametrize(("a", "b"), list(product(UNCACHED, repeat=2)))
def test_uncached_aliases_are_restricted_case_2_or_equal(
    a: MemoryAttributes, b: MemoryAttributes
) -> None:
    found = mismatch(Alias("a", a), Alias("b", b), PLAIN)

    assert found.is_mismatched == (a != b)
    assert found.restricted is (Restricted.DEVICE_OR_NON_CACHEABLE if a != b else None)
    assert found.repair is (Repair.BARRIER if a != b else Repair.NOT_NEEDED)
    assert not found.exposes_data


def test_cacheable_vmm_and_uncached_guest_expose_data_of_the_owner_before() -> None:
    found = mismatch(Alias("VMM", NORMAL_WB), guest(NGNRE), PLAIN)

    assert found.exposes_data
    assert found.stale_readers == ("guest",)
    assert found.restricted is None
    assert found.losses == CACHED_LOSSES | {Loss.PROPERTIES, Loss.WRITE_BACK_REVERSION}
    assert found.lost == (("guest", ALL_LOST),)
    assert found.repair is Repair.CACHE_MAINTENANCE


def test_guest_that_may_not_read_sees_no_stale_data() -> None:
    found = mismatch(Alias("VMM", NORMAL_WB), Alias("guest", NORMAL_NC, may_read=False), PLAIN)

    assert not found.exposes_data


def test_vmm_that_never_wrote_exposes_nothing_and_leaves_restricted_case_1() -> None:
    found = mismatch(Alias("VMM", NORMAL_WB, may_write=False), guest(NORMAL_NC), PLAIN)

    assert not found.exposes_data
    assert found.restricted is Restricted.ONE_WRITE_DEFINITION
    assert Loss.WRITE_BACK_REVERSION not in found.losses


def test_one_writer_in_a_private_domain_is_no_restricted_case() -> None:
    private = replace(NORMAL_WB, shareability=Shareability.NSH)

    found = mismatch(Alias("VMM", private), Alias("guest", NORMAL_NC, may_write=False), PLAIN)

    assert found.restricted is None


def test_one_writer_with_shareable_aliases_is_restricted_case_1() -> None:
    found = mismatch(Alias("VMM", NORMAL_WB), Alias("guest", NORMAL_NC, may_write=False), PLAIN)

    assert found.restricted is Restricted.ONE_WRITE_DEFINITION


def test_aliases_that_nobody_writes_lose_neither_coherency_nor_data() -> None:
    found = mismatch(
        Alias("a", NORMAL_WB, may_write=False), Alias("b", NORMAL_NC, may_write=False), PLAIN
    )

    assert found.losses == {Loss.ORDER, Loss.EXCLUSIVES_MONITOR}


def test_cacheable_aliases_in_different_domains_need_the_full_repair() -> None:
    outer = replace(NORMAL_WB, shareability=Shareability.OSH)

    found = mismatch(Alias("VMM", NORMAL_WB), guest(outer), PLAIN)

    assert found.reasons == (Reason.SHAREABILITY,)
    assert found.repair is Repair.FULL_CACHE_MAINTENANCE
    assert found.losses == CACHED_LOSSES


def test_shareability_of_uncached_aliases_never_differs() -> None:
    found = mismatch(
        Alias("a", replace(NORMAL_NC, shareability=Shareability.NSH)), guest(NORMAL_NC), PLAIN
    )

    assert not found.is_mismatched


def test_levels_are_compared_one_by_one() -> None:
    mixed = Normal(Cacheability.NC, Cacheability.WB, shareability=Shareability.ISH)
    through = Normal(Cacheability.WT, Cacheability.WT, shareability=Shareability.ISH)

    assert mismatch(Alias("VMM", NORMAL_WB), guest(mixed), PLAIN).reasons == (
        Reason.INNER_CACHEABILITY,
    )
    assert mismatch(Alias("VMM", NORMAL_WB), guest(through), PLAIN).reasons == (
        Reason.INNER_CACHEABILITY,
        Reason.OUTER_CACHEABILITY,
    )
    assert mismatch(Alias("VMM", NORMAL_WB), guest(mixed), PLAIN).stale_readers == ("guest",)
    assert mismatch(Alias("VMM", NORMAL_WB), guest(through), PLAIN).stale_readers == ()


def test_hints_and_tags_never_make_a_mismatch() -> None:
    definitions = [
        decode_mair(attr, 0b11, CpuFeatures(fwb=False, dic=True, mte2=True))
        for attr in (0xFF, 0xCC, 0x77, 0xF0)
    ]

    for a, b in product(definitions, repeat=2):
        assert not isinstance(a, Reserved)
        assert not isinstance(b, Reserved)
        assert not mismatch(Alias("a", a), Alias("b", b), WITH_XS).is_mismatched


def test_xs_makes_a_mismatch_only_where_the_cpu_has_it() -> None:
    without = Device(DeviceType.nGnRE, xs=False)

    assert not mismatch(Alias("a", NGNRE), guest(without), PLAIN).is_mismatched
    assert mismatch(Alias("a", NGNRE), guest(without), WITH_XS).reasons == (Reason.XS,)


def test_mismatches_yield_each_disagreeing_pair_in_order() -> None:
    found = mismatches([VMM, guest(NORMAL_NC), Alias("vCPU 1", NORMAL_NC), HOST_LINEAR_MAP], PLAIN)

    assert [item.agents for item in found] == [
        ("VMM", "guest"),
        ("VMM", "vCPU 1"),
        ("VMM", "host linear map"),
        ("guest", "host linear map"),
        ("vCPU 1", "host linear map"),
    ]
