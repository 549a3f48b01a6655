"""Judge hosts whose devices are bound to the driver that withholds Normal-NC."""

from typing import Any

import pytest

from fleetpolicy.model.fleet import HostClass, ModuleSetting, VfioDriver
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostRecord, HostState
from fleetpolicy.model.regions import list_device_regions
from fleetpolicy.plan import plan
from fleetpolicy.verify import find_drift, judge
from tests.unit.plan.fleets import (
    DEVICES,
    NVME,
    RELEASE,
    SECOND_BOOT,
    boot,
    deploy,
    make_artifacts,
    make_assignment,
    make_class,
    make_facts,
    make_fleet,
    make_planning,
    make_record,
)
from tests.unit.verify.policies import make_policy

MODULE = "optout_vfio_pci"
OURS = VfioDriver(MODULE, MODULE, consent=False, withheld_by="stage2=device")
BOUND = {"driver": MODULE, "override": MODULE}
DEVICE = {"configured": "device", "active": "none"}
NEXT = "7.3.4+deb13-arm64"


@pytest.fixture
def opted_out() -> HostClass:
    """Return a class with one device that our driver keeps from Normal-NC."""
    facts = make_facts()
    device = next(item for item in facts.devices if item.address == NVME)
    assignment = make_assignment(
        facts,
        driver=OURS,
        mapping=MappingMode.DEVICE,
        regions=list_device_regions(device, None, OURS),
    )
    wanted = ModuleSetting(MODULE, "stage2", "device", DEVICES)
    return make_class(facts, assignments=(assignment,), module_settings=(wanted,))


def show(host_class: HostClass, **state: Any) -> HostRecord:
    """Return the record of a host that was deployed, has booted and shows this."""
    planning = make_planning(
        make_fleet(host_class), [make_record(facts=host_class.facts)], make_artifacts()
    )
    record = boot(deploy(plan(planning)[0], make_record(facts=host_class.facts)), host_class)
    shown = {**dict(record.state), **state}
    return make_record(record.host, HostState.model_validate(shown), record.facts, SECOND_BOOT)


def findings_of(host_class: HostClass, record: HostRecord) -> list[str]:
    made = make_planning(make_fleet(host_class), [record], make_artifacts())
    verdict = judge(made.fleet, made.simulation, made.rendering, made.records, make_policy())
    return [
        f"{item.rule.id} {item.why}"
        for check in verdict.checks
        for item in check.findings
        if item.rule.id in {"FP705", "FP716"}
    ]


GOT_NORMAL_NC = (
    f"FP705 {NVME} region bar0: wanted Device-nGnRE, got Normal-NC (kernel {RELEASE}, era-b, "
    f"driver {MODULE}, FWB no, DIC no)"
)


@pytest.mark.accepts("FP716")
@pytest.mark.parametrize("active", ["none", "device"])
def test_judge_of_a_device_that_is_withheld_is_content(opted_out: HostClass, active: str) -> None:
    stage2 = {"configured": "device", "active": active}

    record = show(opted_out, bindings={NVME: {**BOUND, "stage2": stage2}})

    assert findings_of(opted_out, record) == []


@pytest.mark.parametrize(
    "stage2",
    [
        {"configured": "normal-nc", "active": "none"},
        {"configured": "device", "active": "normal-nc"},
        {"configured": "normal-nc", "active": "device"},
    ],
)
def test_judge_of_a_device_that_has_or_will_get_normal_nc_is_fp705(
    opted_out: HostClass, stage2: dict[str, str]
) -> None:
    parameters = {MODULE: {"stage2": "device"}}

    record = show(
        opted_out,
        bindings={NVME: {**BOUND, "stage2": stage2}},
        module_parameters=parameters,
    )

    assert findings_of(opted_out, record) == [GOT_NORMAL_NC]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({MODULE: {"stage2": "device"}}, []),
        ({MODULE: {"stage2": "normal-nc"}}, [GOT_NORMAL_NC]),
        ({}, [GOT_NORMAL_NC]),
    ],
)
def test_judge_without_word_of_the_device_asks_the_module_and_trusts_nothing_else(
    opted_out: HostClass, parameters: dict[str, Any], found: list[str]
) -> None:
    record = show(opted_out, bindings={NVME: BOUND}, module_parameters=parameters)

    assert [item for item in findings_of(opted_out, record) if "FP705" in item] == found


LACKING = (
    f"{NVME} would be without it: kernel {NEXT} boots next and has no such module; policy wants "
    f"{MODULE} by module {MODULE}"
)


@pytest.mark.parametrize(
    ("modules", "found"),
    [
        ({"vfio_pci": "module"}, [f"FP716 {LACKING}"]),
        ({"vfio_pci": "module", MODULE: "module"}, []),
        ({MODULE: "builtin"}, []),
    ],
)
def test_judge_of_the_kernel_that_boots_next_wants_the_driver_there(
    opted_out: HostClass, modules: dict[str, str], found: list[str]
) -> None:
    record = show(
        opted_out,
        bindings={NVME: {**BOUND, "stage2": DEVICE}},
        next_kernel={"release": NEXT, "modules": modules},
    )

    assert findings_of(opted_out, record) == found


@pytest.mark.shows("FP716")
def test_drift_finds_a_kernel_upgrade_before_it_boots(opted_out: HostClass) -> None:
    record = show(
        opted_out,
        bindings={NVME: {**BOUND, "stage2": DEVICE}},
        module_parameters={MODULE: {"stage2": "device"}},
        next_kernel={"release": NEXT, "modules": {"vfio_pci": "module"}},
    )
    made = make_planning(make_fleet(opted_out), [record], make_artifacts())

    found = find_drift(made.fleet, made.simulation, made.rendering, made.records)

    assert [f"{item.rule.id} {item.why}" for item in found] == [f"FP716 {LACKING}"]


FIX = "install the module for that kernel, or have the host boot the running one; then plan again"


@pytest.mark.shows("FP506")
def test_plan_refuses_a_host_whose_next_boot_would_lose_the_driver(opted_out: HostClass) -> None:
    record = show(
        opted_out,
        bindings={NVME: {**BOUND, "stage2": DEVICE}},
        module_parameters={MODULE: {"stage2": "device"}},
        next_kernel={"release": NEXT, "modules": {"vfio_pci": "module"}},
    )

    made, found = plan(make_planning(make_fleet(opted_out), [record], make_artifacts("ro=1")))

    assert [(item.rule.id, item.why, item.fix) for item in found] == [
        (
            "FP506",
            LACKING,
            FIX,
        )
    ]
    assert [host.actions for host in made.hosts] == [()]
