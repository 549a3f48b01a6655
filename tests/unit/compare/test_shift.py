import pytest

from fleetpolicy.compare.shift import classify_shift
from fleetpolicy.model.radius import Shift
from fleetpolicy.model.simulation import RegionMapping

DEVICE_TYPES = ("Device-nGnRnE", "Device-nGnRE")
NC = RegionMapping("bar0", "Device-nGnRnE", "Normal-NC", (*DEVICE_TYPES, "Normal-NC"))
DEVICE = RegionMapping("bar0", "Device-nGnRnE", "Device-nGnRE", DEVICE_TYPES)
STRICT = RegionMapping("bar0", "Device-nGnRnE", "Device-nGnRE", DEVICE_TYPES[:1])
CACHED = RegionMapping("bar0", "Normal-WB", "Normal", ("Normal-WB",))
TRAPPED = RegionMapping("bar0", "not mapped", "trapped", ())
REFUSED = RegionMapping("bar0", "Normal-WB", "refused: EINVAL at memslot creation", ())
X86 = RegionMapping("bar0", "Device-nGnRnE", "not applicable on x86", ())


@pytest.mark.parametrize(
    ("before", "after", "shift"),
    [
        (NC, NC, None),
        (NC, DEVICE, Shift.STRONGER),
        (DEVICE, NC, Shift.WEAKER),
        (NC, TRAPPED, Shift.STRONGER),
        (TRAPPED, DEVICE, Shift.WEAKER),
        (CACHED, NC, Shift.COHERENCE_LOST),
        (CACHED, TRAPPED, Shift.COHERENCE_LOST),
        (NC, CACHED, Shift.COHERENCE_GAINED),
        (CACHED, REFUSED, Shift.REFUSED),
        (REFUSED, CACHED, Shift.ACCEPTED),
        (None, NC, Shift.ASSIGNED),
        (NC, None, Shift.RELEASED),
        (DEVICE, STRICT, Shift.STRONGER),
        (STRICT, DEVICE, Shift.WEAKER),
        (X86, NC, Shift.DIFFERENT),
        (TRAPPED, X86, Shift.DIFFERENT),
    ],
)
def test_shift_of_a_region_is_what_a_guest_notices(
    before: RegionMapping | None, after: RegionMapping | None, shift: Shift | None
) -> None:
    assert classify_shift(before, after) is shift


def test_shift_of_another_mapping_of_the_vmm_alone_is_different() -> None:
    other = RegionMapping("bar0", "Normal-NC", NC.stage2, NC.reachable)

    assert classify_shift(NC, other) is Shift.DIFFERENT
