"""libvirt's QEMU driver judges what is rendered, on the installed libvirt and on newer ones."""

from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from fleetpolicy.model.domain import dropped
from tests.integration.libvirt.driver import UUID as UUID_ELEMENT
from tests.integration.libvirt.driver import fit, judge
from tests.integration.libvirt.goldens import CASES, GOLDEN, libvirt_of
from tests.integration.libvirt.guests import GH200_GUEST, GUESTS, PATH, domain_of
from tests.integration.libvirt.stacks import Stack
from tests.integration.libvirt.starting import complaint
from tests.unit.render.fleets import NEW_LIBVIRT, rendered

SINCE = {
    "<driver model='nvgrace_gpu_vfio_pci'/>": 10_000_000,
    "<acpi nodeset='1-8'/>": 11_008_000,
    "<pcihole64 unit='KiB'>4294967296</pcihole64>": 11_004_000,
}
WITHOUT = {"<driver model='nvgrace_gpu_vfio_pci'/>": "<driver name='vfio'/>"}
DROPPED = {
    "<driver model='nvgrace_gpu_vfio_pci'/>": ("devices/hostdev/driver",),
    "<acpi nodeset='1-8'/>": ("devices/hostdev/acpi",),
}

TOO_NEW = ("failed to validate against schema", "unsupported configuration")


def tell_apart(domains: list[str]) -> list[str]:
    """Return the domains with UUIDs that differ: cases give the same guest to the same host."""
    numbers = count()
    return [
        UUID_ELEMENT.sub(lambda _: f"<uuid>{UUID(int=next(numbers))}</uuid>", item)
        for item in domains
    ]


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
@pytest.mark.parametrize("element", list(SINCE))
def test_element_is_known_from_the_version_on_that_the_gate_knows(
    element: str, stack: Stack, tmp_path: Path
) -> None:
    (judged,) = judge(stack, [_with_only(element, tmp_path)])

    assert (judged.kept is not None) == (stack.libvirt >= SINCE[element]), judged.said


@pytest.mark.libvirt
@pytest.mark.parametrize("element", list(SINCE))
def test_element_that_libvirt_drops_without_validation_is_seen_afterwards(
    element: str, stack: Stack, tmp_path: Path
) -> None:
    sent = _with_only(element, tmp_path)

    (judged,) = judge(stack, [sent], validates=False)

    if judged.kept is None:
        assert stack.libvirt < SINCE[element]
        assert element not in DROPPED, judged.said
    else:
        lost = () if stack.libvirt >= SINCE[element] else DROPPED[element]
        assert dropped(sent, judged.kept) == lost


def _with_only(element: str, folder: Path) -> str:
    """Return a Grace guest's domain with one of the elements that are new."""
    domain = domain_of(folder, GH200_GUEST, kernel={"pageSizeKib": 4}, **NEW_LIBVIRT)
    for other in SINCE:
        assert other in domain
        domain = domain if other == element else domain.replace(other, WITHOUT.get(other, ""))
    return fit(domain)
