"""What libvirt accepts though it is wrong, and no guest can say; docs/guests.md has the list."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import load_policies
from fleetpolicy.model.scalars import cpus_of
from tests.unit.render.fleets import NEW_LIBVIRT, gpu_policy, nvme_policy, rendered

PATH = "/etc/libvirt/qemu/trainer.xml"
CELLS = 'numa: [{vcpus: "0-3", memory: 32GiB}, {vcpus: "4-7", memory: 32GiB}]'


@pytest.mark.parametrize("more", ["", f"\n  {CELLS}"])
def test_row_1_initiators_have_cells_that_exist_and_are_empty(tmp_path: Path, more: str) -> None:
    policy = gpu_policy().replace("  vcpus: 8", f"  vcpus: 8{more}")

    files, findings = rendered(tmp_path, policy, **NEW_LIBVIRT)

    assert findings == ()
    root = ET.fromstring(files[PATH].content)  # noqa: S314 our own output
    memory = {cell.get("id"): cell.get("memory") for cell in root.findall("cpu/numa/cell")}
    named = root.find("devices/hostdev/acpi").get("nodeset", "")  # type: ignore[union-attr]
    assert [memory[str(cell)] for cell in cpus_of(named)] == ["0"] * 8


@pytest.mark.parametrize(
    ("smmu", "why"),
    [
        ("{ssidSize: 21}", "spec.devices[0].smmu.ssidSize is 21"),
        ("{oas: 46}", "spec.devices[0].smmu.oas is '46'"),
        ("{accel: off}", "spec.devices[0].smmu has no key 'accel'"),
    ],
)
def test_row_5_smmu_out_of_bounds_is_no_document(tmp_path: Path, smmu: str, why: str) -> None:
    text = nvme_policy().replace('id: "144d:a80a"}}]', f'id: "144d:a80a"}}, smmu: {smmu}}}]')
    (tmp_path / "policy.yaml").write_text(text)

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([tmp_path])

    assert [item.why for item in caught.value.diagnostics] == [why]


@pytest.mark.parametrize(
    ("page_kib", "hugepages", "known"),
    [
        (4, "512MiB", "64KiB, 2MiB, 32MiB, 1GiB"),
        (16, "64KiB", "2MiB, 32MiB, 1GiB"),
        (64, "1GiB", "2MiB, 512MiB, 16GiB"),
    ],
)
def test_row_10_hugepages_that_the_kernel_lacks_are_refused(
    tmp_path: Path, page_kib: int, hugepages: str, known: str
) -> None:
    policy = nvme_policy().replace("  vcpus: 8", f"  vcpus: 8\n  hugepages: {hugepages}")

    _, findings = rendered(tmp_path, policy, kernel={"pageSizeKib": page_kib}, **NEW_LIBVIRT)

    why = f"aarch64 with pages of {page_kib} KiB has {known}"
    assert [(item.rule.id, item.why.partition("; ")[2]) for item in findings] == [("FP412", why)]
