"""Hold the driver that withholds Normal-NC to vfio-pci on kernels with iommufd.

Debian's kernels are built without it; their own VFIO is built with it here.
"""

from typing import Any

import pytest

from fleetpolicy.emulate.initramfs import Task
from fleetpolicy.emulate.kernels import NEWEST, find_kernel
from tests.lab.building import say
from tests.lab.iommufd import build_with_iommufd
from tests.lab.optout import DRIVER, place_of, told_by, unset
from tests.lab.test_optout_ops import DEVICE, NORMAL_NC, THEIRS, views, without_type

pytestmark = pytest.mark.lab

DEVICES = ("-device", "pcie-root-port,id=rp3,chassis=3,slot=3", "-device", "igb,bus=rp3,romfile=")


@pytest.fixture(scope="module", params=("6.12", NEWEST))
def release(request: pytest.FixtureRequest) -> str:
    """Return the first part of a kernel's release; 6.1 has no iommufd."""
    return str(request.param)


@pytest.fixture(scope="module")
def found(release: str) -> dict[str, Any]:
    """Return what came of every operation on a kernel, by driver."""
    kernel = find_kernel(release, say)
    task = Task((), unset(build_with_iommufd(kernel)), (), place_of("optout_programs.cdev"))
    return told_by(kernel, task, DEVICES)


def test_every_answer_to_an_owner_by_iommufd_is_that_of_vfio_pci(found: dict[str, Any]) -> None:
    assert without_type(found[DRIVER]) == without_type(found[THEIRS])
    assert found["warnings"] == []


def test_every_entry_at_stage_2_is_device(found: dict[str, Any]) -> None:
    ours, theirs = views(found[DRIVER]), views(found[THEIRS])

    assert len(ours) == len(theirs) == 6
    assert {(view["memattr"], view["consent"]) for view in ours} == {(DEVICE, False)}
    assert {(view["memattr"], view["consent"]) for view in theirs} == {(NORMAL_NC, True)}


def test_device_is_taken_reset_and_given_back(found: dict[str, Any]) -> None:
    card = found[DRIVER]["card"]

    assert (card["bound"], card["second"]) == (True, "EINVAL")
    assert [card[how]["answer"] for how in ("reset", "hotReset")] == ["ok", "ok"]
    assert [card[how]["zapped"]["valid"] for how in ("reset", "hotReset")] == [False, False]
    assert card["hotResetByGroup"] == "EINVAL"
    assert (card["detach"], card["attach"], card["last"]["run"]) == ("ok", "ok", "ok")


def test_virtual_function_wants_the_token_where_the_kernel_takes_one(
    found: dict[str, Any], release: str
) -> None:
    tokens = found[DRIVER]["tokens"]
    shown = [tokens[name] for name in ("set", "without", "wrong", "right")]

    # There the character device takes no token, whatever the driver.
    old = ["ok", "ok", "EINVAL", "EINVAL"]
    assert shown == (["ok", "EACCES", "EACCES", "ok"] if release == NEWEST else old)
