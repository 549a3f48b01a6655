"""Place devices in the guest's PCIe tree."""

from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.render.fleets import GUEST, HEAD, NEW_LIBVIRT, NVME_FACTS, rendered

PATH = "/etc/libvirt/qemu/trainer.xml"
OPTIONS: dict[str, Any] = {
    "kernel": {"options": {"VFIO_DEVICE_CDEV": "y", "ARM_SMMU_V3_IOMMUFD": "y"}},
    "modules": {"iommufd": "module"},
}
POLICY = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: nvme}
spec:
  match: {device: {id: "144d:a80a"}}
"""


def domain(folder: Path, lines: list[str], smmus: list[str | None], **spec: str) -> ET.Element:
    """Return the domain of a guest that takes one drive for each line."""
    facts = [
        {**NVME_FACTS, "address": f"0003:{number:02x}:00.0", "iommuGroup": number, "iommu": smmu}
        for number, smmu in enumerate(smmus, start=1)
    ]
    taken = "".join(
        f'\n    - {{device: {{address: "0003:{number:02x}:00.0", id: "144d:a80a"}}{line}}}'
        for number, line in enumerate(lines, start=1)
    )
    guest = GUEST.replace('[{device: {address: "ADDRESS", id: "ID"}}]', taken)
    guest += "".join(f"  {key}: {value}\n" for key, value in spec.items())
    changes: dict[str, Any] = {"devices": facts, **OPTIONS, **NEW_LIBVIRT}
    files, findings = rendered(folder, HEAD + POLICY + guest, **changes)
    assert findings == ()
    return ET.fromstring(files[PATH].content)  # noqa: S314 our own output


def shape(root: ET.Element) -> list[str]:
    """Return each controller as index, model, and the bus that it is on."""
    found = []
    for item in root.findall("devices/controller[@type='pci']"):
        address, target = item.find("address"), item.find("target")
        number = "" if target is None else f" nr {target.get('busNr')}"
        bus = ""
        if address is not None:
            place = (int(address.get(name, ""), 16) for name in ("bus", "slot"))
            bus = " on {}.{}".format(*place)
        found.append(f"{item.get('index')} {item.get('model')}{number}{bus}")
    return found


def test_devices_that_share_an_smmu_share_its_expander_bus(tmp_path: Path) -> None:
    root = domain(tmp_path, [", smmu: {}"] * 3, ["smmu3.a", "smmu3.b", "smmu3.a"])

    assert shape(root) == [
        "0 pcie-root",
        "1 pcie-expander-bus nr 32",
        "2 pcie-root-port on 1.0",
        "3 pcie-expander-bus nr 40",
        "4 pcie-root-port on 3.0",
        "5 pcie-root-port on 1.1",
    ]
    drivers = [item.get("pciBus") for item in root.findall("devices/iommu/driver")]
    assert drivers == ["1", "3"]
    buses = [item.get("bus") for item in root.findall("devices/hostdev/address")]
    assert buses == ["0x02", "0x04", "0x05"]


def test_rows_2_3_and_4_cannot_be_written(tmp_path: Path) -> None:
    root = domain(tmp_path, [", smmu: {}", ", placement: expander", ""], ["smmu3.a"] * 3)

    models = {item.get("index"): item.get("model") for item in root.findall("devices/controller")}
    for iommu in root.findall("devices/iommu"):
        driver = iommu.find("driver")
        assert driver is not None
        assert (iommu.get("model"), driver.get("accel")) == ("smmuv3", "on")
        assert models[driver.get("pciBus")] == "pcie-expander-bus"
    assert [item.get("iommufd") for item in root.findall("devices/hostdev/driver")] == [
        "yes",
        None,
        None,
    ]


def test_expander_bus_is_near_the_memory_of_its_device(tmp_path: Path) -> None:
    cells = '[{vcpus: "0-3", memory: 32GiB, hostNode: 1}, {vcpus: "4-7", memory: 32GiB, '
    cells += "hostNode: 0}]"

    root = domain(tmp_path, [", placement: expander"], [None], numa=cells)

    assert root.findtext("devices/controller/target/node") == "1"


def test_expander_bus_of_a_guest_without_cells_names_none(tmp_path: Path) -> None:
    root = domain(tmp_path, [", placement: expander"], [None])

    assert root.find("devices/controller/target/node") is None


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    wanted=st.lists(
        st.tuples(
            st.sampled_from(["", ", smmu: {}", ", placement: expander"]),
            st.sampled_from(["smmu3.a", "smmu3.b", "smmu3.c"]),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_plan_is_a_tree_without_clashes(
    tmp_path: Path, wanted: list[tuple[str, str]]
) -> None:
    root = domain(tmp_path, [line for line, _ in wanted], [smmu for _, smmu in wanted])

    pci = root.findall("devices/controller[@type='pci']")
    assert [item.get("index") for item in pci] == [str(number) for number in range(len(pci))]
    placed = [
        (address.get("bus"), address.get("slot"))
        for path in ("devices/controller/address", "devices/hostdev/address")
        for address in root.findall(path)
    ]
    assert len(placed) == len(set(placed))
    numbers = [int(item.get("busNr", "0")) for item in root.findall("devices/controller/target")]
    behind = [
        sum(
            address.get("bus") == f"0x{int(item.get('index', '')):02x}"
            for address in root.findall("devices/controller/address")
        )
        for item in pci
        if item.get("model") == "pcie-expander-bus"
    ]
    spans = list(zip(numbers, behind, strict=True))
    for (first, ports), (second, _) in pairwise(spans):
        assert first + ports < second


@pytest.mark.parametrize(("drives", "first"), [(1, "32"), (30, "64")])
def test_first_expander_bus_is_behind_the_root_bus(tmp_path: Path, drives: int, first: str) -> None:
    lines = [", placement: expander", *[""] * (drives - 1)]

    root = domain(tmp_path, lines, [None] * drives)

    assert root.find("devices/controller/target").get("busNr") == first  # type: ignore[union-attr]
