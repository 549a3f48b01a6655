from pathlib import Path

from fleetpolicy.model.simulation import Outcome
from fleetpolicy.simulate import list_outcomes
from tests.unit.render.fleets import gpu_policy, nvme_policy, resolved

ERA_B = {"kernel": {"capabilityOnKvm": "0", "capabilityOnVm": "0"}}


def outcomes(folder: Path, policy: str, name: str, **changes: object) -> dict[str, Outcome]:
    host_class = resolved(folder, policy, **changes).classes[0]
    region = next(
        region for item in host_class.assignments for region in item.regions if region.name == name
    )
    return {item.final: item for item in list_outcomes(host_class, region)}


def test_outcomes_of_a_normal_nc_bar_hurt_the_guest_alone(tmp_path: Path) -> None:
    found = outcomes(tmp_path, nvme_policy(), "bar0")

    assert list(found) == [
        "Device-nGnRnE",
        "Device-nGnRE",
        "Device-nGRE",
        "Device-GRE",
        "Normal-NC",
    ]
    assert found["Device-nGnRE"] == Outcome(
        ("Device-nGnRE",), "Device-nGnRE", (), "DMB between", "nobody"
    )
    assert found["Normal-NC"].lost == ("VMM: no gathering, no reordering, no speculative reads",)
    assert found["Normal-NC"].harm == "the guest itself"
    assert len(found["Normal-NC"].asked) == 9


def test_outcomes_of_forced_write_back_leave_one_type(tmp_path: Path) -> None:
    found = outcomes(tmp_path, gpu_policy(), "usemem")

    assert list(found) == ["Normal-WB"]
    assert len(found["Normal-WB"].asked) == 13
    assert found["Normal-WB"].repair == "full cache maintenance"
    assert found["Normal-WB"].harm == "the guest itself"


def test_outcomes_of_cacheable_memory_under_era_b_expose_another_guest(tmp_path: Path) -> None:
    found = outcomes(tmp_path, gpu_policy(), "usemem", **ERA_B)

    assert {name: item.harm for name, item in found.items()} == {
        "Device-nGnRnE": "another guest",
        "Device-nGnRE": "another guest",
    }
    assert found["Device-nGnRE"].repair == "cache maintenance"


def test_outcomes_of_a_refused_region_are_none(tmp_path: Path) -> None:
    found = outcomes(
        tmp_path,
        gpu_policy(),
        "usemem",
        cpu={"fwb": False},
        kernel={"capabilityOnVm": "0"},
    )

    assert found == {}
