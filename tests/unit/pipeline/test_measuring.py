import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.pipeline.measuring import judge_reply, load_profiles

ROOT = Path(__file__).resolve().parents[3]
RECORDED = sorted((ROOT / "tests" / "measured").glob("*.json"))
PROFILES = (ROOT / "tests" / "lab" / "policies",)
SPAN = Span("measured.json")


@pytest.fixture(scope="module")
def policy() -> PolicySet:
    return load_profiles(PROFILES)


def reply_of(name: str) -> dict[str, Any]:
    (path,) = (path for path in RECORDED if path.stem == name)
    reply: dict[str, Any] = json.loads(path.read_text())
    return reply


def cases_of(reply: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        case
        for device in reply["measurement"]["devices"]
        for region in device["regions"]
        for case in region["cases"]
    ]


@pytest.mark.accepts("FP720", "FP721", "FP815")
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_real_kernels_did_is_what_the_core_says(path: Path, policy: PolicySet) -> None:
    judged = judge_reply(json.loads(path.read_text()), SPAN, policy)

    assert judged.findings == ()
    assert len(judged.comparisons) > 10
    assert all(item.agrees for item in judged.comparisons)


def test_recorded_kernels_are_of_every_era(policy: PolicySet) -> None:
    profiles = {
        judge_reply(json.loads(path.read_text()), SPAN, policy).profile for path in RECORDED
    }

    assert profiles == {"era-a", "era-b", "era-c"}


@pytest.mark.shows("FP720")
def test_entry_of_another_type_is_found(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    entry = next(case["entry"] for case in cases_of(reply) if case["case"] == "load")
    entry["memattr"], entry["descriptor"] = 1, "0x4c7"

    judged = judge_reply(reply, SPAN, policy)

    (finding,) = judged.findings
    assert (finding.rule.id, finding.subject.device, finding.why) == (
        "FP720",
        "0000:01:00.0",
        (
            "0000:01:00.0 bar0 on vfio-pci, load: measured Device-nGnRE, predicted Normal-NC "
            "(kernel 7.3.4+deb13-arm64, era-c, FWB True, DIC True; 0x4c7 at level 3, MemAttr 0x1)"
        ),
    )


def test_entry_of_another_address_is_found(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    entry = next(case["entry"] for case in cases_of(reply) if case["case"] == "load")
    entry["output"] = "0x40000000"

    (finding,) = judge_reply(reply, SPAN, policy).findings

    assert "measured an entry for 0x40000000, not 0x10000000, predicted Normal-NC" in finding.why


def test_slot_that_is_taken_where_it_should_be_refused_is_found(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    logged = next(case for case in cases_of(reply) if case["case"] == "dirty-logging")
    loaded = next(case for case in cases_of(reply) if case["case"] == "load")
    logged |= {name: loaded[name] for name in ("memslot", "run", "entry", "value")}

    (finding,) = judge_reply(reply, SPAN, policy).findings

    assert "measured Normal-NC, predicted EINVAL at memslot creation" in finding.why


def test_memattr_that_no_kernel_writes_is_found(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    ram = next(case["ram"] for case in cases_of(reply) if case["case"] == "load")
    ram["memattr"] = 7

    (finding,) = judge_reply(reply, SPAN, policy).findings

    assert "measured MemAttr 0x7, which is none of KVM's, predicted Normal" in finding.why


@pytest.mark.shows("FP721")
def test_device_that_is_in_use_is_reported(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    device = reply["measurement"]["devices"][1]
    device |= {"refused": "IOMMU group 14 cannot be had: /dev/vfio/14: EBUSY", "regions": []}
    reply["record"]["state"]["running"] = ["cache", "database"]

    (finding,) = judge_reply(reply, SPAN, policy).findings

    assert (finding.rule.name, finding.why) == (
        "device-not-measured",
        (
            "0000:02:00.0 on vfio-pci: IOMMU group 14 cannot be had: /dev/vfio/14: EBUSY; guests "
            "that run: cache, database"
        ),
    )


@pytest.mark.shows("FP721")
@pytest.mark.parametrize(
    ("driver", "why"),
    [("ivshmem", "0000:02:00.0 on ivshmem: not to be had"), (None, "0000:02:00.0: not to be had")],
)
def test_device_that_was_left_alone_is_reported_once(
    policy: PolicySet, driver: str | None, why: str
) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    device = reply["measurement"]["devices"][1]
    device |= {"refused": "not to be had", "driver": driver, "regions": []}

    (finding,) = judge_reply(reply, SPAN, policy).findings

    assert finding.why == why


@pytest.mark.shows("FP721")
def test_feature_that_is_unknown_leaves_nothing_to_compare(policy: PolicySet) -> None:
    reply = deepcopy(reply_of("7.3.4_max"))
    reply["record"]["facts"]["cpu"]["fwb"] = None

    judged = judge_reply(reply, SPAN, policy)

    assert judged.comparisons == ()
    assert [finding.why for finding in judged.findings] == ["FWB: the host did not show it"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "failed", "message": "no"}, "the agent failed: no"),
        ({"measurement": {"devices": []}}, "no measurement: "),
    ],
    ids=["agent", "shape"],
)
def test_answer_that_is_none_is_refused(
    policy: PolicySet, change: dict[str, Any], why: str
) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        judge_reply({**reply_of("7.3.4_max"), **change}, SPAN, policy)

    (finding,) = caught.value.diagnostics
    assert finding.rule.id == "FP815"
    assert finding.why.startswith(why)


@pytest.mark.shows("FP815")
def test_agent_that_failed_is_refused_with_its_words(policy: PolicySet) -> None:
    reply = {**reply_of("7.3.4_max"), "status": "failed", "message": "no"}

    with pytest.raises(FleetPolicyError):
        judge_reply(reply, SPAN, policy)
