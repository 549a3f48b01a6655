from dataclasses import replace
from typing import Any

import pytest

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.artifact import Artifact
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.model.record import HostRecord, HostState
from fleetpolicy.plan import plan
from fleetpolicy.simcore.kvm import ERA_A, ERA_C
from fleetpolicy.verify import find_drift
from fleetpolicy.verify.rules import (
    CONTENT_DRIFTED,
    MEANING_CHANGED,
    NEVER_DEPLOYED,
    RUNNING_STATE_DRIFTED,
)
from tests.unit.plan.fleets import (
    DROP_IN,
    FIRST_BOOT,
    MODPROBE,
    NVME,
    RELEASE,
    SECOND_BOOT,
    boot,
    deploy,
    make_artifacts,
    make_class,
    make_domain,
    make_facts,
    make_fleet,
    make_kernel,
    make_planning,
    make_record,
)

CLASS = make_class()
OLD = "6.1.0-40-arm64"


def converged(*names: str) -> list[HostRecord]:
    fleet = make_fleet(CLASS, *(names or ("a",)))
    records = [make_record(host.name) for host in fleet.hosts]
    domains = {"a": (make_domain(),)}
    made, _ = plan(make_planning(fleet, records, make_artifacts(), domains))
    return [boot(deploy(made, record), CLASS) for record in records]


def changed(record: HostRecord, boot_id: str = SECOND_BOOT, **changes: Any) -> HostRecord:
    state = HostState.model_validate({**dict(record.state), **changes})
    return make_record(record.host, state, record.facts, boot_id)


def drift(
    record: HostRecord,
    host_class: HostClass = CLASS,
    artifacts: tuple[Artifact, ...] = make_artifacts(),
) -> tuple[Diagnostic, ...]:
    domains = {"a": (make_domain(),)}
    made = make_planning(make_fleet(host_class), [record], artifacts, domains)
    return find_drift(made.fleet, made.simulation, made.rendering, made.records)


def said(findings: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{item.span} {item.rule.id} {item.why}" for item in findings]


@pytest.mark.accepts("FP711", "FP712", "FP713", "FP714")
def test_drift_of_a_converged_host_is_nothing() -> None:
    assert drift(converged()[0]) == ()


@pytest.mark.shows("FP711")
def test_drift_of_another_kernel_says_what_each_region_means_now() -> None:
    old = make_facts(release=OLD)
    host_class = make_class(old, kernel=make_kernel(ERA_A))
    record = make_record("a", converged()[0].state, old, SECOND_BOOT)

    findings = drift(record, host_class)

    assert [item.rule for item in findings] == [MEANING_CHANGED]
    assert findings[0].subject.device == NVME
    assert said(findings) == [
        (
            "policies/nvme.yaml:9:3 FP711 0000:01:00.0 region bar0: was Normal-NC (a "
            "guest can reach "
            "Device-nGnRnE, Device-nGnRE, Device-nGRE, Device-GRE, Normal-NC), is Device-nGnRE (a "
            "guest can reach Device-nGnRnE, Device-nGnRE); kernel 6.12.48+deb13-arm64 then, "
            "6.1.0-40-arm64 now"
        )
    ]


def test_drift_of_another_kernel_with_the_same_meaning_is_nothing() -> None:
    newer = make_facts(release="6.17.0-arm64")
    host_class = make_class(newer, kernel=make_kernel(ERA_C))
    record = make_record("a", converged()[0].state, newer, SECOND_BOOT)

    assert drift(record, host_class) == ()


def test_meaning_changes_are_found_on_each_host_of_a_class() -> None:
    old = make_facts(release=OLD)
    host_class = make_class(old, kernel=make_kernel(ERA_A))
    records = [make_record(item.host, item.state, old) for item in converged("a", "b")]
    made = make_planning(make_fleet(host_class, "a", "b", "c"), records, make_artifacts())

    findings = find_drift(made.fleet, made.simulation, made.rendering, made.records)

    changes = [item for item in findings if item.rule is MEANING_CHANGED]
    assert [item.subject.host for item in changes] == ["a", "b"]


def drift_of_edit(record: HostRecord, host_class: HostClass) -> tuple[Diagnostic, ...]:
    """Return the drift under a policy of another text that renders other files."""
    made = make_planning(make_fleet(host_class), [record], make_artifacts()[1:])
    fleet = replace(made.fleet, revision="another")
    return find_drift(fleet, made.simulation, made.rendering, made.records)


@pytest.mark.shows("FP711")
def test_drift_under_an_edited_policy_says_what_it_asks_for_on_another_kernel_alone() -> None:
    same, old = make_facts(), make_facts(release=OLD)
    record = converged()[0]
    elsewhere = make_record("a", record.state, old, SECOND_BOOT)

    on_the_same = drift_of_edit(record, make_class(same, kernel=make_kernel(ERA_A)))
    on_another = drift_of_edit(elsewhere, make_class(old, kernel=make_kernel(ERA_A)))

    assert MEANING_CHANGED not in [item.rule for item in on_the_same]
    (finding,) = (item for item in on_another if item.rule is MEANING_CHANGED)
    assert finding.why == (
        "0000:01:00.0 region bar0: was Normal-NC (a guest can reach Device-nGnRnE, Device-nGnRE, "
        "Device-nGRE, Device-GRE, Normal-NC), by the policy of now, another than was deployed, is "
        "to be Device-nGnRE (a guest can reach Device-nGnRnE, Device-nGnRE); kernel "
        "6.12.48+deb13-arm64 then, 6.1.0-40-arm64 now"
    )


def test_edit_that_changes_a_domain_alone_is_no_change_of_meaning() -> None:
    other = make_domain("<domain><name>db</name><vcpu>8</vcpu></domain>\n")
    made = make_planning(
        make_fleet(make_class(kernel=make_kernel(ERA_A))),
        converged(),
        make_artifacts(),
        {"a": (other,)},
    )
    fleet = replace(made.fleet, revision="another")

    assert find_drift(fleet, made.simulation, made.rendering, made.records) == ()


@pytest.mark.parametrize("release", [RELEASE, OLD])
def test_meaning_that_changed_with_what_is_rendered_under_the_same_policy_is_drift(
    release: str,
) -> None:
    facts = make_facts(release=release)
    record = make_record("a", converged()[0].state, facts, SECOND_BOOT)

    findings = drift(record, make_class(facts, kernel=make_kernel(ERA_A)), make_artifacts()[1:])

    (finding,) = (item for item in findings if item.rule is MEANING_CHANGED)
    assert "Normal-NC), is Device-nGnRE (a guest" in finding.why


@pytest.mark.shows("FP712")
def test_drift_of_files_says_what_changed() -> None:
    record = converged()[0]
    files: dict[str, Any] = {path: dict(state) for path, state in record.state.files.items()}
    files[DROP_IN] |= {"digest": "0" * 64, "content": "# mine\n"}
    del files[MODPROBE]

    findings = drift(changed(record, files=files))

    assert {item.rule for item in findings} == {CONTENT_DRIFTED}
    assert said(findings) == [
        (
            f"policies/fleet.yaml:12:5 FP712 {DROP_IN} was changed:\n"
            '-GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX iommu.passthrough=1"\n'
            "+# mine"
        ),
        f"policies/fleet.yaml:20:7 FP712 {MODPROBE} is gone",
    ]


@pytest.mark.shows("FP712")
def test_drift_of_permissions_names_both() -> None:
    record = converged()[0]
    files: dict[str, Any] = {path: dict(state) for path, state in record.state.files.items()}
    files[DROP_IN] |= {"mode": 0o666}

    assert said(drift(changed(record, files=files))) == [
        f"policies/fleet.yaml:12:5 FP712 {DROP_IN} has mode 0666, was deployed with 0644"
    ]


@pytest.mark.shows("FP712")
def test_drift_of_a_domain_names_what_it_lost_or_that_it_is_gone() -> None:
    record = converged()[0]

    lost = drift(changed(record, domains={"db": '<domain type="kvm">\n</domain>\n'}))
    gone = drift(changed(record, domains={}))

    assert said(lost) == ["policies/guest.yaml:4:1 FP712 domain db lacks name"]
    assert said(gone) == ["policies/guest.yaml:4:1 FP712 domain db is gone"]


def test_drift_of_a_changed_policy_is_nothing() -> None:
    findings = drift(converged()[0], artifacts=make_artifacts("iommu.passthrough=0"))

    assert findings == ()


@pytest.mark.shows("FP712")
def test_drift_of_a_file_changed_on_the_host_and_in_policy_gives_the_digests() -> None:
    record = converged()[0]
    manifest = record.state.manifest
    files: dict[str, Any] = {path: dict(state) for path, state in record.state.files.items()}
    files[DROP_IN] |= {"digest": "0" * 64, "content": "# mine\n"}

    findings = drift(changed(record, files=files), artifacts=make_artifacts("quiet"))

    assert said(findings) == [
        (
            f"policies/fleet.yaml:12:5 FP712 {DROP_IN} has digest 000000000000, was deployed with "
            f"{manifest.files[DROP_IN][:12] if manifest else ''}"
        )
    ]


@pytest.mark.shows("FP713")
def test_drift_of_the_running_state_tells_a_boot_put_off_from_a_hand_at_work() -> None:
    record = converged()[0]
    bindings = {NVME: {"driver": "nvme", "override": None}}

    later = drift(changed(record, bindings=bindings))
    waiting = drift(changed(record, FIRST_BOOT, bindings=bindings))

    assert {item.rule for item in (*later, *waiting)} == {RUNNING_STATE_DRIFTED}
    assert said(later) == [
        "policies/nvme.yaml:9:3 FP713 driver: 0000:01:00.0 is nvme, wanted vfio-pci"
    ]
    assert said(waiting) == [
        (
            "policies/nvme.yaml:9:3 FP713 driver: 0000:01:00.0 is nvme, wanted vfio-pci; the host "
            "has not booted since it was deployed"
        )
    ]


@pytest.mark.shows("FP714")
def test_drift_of_a_host_that_was_never_deployed_says_so() -> None:
    findings = drift(make_record())

    assert [item.rule for item in findings] == [NEVER_DEPLOYED]
    assert said(findings) == [
        "policies/fleet.yaml:12:5 FP714 the host has no manifest that can be read"
    ]


def test_drift_leaves_hosts_without_a_record_alone() -> None:
    made = make_planning(make_fleet(CLASS, "a", "b"), converged("a"), make_artifacts())

    findings = find_drift(made.fleet, made.simulation, made.rendering, made.records)

    assert [item.subject.host for item in findings] == []
    assert RELEASE in made.records["a"].facts.kernel.release


@pytest.mark.shows("FP715")
def test_drift_of_a_skipped_host_tells_what_it_carries_and_for_which_kernel() -> None:
    record = make_record("a", converged()[0].state, make_facts(release=OLD), SECOND_BOOT)
    record = changed(record, files={**record.state.files, MODPROBE: record.state.files[DROP_IN]})
    skipped = replace(make_fleet(CLASS, "b"), skipped={"a": "it cannot have cacheable"})
    made = make_planning(skipped, [record], make_artifacts())

    findings = find_drift(skipped, made.simulation, made.rendering, made.records)

    manifest = record.state.manifest
    assert manifest is not None
    assert said(findings) == [
        (
            "facts/a.json FP712 /etc/modprobe.d/fleetpolicy.conf has digest "
            f"{record.state.files[DROP_IN].digest[:12]}, was deployed with "
            f"{manifest.files[MODPROBE][:12]}"
        ),
        (
            "facts/a.json FP715 it cannot have cacheable; it carries "
            "/etc/default/grub.d/99-fleetpolicy.cfg, /etc/modprobe.d/fleetpolicy.conf, "
            "/etc/udev/rules.d/70-fleetpolicy.rules, domain db of plan "
            f"{manifest.plan[:12]}, made for {RELEASE}, {OLD} runs now"
        ),
    ]


@pytest.mark.accepts("FP715")
def test_drift_of_a_host_with_errors_and_nothing_of_ours_is_nothing() -> None:
    nobody = make_fleet(CLASS, "b")
    made = make_planning(nobody, [make_record("a")], make_artifacts())

    assert find_drift(nobody, made.simulation, made.rendering, made.records) == ()
