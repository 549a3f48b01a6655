"""Match one unit by address, id and serial: all must agree, and what sits there instead is told."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
GPU = "0000:01:00.0"
UNIT = {"address": GPU, "id": "10de:2342", "serial": "abc"}
SERIALS = {"n1": {GPU: "abc"}}


def policy(device: dict[str, str]) -> dict[str, Any]:
    return {"unit": {"match": {"device": device}}}


@pytest.mark.parametrize(
    "device",
    [
        UNIT,
        {"address": GPU, "id": "10DE:2342"},
        {"id": "10de:2342", "serial": "abc"},
        {"address": GPU, "class": "0302", "serial": "abc"},
    ],
)
def test_unit_whose_parts_all_agree_is_matched(site: Make, device: dict[str, str]) -> None:
    found = site(policies=policy(device), serials=SERIALS).only_class()

    assert [item.device.address for item in found.assignments] == [GPU]


@pytest.mark.parametrize(
    "change",
    [
        {"id": "10de:2330"},
        {"serial": "abd"},
        {"class": "0300"},
        {"subsystem": "10de:0001"},
    ],
)
def test_unit_of_which_one_part_differs_is_not_matched(site: Make, change: dict[str, str]) -> None:
    made = site(policies=policy(UNIT | change), serials=SERIALS)

    assert made.says() == [
        (
            "unit#spec.match: FP218 [] unit matches no device of 1 host; 0000:01:00.0 of n1 is "
            "10de:2342, class 030200, serial abc -> correct the match, or remove the policy"
        )
    ]


def test_unit_with_a_serial_is_not_matched_where_none_was_shown(site: Make) -> None:
    assert site(policies=policy(UNIT)).says() == [
        (
            "unit#spec.match: FP218 [] unit matches no device of 1 host; 0000:01:00.0 of n1 is "
            "10de:2342, class 030200, serial unknown -> correct the match, or remove the policy"
        )
    ]


def test_unit_at_another_address_is_not_matched(site: Make) -> None:
    device = UNIT | {"address": "0000:09:00.0"}

    assert site(policies=policy(device), serials=SERIALS).says() == [
        (
            "unit#spec.match: FP218 [] unit matches no device of 1 host -> "
            "correct the match, or remove the policy"
        )
    ]


def test_unit_is_matched_on_the_host_that_has_it_alone(site: Make, host_facts: Make) -> None:
    made = site(
        hosts={"n1": host_facts(), "n2": host_facts()},
        policies=policy(UNIT),
        serials=SERIALS | {"n2": {GPU: "xyz"}},
    )

    fleet, findings = made.resolve()

    assert findings == ()
    assert [len(fleet.class_of(host).assignments) for host in fleet.hosts] == [1, 0]
