"""libvirt's QEMU driver judges what is rendered, on the installed libvirt and on newer ones."""

from pathlib import Path

import pytest

from fleetpolicy.model.domain import dropped
from fleetpolicy.render.features import (
    DRIVER_MODEL,
    GENERIC_INITIATORS,
    IOMMUFD,
    MMIO_APERTURE,
    SMMU,
)
from tests.integration.libvirt.driver import fit, judge, tell_apart
from tests.integration.libvirt.goldens import CASES, GOLDEN, libvirt_of
from tests.integration.libvirt.guests import GUESTS, PATH, domain_of
from tests.integration.libvirt.stacks import Stack
from tests.integration.libvirt.starting import complaint
from tests.unit.render.fleets import NEW_LIBVIRT, rendered

GRACE = CASES / "guest-gb200/rendered/gh-01/etc/libvirt/qemu/gb200-nested-01.xml"
MODEL = " model='nvgrace_gpu_vfio_pci'"
INITIATORS = "<acpi nodeset='1-8'/>"
APERTURE = "<pcihole64 unit='KiB'>4294967296</pcihole64>"
IOMMUFD_ATTRIBUTE = " iommufd='yes'"
BUS = " pciBus='1'"
ACCELERATION = " accel='on' ats='on' ril='off' ssidsize='20' oas='48' cmdqv='on'"
SINCE = {
    MODEL: DRIVER_MODEL.libvirt,
    INITIATORS: GENERIC_INITIATORS.libvirt,
    APERTURE: MMIO_APERTURE.libvirt,
    IOMMUFD_ATTRIBUTE: IOMMUFD.libvirt,
    BUS: 11_010_000,
    ACCELERATION: SMMU.libvirt,
}
EMPTY = ("<driver/>", "")
TOO_NEW = ("failed to validate against schema", "unsupported configuration")
DROPPED = {
    MODEL: ("devices/hostdev/driver",),
    INITIATORS: ("devices/hostdev/acpi",),
    IOMMUFD_ATTRIBUTE: ("devices/hostdev/driver@iommufd: yes became nothing",),
    BUS: ("devices/iommu/driver",),
    ACCELERATION: ("devices/iommu/driver",),
}


@pytest.mark.libvirt
def test_domains_of_cases_are_taken_whole_by_the_libvirt_of_their_host(stack: Stack) -> None:
    sent = tell_apart([fit(path.read_text()) for path in GOLDEN])

    judged = judge(stack, sent)

    for path, domain, one in zip(GOLDEN, sent, judged, strict=True):
        place = str(path.relative_to(CASES))
        if one.kept is None:
            assert libvirt_of(path) > stack.libvirt, (place, one.said)
            assert any(word in one.said for word in TOO_NEW), (place, one.said)
        else:
            assert (place, dropped(domain, one.kept)) == (place, ())
            assert one.words, (place, one.said)
            assert (place, complaint(stack, one.words)) == (place, "")


@pytest.mark.libvirt
@pytest.mark.parametrize("name", list(GUESTS))
def test_guest_is_refused_before_or_taken_whole(name: str, stack: Stack, tmp_path: Path) -> None:
    files, findings = rendered(tmp_path, GUESTS[name], kernel={"pageSizeKib": 4}, **stack.facts)
    if findings:
        assert {finding.rule.id for finding in findings} == {"FP411"}
        sent = fit(domain_of(tmp_path, GUESTS[name], kernel={"pageSizeKib": 4}, **NEW_LIBVIRT))
        (judged,) = judge(stack, [sent])
        assert judged.kept is None
        return
    sent = fit(files[PATH].content)

    (judged,) = judge(stack, [sent])

    assert judged.kept, judged.said
    assert dropped(sent, judged.kept) == ()


@pytest.mark.libvirt
@pytest.mark.parametrize("words", list(SINCE))
def test_words_are_known_from_the_version_on_that_the_gate_knows(words: str, stack: Stack) -> None:
    (judged,) = judge(stack, [_with_only(words)])

    assert (judged.kept is not None) == (stack.libvirt >= SINCE[words]), judged.said


@pytest.mark.libvirt
@pytest.mark.parametrize("words", list(SINCE))
def test_words_that_libvirt_drops_without_validation_are_missed_afterwards(
    words: str, stack: Stack
) -> None:
    sent = _with_only(words)

    (judged,) = judge(stack, [sent], validates=False)

    if judged.kept is None:
        assert stack.libvirt < SINCE[words]
        assert words == APERTURE, judged.said
    else:
        lost = () if stack.libvirt >= SINCE[words] else DROPPED[words]
        assert dropped(sent, judged.kept) == lost


def _with_only(words: str) -> str:
    """Return a Grace guest's domain with one of the things that are new."""
    domain = GRACE.read_text()
    for other in SINCE:
        assert other in domain
        if other != words:
            domain = domain.replace(other, "")
    return fit(domain.replace("<driver iommufd", "<driver name='vfio' iommufd").replace(*EMPTY))
