from dataclasses import replace
from typing import Any

import pytest

from fleetpolicy.model.fleet import HostClass, OptOut, OptOutMechanism, Setting
from fleetpolicy.model.plan import Check, Verification
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostRecord, HostState
from fleetpolicy.plan import plan
from fleetpolicy.simcore.kvm import ERA_B
from fleetpolicy.verify import judge
from fleetpolicy.verify.rules import (
    COMMAND_LINE_UNMET,
    DOMAIN_NOT_AS_RENDERED,
    DRIVER_NOT_BOUND,
    FILE_NOT_IN_PLACE,
    GROUP_NOT_VIABLE,
    MANIFEST_MISSING,
    MAPPING_NOT_AS_DECLARED,
    MODULE_PARAMETER_UNMET,
)
from tests.unit.plan.fleets import (
    DOMAIN_XML,
    DROP_IN,
    MODPROBE,
    NVME,
    POLICY,
    RELEASE,
    SECOND_BOOT,
    boot,
    deploy,
    device_json,
    make_artifacts,
    make_assignment,
    make_class,
    make_domain,
    make_facts,
    make_fleet,
    make_kernel,
    make_planning,
    make_record,
)
from tests.unit.verify.policies import make_policy

CHECKS = [
    "command-line",
    "domains-as-rendered",
    "driver-bound",
    "files-in-place",
    "initramfs-current",
    "iommu-group-viable",
    "manifest-present",
    "mapping-as-declared",
    "mapping-meaning-kept",
    "module-parameters",
    "next-kernel-ready",
]


def converged(host_class: HostClass, *, guest: bool = False) -> HostRecord:
    record = make_record(facts=host_class.facts)
    domains = {"a": (make_domain(),)} if guest else {}
    fleet = make_fleet(host_class)
    made, _ = plan(make_planning(fleet, [record], make_artifacts(), domains))
    return boot(deploy(made, record), host_class)


def changed(record: HostRecord, **changes: Any) -> HostRecord:
    state = HostState.model_validate({**dict(record.state), **changes})
    return make_record(record.host, state, record.facts, SECOND_BOOT)


def judge_one(record: HostRecord, host_class: HostClass, *, guest: bool = False) -> Verification:
    domains = {"a": (make_domain(),)} if guest else {}
    made = make_planning(make_fleet(host_class), [record], make_artifacts(), domains)
    return judge(made.fleet, made.simulation, made.rendering, made.records, make_policy())


def failed(verification: Verification) -> dict[str, list[str]]:
    return {check.name: said(check) for check in verification.checks if not check.passed}


def said(check: Check) -> list[str]:
    return [f"{item.span} {item.rule.id} {item.why}" for item in check.findings]


@pytest.mark.accepts("FP701", "FP702", "FP703", "FP704", "FP705", "FP706", "FP707", "FP708")
def test_judge_of_a_converged_host_passes_every_check() -> None:
    host_class = make_class()

    verification = judge_one(converged(host_class, guest=True), host_class, guest=True)

    assert verification.is_green
    assert [check.name for check in verification.checks] == CHECKS
    assert {check.host for check in verification.checks} == {"a"}


def test_judge_of_a_host_without_a_record_says_nothing() -> None:
    made = make_planning(make_fleet(make_class(), "a", "b"), [make_record("b")])

    checks = judge(made.fleet, made.simulation, made.rendering, made.records, make_policy()).checks

    assert {check.host for check in checks} == {"b"}


@pytest.mark.shows("FP701", "FP702", "FP703", "FP704", "FP705", "FP706", "FP708")
def test_judge_of_a_fresh_host_fails_in_everything_that_policy_asks() -> None:
    state = {"module_parameters": {"vfio_pci": {"disable_idle_d3": "N"}}}
    record = changed(make_record(), **state)

    verification = judge_one(record, make_class())

    assert failed(verification) == {
        "command-line": [
            (
                f"policies/fleet.yaml:12:5 {COMMAND_LINE_UNMET.id} kernel command line: "
                "iommu.passthrough is absent, wanted iommu.passthrough=1"
            )
        ],
        "driver-bound": [
            (
                f"policies/nvme.yaml:9:3 {DRIVER_NOT_BOUND.id} driver: 0000:01:00.0 is nvme, "
                "wanted vfio-pci"
            )
        ],
        "files-in-place": [
            f"{item.origins[0]} {FILE_NOT_IN_PLACE.id} {item.path} ({item.kind.value}) "
            "is not on the host"
            for item in make_artifacts()
        ],
        "iommu-group-viable": [
            (
                f"policies/nvme.yaml:9:3 {GROUP_NOT_VIABLE.id} IOMMU group 7 of 0000:01:00.0: "
                "0000:01:00.0 is bound to nvme"
            )
        ],
        "manifest-present": [
            (
                f"policies/fleet.yaml:12:5 {MANIFEST_MISSING.id} the host has no manifest that can "
                "be read"
            )
        ],
        "mapping-as-declared": [
            (
                f"policies/nvme.yaml:9:3 {MAPPING_NOT_AS_DECLARED.id} no region of "
                f"0000:01:00.0 can "
                "be mapped: it is bound to nvme, wanted normal-nc by vfio-pci"
            )
        ],
        "module-parameters": [
            (
                f"policies/fleet.yaml:20:7 {MODULE_PARAMETER_UNMET.id} module parameter: "
                "vfio_pci.disable_idle_d3 is N, wanted 1"
            )
        ],
    }


@pytest.mark.shows("FP701")
def test_judge_of_changed_files_shows_how_they_differ() -> None:
    host_class = make_class()
    record = converged(host_class)
    files: dict[str, Any] = {path: dict(state) for path, state in record.state.files.items()}
    files[DROP_IN] = {"digest": "0" * 64, "mode": 0o644, "content": "# mine\n"}
    files[MODPROBE]["mode"] = 0o600

    verification = judge_one(changed(record, files=files), host_class)

    assert failed(verification) == {
        "files-in-place": [
            (
                f"policies/fleet.yaml:12:5 FP701 {DROP_IN} (kernel command line) differs:\n"
                '-GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX iommu.passthrough=1"\n'
                "+# mine"
            ),
            (
                f"policies/fleet.yaml:20:7 FP701 {MODPROBE} (module parameters) has mode 0600, "
                "not 0644"
            ),
        ]
    }


@pytest.mark.shows("FP706")
def test_judge_of_a_group_with_a_bound_partner_names_it_and_no_bridge() -> None:
    devices = [
        device_json(),
        device_json("0000:01:00.1", nativeDriver="snd"),
        device_json("0000:00:01.0", nativeDriver="pcieport", **{"class": "060400"}),
    ]
    facts = make_facts(devices=devices)
    host_class = make_class(facts)
    record = converged(host_class)
    bindings: dict[str, Any] = {**{k: dict(v) for k, v in record.state.bindings.items()}}
    bindings["0000:00:01.0"]["driver"] = "pcieport"

    assert judge_one(changed(record, bindings=bindings), host_class).is_green
    bindings["0000:01:00.1"]["driver"] = "pci-stub"
    assert judge_one(changed(record, bindings=bindings), host_class).is_green
    bindings["0000:01:00.1"]["driver"] = "snd_hda_intel"
    verification = judge_one(changed(record, bindings=bindings), host_class)

    assert failed(verification) == {
        "iommu-group-viable": [
            (
                "policies/nvme.yaml:9:3 FP706 IOMMU group 7 of 0000:01:00.0: 0000:01:00.1 is bound "
                "to snd_hda_intel"
            )
        ]
    }


@pytest.mark.shows("FP706")
def test_judge_of_a_device_that_lost_its_group_says_so() -> None:
    host_class = make_class(make_facts(devices=[device_json(iommuGroup=None)]))

    verification = judge_one(converged(host_class), host_class)

    assert failed(verification) == {
        "iommu-group-viable": ["policies/nvme.yaml:9:3 FP706 0000:01:00.0 is in no IOMMU group"]
    }


@pytest.mark.shows("FP707")
def test_judge_of_a_domain_that_lost_a_part_names_the_part() -> None:
    host_class = make_class()
    record = converged(host_class, guest=True)
    kept = {"db": DOMAIN_XML.replace("  <name>db</name>\n", "")}

    verification = judge_one(changed(record, domains=kept), host_class, guest=True)

    (check,) = (check for check in verification.checks if not check.passed)
    assert check.name == "domains-as-rendered"
    assert check.findings[0].rule is DOMAIN_NOT_AS_RENDERED
    assert check.findings[0].why == "domain db lacks name"


@pytest.mark.shows("FP707", "FP708")
def test_judge_of_a_domain_that_is_gone_or_left_over_says_so() -> None:
    host_class = make_class()
    record = converged(host_class, guest=True)

    gone = judge_one(changed(record, domains={}), host_class, guest=True)
    left = judge_one(record, host_class)

    assert failed(gone) == {
        "domains-as-rendered": ["policies/guest.yaml:4:1 FP707 domain db is not defined"]
    }
    assert failed(left) == {
        "domains-as-rendered": [
            "facts/a.json FP707 domain db is not rendered any more and still defined"
        ],
        "manifest-present": [
            (
                f"policies/fleet.yaml:12:5 FP708 its manifest, of plan "
                f"{record.state.manifest.plan[:12] if record.state.manifest else ''}, is "
                f"not about db "
                "as rendered now"
            )
        ],
    }


@pytest.mark.shows("FP708")
def test_judge_of_anothers_manifest_names_its_owner() -> None:
    host_class = make_class()
    record = converged(host_class)
    manifest = record.state.manifest
    assert manifest

    copied = changed(record, manifest=manifest.model_copy(update={"host": "b"}))

    assert failed(judge_one(copied, host_class)) == {
        "manifest-present": ["policies/fleet.yaml:12:5 FP708 its manifest is that of b"]
    }


@pytest.mark.shows("FP704", "FP705")
def test_judge_of_a_mapping_under_another_driver_names_wanted_and_got() -> None:
    host_class = make_class()
    record = converged(host_class)
    bindings = {NVME: {"driver": "withheld-vfio-pci", "override": None}}

    verification = judge_one(changed(record, bindings=bindings), host_class)

    assert failed(verification)["mapping-as-declared"] == [
        (
            "policies/nvme.yaml:9:3 FP705 0000:01:00.0 region bar0: wanted Normal-NC, got "
            f"Device-nGnRE (kernel {RELEASE}, era-b, driver withheld-vfio-pci, FWB no, DIC no)"
        )
    ]


@pytest.mark.shows("FP702", "FP705")
def test_judge_of_an_opt_out_counts_it_only_if_it_was_booted_with() -> None:
    facts = make_facts()
    behaviour = replace(ERA_B, normal_nc_by_consent=False)
    host_class = make_class(
        facts,
        kernel=make_kernel(behaviour, "kvm.device_only=1"),
        settings=(Setting("kvm.device_only", "1", POLICY),),
        assignments=(make_assignment(facts, mapping=MappingMode.DEVICE),),
        opt_out=OptOut(OptOutMechanism.CMDLINE, "kvm.device_only=1", POLICY),
    )
    record = converged(host_class)

    assert judge_one(record, host_class).is_green
    verification = judge_one(changed(record, command_line="ro quiet"), host_class)

    assert failed(verification)["mapping-as-declared"] == [
        (
            "policies/nvme.yaml:9:3 FP705 0000:01:00.0 region bar0: wanted Device-nGnRE, got "
            f"Normal-NC (kernel {RELEASE}, era-b, driver vfio-pci, FWB no, DIC no)"
        )
    ]


def test_judge_of_a_trapped_device_wants_no_stage_2() -> None:
    facts = make_facts()
    trapped = make_assignment(facts, mapping=MappingMode.TRAPPED)
    host_class = make_class(facts, assignments=(trapped,))

    assert judge_one(converged(host_class), host_class).is_green


def test_judge_on_x86_says_nothing_of_stage_2() -> None:
    host_class = make_class(kernel=None)

    assert judge_one(converged(host_class), host_class).is_green


@pytest.mark.shows("FP715")
def test_judge_of_hosts_outside_of_the_fleet_fails_unless_skipped_and_clean() -> None:
    fleet = replace(make_fleet(make_class(), "d"), skipped={"b": "no FWB", "c": "no FWB"})
    deployed = converged(make_class()).state
    records = [make_record("a"), make_record("b"), make_record("c", deployed)]
    made = make_planning(fleet, records, make_artifacts())

    verification = judge(fleet, made.simulation, made.rendering, made.records, make_policy())

    assert [(check.host, check.name) for check in verification.checks if not check.passed] == [
        ("a", "policy-applies"),
        ("c", "policy-applies"),
    ]
    assert [finding.why for finding in verification.checks[0].findings] == [
        "what policy asks for cannot be worked out for it"
    ]
    assert not verification.is_green
