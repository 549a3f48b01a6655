import pytest

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.record import HostRecord, InitramfsImage
from fleetpolicy.plan import plan
from fleetpolicy.verify import find_drift, judge
from tests.unit.plan.fleets import (
    SECOND_BOOT,
    UDEV,
    boot,
    deploy,
    make_fleet,
    make_planning,
    make_record,
    make_state,
)
from tests.unit.plan.test_image_based import ARTIFACTS, PATH, READY, WORD, class_of, said
from tests.unit.verify.policies import make_policy

CLASS = class_of()
FIX = "bring them into the host's image or machine, as fleetpolicy plan says"


def settled(following: str | None, image: InitramfsImage = READY) -> HostRecord:
    state = make_state(command_line=f"ro {WORD}", next_command_line=f"ro {WORD}", initramfs=READY)
    record = make_record("a", state, CLASS.facts)
    made, _ = plan(make_planning(make_fleet(CLASS), [record], ARTIFACTS))
    done = boot(deploy(made, record), CLASS)
    later = done.state.model_copy(update={"next_command_line": following, "initramfs": image})
    return make_record("a", later, CLASS.facts, SECOND_BOOT)


def drift(record: HostRecord) -> tuple[Diagnostic, ...]:
    made = make_planning(make_fleet(CLASS), [record], ARTIFACTS)
    return find_drift(made.fleet, made.simulation, made.rendering, made.records)


def failed(record: HostRecord) -> dict[str, list[str]]:
    made = make_planning(make_fleet(CLASS), [record], ARTIFACTS)
    verdict = judge(made.fleet, made.simulation, made.rendering, made.records, make_policy())
    return {check.name: said(check.findings) for check in verdict.checks if not check.passed}


@pytest.mark.parametrize("following", [f"ro {WORD}", None])
def test_host_whose_image_has_everything_is_green_and_has_not_drifted(
    following: str | None,
) -> None:
    record = settled(following)

    assert (failed(record), drift(record)) == ({}, ())


@pytest.mark.shows("FP702", "FP712")
def test_words_that_the_next_entry_lacks_are_told_before_the_boot() -> None:
    record = settled("ro")
    lacks = f"the entry that boots next lacks {WORD} | {FIX}"

    assert failed(record) == {"command-line": [f"policies/fleet.yaml:12:5 FP702 {lacks}"]}
    assert said(drift(record)) == [f"policies/fleet.yaml:12:5 FP712 {lacks}"]


@pytest.mark.shows("FP701", "FP713")
def test_initramfs_that_came_without_our_rules_is_a_matter_of_the_image() -> None:
    bare = InitramfsImage(path=PATH, files={}, modules=("nvme", "vfio_pci"))
    record = settled(f"ro {WORD}", bare)
    lacks = f"initramfs: {UDEV} is absent from {PATH}, wanted as on the host | {FIX}"

    assert failed(record)["initramfs-current"][-1].endswith(lacks)
    assert said(drift(record))[-1].endswith(lacks)
