"""Hold the driver that withholds Normal-NC to vfio-pci, operation by operation, on real kernels."""

from typing import Any

import pytest

from fleetpolicy.emulate.kernels import ERA_RELEASES, NEWEST, find_kernel, provide_kernel
from tests.lab.building import say
from tests.lab.optout import DRIVER, told_by, with_driver

pytestmark = pytest.mark.lab

THEIRS = "vfio-pci"
DEVICE, NORMAL_NC = 0b0001, 0b0101
ERA_A = ERA_RELEASES[0]
# A card with SR-IOV, and two functions in one slot.
DEVICES = (
    *("-device", "pcie-root-port,id=rp3,chassis=3,slot=3"),
    *("-device", "igb,bus=rp3,romfile="),
    *("-device", "pcie-root-port,id=rp4,chassis=4,slot=4"),
    *("-device", "e1000e,bus=rp4,addr=0.0,multifunction=on,romfile="),
    *("-device", "e1000e,bus=rp4,addr=0.1,romfile="),
)
# All that differs between the drivers: what a mapping says, and what KVM makes of it.
TYPE_OF_MAPPING = frozenset({"memattr", "descriptor", "consent", "child", "restricted", "parts"})
ZAPPING = ("reset", "hotReset", "memoryBit")
ALL_ZAPPING = (*ZAPPING, "powerState", "lowPower")


@pytest.fixture(scope="module", params=ERA_RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Return the first part of a kernel's release."""
    return str(request.param)


@pytest.fixture(scope="module")
def ops(release: str) -> dict[str, Any]:
    """Return what came of every operation on a kernel, by driver."""
    kernel = find_kernel(release, say)
    task = with_driver(kernel, "optout_programs.ops", modules=("igb", "aer_inject"))
    return told_by(kernel, task, DEVICES)


def without_type(found: Any) -> Any:
    """Return what was seen, but for what the opt-out is there to change."""
    if isinstance(found, list):
        return [without_type(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {name: value for name, value in found.items() if name not in TYPE_OF_MAPPING}
    return {name: without_type(value) for name, value in kept.items()}


def views(found: Any) -> list[dict[str, Any]]:
    """Return every look at stage 2 that found an entry."""
    if isinstance(found, dict):
        own = [found] if found.get("memattr") is not None else []
        return own + [view for item in found.values() for view in views(item)]
    return []


def test_every_answer_is_that_of_vfio_pci(ops: dict[str, Any]) -> None:
    assert without_type(ops[DRIVER]) == without_type(ops[THEIRS])


def test_every_entry_at_stage_2_is_device_and_those_of_vfio_pci_are_not(
    ops: dict[str, Any], release: str
) -> None:
    ours, theirs = views(ops[DRIVER]), views(ops[THEIRS])

    assert len(ours) == len(theirs) > 25
    assert {view["memattr"] for view in ours} == {DEVICE}
    assert {view["memattr"] for view in theirs} == {DEVICE if release == ERA_A else NORMAL_NC}
    consents = {view["consent"] for view in ours if "consent" in view}
    assert consents == {False}
    assert {view["consent"] for view in theirs if "consent" in view} == {release != ERA_A}


@pytest.mark.parametrize("how", ALL_ZAPPING)
def test_mapping_that_was_taken_back_faults_again_as_device(ops: dict[str, Any], how: str) -> None:
    found = ops[DRIVER]["card"][how]

    assert (found["before"]["run"], found["before"]["memattr"]) == ("ok", DEVICE)
    assert (found["zapped"]["valid"], found["zapped"]["consent"]) == (False, False)
    assert found["after"] == found["before"]


@pytest.mark.parametrize("how", ZAPPING)
def test_block_that_was_taken_back_faults_again_as_device(ops: dict[str, Any], how: str) -> None:
    found = ops[DRIVER]["memory"][how]

    assert found["zapped"]["valid"] is False
    assert (found["after"], found["after"]["memattr"]) == (found["before"], DEVICE)


def test_device_that_does_not_decode_gives_no_mapping(ops: dict[str, Any]) -> None:
    card = ops[DRIVER]["card"]
    off = ["SIGBUS", "EFAULT", False]

    assert card["memoryBit"]["answer"] == off
    assert card["powerState"]["answer"] == [3, *off, 0]
    assert card["lowPower"]["answer"] == [
        *("ok", ["D3hot", "suspended"], off),
        *("ok", ["D0", "active"]),
    ]


def test_device_is_reset_alone_and_with_its_bus(ops: dict[str, Any]) -> None:
    for device in ("card", "memory"):
        assert [ops[DRIVER][device][how]["answer"] for how in ("reset", "hotReset")] == ["ok"] * 2


def test_functions_of_a_slot_are_reset_together_for_their_owner_alone(ops: dict[str, Any]) -> None:
    found = ops[DRIVER]["pair"]

    assert found["bound"] == [True, True]
    assert [entry[1:] for entry in found["dependents"]["devices"]] == [[0, 4, 0], [0, 4, 1]]
    assert found["tooLittle"] == ["ENOSPC", 12, 0, 2]
    assert [found[name] for name in ("none", "wrong", "right")] == ["EINVAL", "EINVAL", "ok"]


def test_mapping_keeps_its_type_whatever_its_process_does_with_it(ops: dict[str, Any]) -> None:
    for device in ("card", "memory"):
        found = ops[DRIVER][device]["mapping"]
        assert (found["child"], found["parts"]) == (False, [False] * len(found["parts"]))
        assert found["restricted"] == ["ok", False, "ok", False]
        assert (found["grown"], found["doubled"], found["dumped"]) == ("EFAULT", "EFAULT", "EINVAL")
        moved = found["moved"]
        assert (moved["run"], moved["entry"]["memattr"], moved["consent"]) == ("ok", DEVICE, False)


def test_unused_device_sleeps_and_a_used_one_does_not(ops: dict[str, Any]) -> None:
    assert ops[DRIVER]["idle"] == {
        "unused": ["D3hot", "suspended"],
        "used": ["D0", "active"],
        "again": ["D3hot", "suspended"],
        "released": "",
    }


def test_parameter_of_the_driver_that_counts_keeps_unused_devices_awake(
    ops: dict[str, Any], release: str
) -> None:
    assert ops["noIdle"] == {
        "by": DRIVER if release == NEWEST else THEIRS,
        "unused": ["D0", "active"],
    }


def test_suspend_of_the_machine_leaves_the_mapping_of_a_used_device(ops: dict[str, Any]) -> None:
    found = ops[DRIVER]["card"]["suspend"]

    assert found["answer"] is True
    assert found["after"]["memattr"] == DEVICE


def test_error_that_is_reported_reaches_the_owner(ops: dict[str, Any]) -> None:
    found = ops[DRIVER]["card"]["error"]

    assert (found["uncorrectable"], found["signals"]) == ("ok", 1)
    assert (found["correctable"], found["signalsOfCorrectable"]) == ("ok", 0)
    assert (found["closed"], found["after"]["memattr"]) == ("ok", DEVICE)


def test_virtual_functions_of_the_host_get_device(ops: dict[str, Any]) -> None:
    found = ops[DRIVER]["sriov"]["ofHost"]

    assert (found["bound"], found["made"], found["taken"]) == ("igb", "ok", True)
    assert found["withToken"] == "EINVAL"
    assert found["leadsThere"] is True
    assert (found["first"], found["reset"]) == (found["second"], "ok")
    assert {found[name]["memattr"] for name in ("first", "second", "other")} == {DEVICE}


def test_virtual_functions_of_vfio_are_made_once_they_are_enabled(ops: dict[str, Any]) -> None:
    found = ops[DRIVER]["sriov"]["ofVfio"]

    assert (found["default"], found["notEnabled"], found["enabled"]) == ("N", "ENOENT", "ok")
    assert (found["unused"], found["withFunctions"]) == (["D3hot", "suspended"], ["D0", "active"])
    assert (found["drivers"], found["overrides"]) == ([True, True], [True, True])
    assert found["whileNotEnabled"] == "ENOENT"
    assert found["unboundWithFunctions"] == {"before": 2, "after": 0}
    assert found["view"]["leadsThere"] is True
    assert found["view"]["first"]["memattr"] == found["view"]["second"]["memattr"] == DEVICE


def test_virtual_function_of_vfio_wants_the_token_of_its_physical_one(ops: dict[str, Any]) -> None:
    assert ops[DRIVER]["sriov"]["ofVfio"]["tokens"] == {
        "virtualBefore": "EACCES",
        "set": "ok",
        "virtualWithout": "EACCES",
        "virtualWrong": "EACCES",
        "virtualMalformed": "EINVAL",
        "virtualRight": "ok",
        "physicalWithout": "EACCES",
        "physicalWrong": "EACCES",
        "physicalRight": "ok",
    }


def test_dma_buf_of_a_region_cannot_be_mapped_in_its_place(
    ops: dict[str, Any], release: str
) -> None:
    expected = {"answer": "ok", "mapped": "EINVAL"} if release == NEWEST else {"answer": "ENOTTY"}

    assert ops[DRIVER]["card"]["export"] == ops[DRIVER]["memory"]["export"] == expected


def test_kernels_here_have_no_iommufd(release: str) -> None:
    # Once one has it, it is to be measured: then this fails.
    config = provide_kernel(find_kernel(release, say), say).config.read_text()

    assert "CONFIG_IOMMUFD=" not in config


def test_nothing_is_left_and_no_kernel_complained(ops: dict[str, Any]) -> None:
    assert (ops["unloaded"], ops["warnings"]) == (["ok", "ok"], [])
