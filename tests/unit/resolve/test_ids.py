"""Reject ids for vfio-pci that take more than policy claims (FP241)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.resolve.conftest import DISK, pci

Make = Callable[..., Any]
TWIN = "0000:04:00.0"
GUARDED = {"match": {"device": {"address": DISK}}}


def module_ids(value: str) -> dict[str, Any]:
    return {"modules": {"vfio-pci": {"ids": value}}}


def found(site: Make, value: str, **parts: Any) -> list[str]:
    made = site(fleet=module_ids(value), **parts)
    return [item for item in made.says() if "FP241" in item]


def test_ids_of_a_device_that_policy_binds_to_vfio_pci_take_no_more(site: Make) -> None:
    assert found(site, "144d:a808", policies={"disk": GUARDED}) == []


def test_ids_of_no_device_of_the_host_take_nothing(site: Make) -> None:
    assert found(site, "144d:ffff") == []


def test_ids_of_a_device_that_nobody_claims_name_its_address(site: Make) -> None:
    assert found(site, "144d:a808") == [
        (
            "fleet#spec.modules.vfio-pci.ids: FP241 [n1 0000:02:00.0] "
            f"the id 144d:a808 takes {DISK} (144d:a808) too, which no policy claims "
            "-> remove ids from spec.modules.vfio-pci, and match the devices in a DevicePolicy, "
            "which binds by address and id"
        )
    ]


@pytest.mark.parametrize("name", ["vfio-pci.ids", "vfio_pci.ids"])
def test_ids_on_the_command_line_count_as_well(site: Make, name: str) -> None:
    fleet = {"kernel": {"parameters": {name: "144d:a808"}}}

    says = [item for item in site(fleet=fleet).says() if "FP241" in item]

    assert len(says) == 1
    assert f"takes {DISK} (144d:a808) too" in says[0]
    assert f"remove {name} from spec.kernel.parameters" in says[0]


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("144d:a808:144d:a801", 1),
        ("144d:a808:10de", 0),
        ("144d:a808:ffffffff:ffffffff:010800:ffff00", 1),
        ("144d:a808:ffffffff:ffffffff:030000:ffff00", 0),
    ],
)
def test_ids_are_compared_as_the_kernel_does(site: Make, value: str, count: int) -> None:
    disk = pci(DISK, "144d:a808", "010802", 2, subsystem="10df:0001")
    twin = pci(TWIN, "144d:a808", "010802", 4, subsystem="144d:a801")

    says = found(site, value, policies={"disk": GUARDED}, change={"devices": [disk, twin]})

    assert len(says) == count
