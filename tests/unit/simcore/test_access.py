"""State what every kind of access may come to, rule by rule."""

import pytest

from fleetpolicy.simcore import (
    NORMAL_NC,
    NORMAL_WB,
    CpuFeatures,
    Device,
    DeviceType,
    MemoryAttributes,
    Reserved,
    Shareability,
    combine,
    decode_mair,
    decode_s2,
)
from fleetpolicy.simcore.access import Access, Basis, Effect, Outcome, Translation, access_outcome

PLAIN = CpuFeatures(fwb=False, dic=True)
FWB = CpuFeatures(fwb=True, dic=True)
S2_DEVICE, S2_NC, S2_NORMAL, S2_FORCE_WB = 0b0001, 0b0101, 0b1111, 0b0110
NGNRE, NGNRNE = Device(DeviceType.nGnRE), Device(DeviceType.nGnRnE)
GRE = Device(DeviceType.GRE)

COMPLETES = Outcome(frozenset({Effect.COMPLETES}))
FAULT_1 = Outcome(frozenset({Effect.ALIGNMENT_FAULT_STAGE_1}))
FAULT_2 = Outcome(frozenset({Effect.ALIGNMENT_FAULT_STAGE_2}))
UNSUPPORTED = Outcome(frozenset({Effect.UNSUPPORTED_ACCESS}))
BURIED = Outcome(
    frozenset({Effect.COMPLETES, Effect.ALIGNMENT_FAULT_STAGE_1}), Basis.CONSTRAINED_UNPREDICTABLE
)
NO_EXCLUSIVES = Outcome(
    frozenset({Effect.COMPLETES, Effect.UNSUPPORTED_ACCESS, Effect.NOT_ATOMIC}),
    Basis.IMPLEMENTATION_DEFINED,
)
NO_ATOMICS = Outcome(
    frozenset(
        {
            Effect.COMPLETES,
            Effect.UNSUPPORTED_ACCESS,
            Effect.NOT_ATOMIC,
            Effect.EXTERNAL_ABORT,
            Effect.SERROR,
            Effect.NO_OPERATION,
        }
    ),
    Basis.IMPLEMENTATION_DEFINED,
)
LIKE_GRE = Outcome(
    frozenset({Effect.COMPLETES, Effect.BEHAVES_AS_GRE}), Basis.IMPLEMENTATION_DEFINED
)


def outcome(access: Access, s1: MemoryAttributes, memattr: int, features: CpuFeatures) -> Outcome:
    s2 = decode_s2(memattr, 0b11, features.fwb, features)
    assert not isinstance(s2, Reserved)
    final = combine(s1, s2, fwb=features.fwb)
    return access_outcome(access, Translation(s1, s2, final), features)


@pytest.mark.parametrize("access", [Access.UNALIGNED, Access.DC_ZVA])
@pytest.mark.parametrize(
    ("s1", "memattr", "features", "expected"),
    [
        (NGNRE, S2_NC, PLAIN, FAULT_1),
        (NGNRE, S2_DEVICE, PLAIN, FAULT_1),
        (NGNRE, S2_NC, FWB, FAULT_1),
        (GRE, S2_NORMAL, PLAIN, FAULT_1),
        (NORMAL_NC, S2_DEVICE, PLAIN, FAULT_2),
        (NORMAL_NC, S2_DEVICE, FWB, FAULT_2),
        (NORMAL_WB, S2_DEVICE, FWB, FAULT_2),
        (NORMAL_NC, S2_NC, PLAIN, COMPLETES),
        (NORMAL_NC, S2_NC, FWB, COMPLETES),
        (NORMAL_WB, S2_NORMAL, PLAIN, COMPLETES),
        (NORMAL_NC, S2_FORCE_WB, FWB, COMPLETES),
        (NGNRE, S2_FORCE_WB, FWB, BURIED),
    ],
)
def test_unaligned_access_and_dc_zva_fault_at_the_stage_that_says_device(
    access: Access,
    s1: MemoryAttributes,
    memattr: int,
    features: CpuFeatures,
    expected: Outcome,
) -> None:
    assert outcome(access, s1, memattr, features) == expected


@pytest.mark.parametrize("memattr", [S2_DEVICE, S2_NC, S2_NORMAL])
@pytest.mark.parametrize("s1", [NGNRNE, GRE, NORMAL_NC, NORMAL_WB])
def test_aligned_access_always_completes(s1: MemoryAttributes, memattr: int) -> None:
    found = outcome(Access.ALIGNED, s1, memattr, PLAIN)

    assert found == COMPLETES
    assert found.always_completes


@pytest.mark.parametrize(
    ("access", "refused"),
    [(Access.EXCLUSIVE, NO_EXCLUSIVES), (Access.LSE_ATOMIC, NO_ATOMICS)],
)
def test_atomics_are_promised_on_shareable_write_back_only(
    access: Access, refused: Outcome
) -> None:
    private = decode_mair(0xFF, 0b00, PLAIN)
    mixed = decode_mair(0xF4, 0b11, PLAIN)
    through = decode_mair(0xBB, 0b11, PLAIN)
    assert not isinstance(private, Reserved)
    assert not isinstance(mixed, Reserved)
    assert not isinstance(through, Reserved)
    private_s2 = decode_s2(S2_NORMAL, 0b00, PLAIN.fwb, PLAIN)
    assert not isinstance(private_s2, Reserved)
    alone = Translation(private, private_s2, combine(private, private_s2, fwb=False))

    assert outcome(access, NORMAL_WB, S2_NORMAL, PLAIN) == COMPLETES
    assert outcome(access, private, S2_NORMAL, PLAIN) == COMPLETES  # KVM's ISH widens it
    assert access_outcome(access, alone, PLAIN) == refused
    assert alone.final.shareability is Shareability.NSH
    assert outcome(access, mixed, S2_NORMAL, PLAIN) == refused
    assert outcome(access, through, S2_NORMAL, PLAIN) == refused
    assert outcome(access, NORMAL_NC, S2_NC, PLAIN) == refused
    assert outcome(access, NGNRE, S2_DEVICE, PLAIN) == refused
    assert outcome(access, NORMAL_NC, S2_FORCE_WB, FWB) == COMPLETES
    assert outcome(access, NGNRE, S2_FORCE_WB, FWB) == refused


def test_unaligned_atomicity_is_promised_on_shareable_write_back_only() -> None:
    torn = Outcome(frozenset({Effect.COMPLETES, Effect.NOT_ATOMIC}), Basis.IMPLEMENTATION_DEFINED)

    assert outcome(Access.LSE2_UNALIGNED, NORMAL_WB, S2_NORMAL, PLAIN) == COMPLETES
    assert outcome(Access.LSE2_UNALIGNED, NORMAL_NC, S2_NC, PLAIN) == torn
    assert outcome(Access.LSE2_UNALIGNED, NORMAL_NC, S2_DEVICE, PLAIN) == FAULT_2
    assert outcome(Access.LSE2_UNALIGNED, NGNRE, S2_NC, PLAIN) == FAULT_1


@pytest.mark.parametrize(
    ("s1", "memattr", "features", "expected"),
    [
        (NGNRE, S2_DEVICE, PLAIN, COMPLETES),
        (NORMAL_NC, S2_NC, PLAIN, COMPLETES),
        (NORMAL_NC, S2_NC, FWB, COMPLETES),
        (NORMAL_WB, S2_NORMAL, PLAIN, UNSUPPORTED),
        (NORMAL_WB, S2_NC, PLAIN, UNSUPPORTED),  # stage 1 is asked by itself
        (NORMAL_WB, S2_NC, FWB, UNSUPPORTED),
        (NGNRE, S2_NORMAL, PLAIN, UNSUPPORTED),  # and so is stage 2, as programmed
        (NORMAL_NC, S2_NORMAL, PLAIN, UNSUPPORTED),
        (NGNRE, S2_FORCE_WB, FWB, UNSUPPORTED),
    ],
)
def test_64_byte_access_needs_both_stages_uncached(
    s1: MemoryAttributes, memattr: int, features: CpuFeatures, expected: Outcome
) -> None:
    assert outcome(Access.LS64, s1, memattr, features) == expected


@pytest.mark.parametrize(
    ("s1", "memattr", "expected"),
    [
        (NGNRNE, S2_NC, LIKE_GRE),
        (NGNRE, S2_DEVICE, LIKE_GRE),
        (Device(DeviceType.nGRE), S2_NC, LIKE_GRE),
        (GRE, S2_NC, COMPLETES),
        (NORMAL_NC, S2_NC, COMPLETES),
    ],
)
def test_vector_access_to_device_may_behave_as_gre(
    s1: MemoryAttributes, memattr: int, expected: Outcome
) -> None:
    assert outcome(Access.SVE, s1, memattr, PLAIN) == expected


def test_non_fault_vector_load_keeps_away_from_device() -> None:
    suppressed = Outcome(frozenset({Effect.SUPPRESSED}))
    either = Outcome(
        frozenset({Effect.COMPLETES, Effect.SUPPRESSED}), Basis.CONSTRAINED_UNPREDICTABLE
    )

    assert outcome(Access.SVE_NON_FAULT, NGNRE, S2_NC, PLAIN) == suppressed
    assert outcome(Access.SVE_NON_FAULT, NORMAL_NC, S2_DEVICE, PLAIN) == suppressed
    assert outcome(Access.SVE_NON_FAULT, NORMAL_NC, S2_NC, PLAIN) == COMPLETES
    assert outcome(Access.SVE_NON_FAULT, NGNRE, S2_FORCE_WB, FWB) == either


PROPERTIES = ("speculation", "gathering", "reordering", "early_ack")


@pytest.mark.parametrize(
    ("attrs", "permitted"),
    [
        (NGNRNE, set()),
        (NGNRE, {"early_ack"}),
        (Device(DeviceType.nGRE), {"reordering", "early_ack"}),
        (GRE, {"gathering", "reordering", "early_ack"}),
        (NORMAL_NC, set(PROPERTIES)),
        (NORMAL_WB, set(PROPERTIES)),
    ],
)
def test_type_permits_what_the_manual_says(attrs: MemoryAttributes, permitted: set[str]) -> None:
    assert {name for name in PROPERTIES if getattr(attrs, name)} == permitted
