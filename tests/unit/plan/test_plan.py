import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import ModuleSetting, Setting
from fleetpolicy.model.plan import HostPlan, Plan
from fleetpolicy.model.record import HostRecord, HostState, Manifest
from fleetpolicy.plan import plan
from fleetpolicy.plan.rules import (
    FOREIGN_DOMAIN,
    FOREIGN_PARAMETER,
    NOT_CONVERGED,
    TAKEN_OVER,
)
from fleetpolicy.simcore.kvm import ERA_A
from tests.unit.plan.fleets import (
    DOMAIN_XML,
    DROP_IN,
    FIRST_BOOT,
    MODULES,
    NVME,
    POLICY,
    RELEASE,
    SECOND_BOOT,
    boot,
    deploy,
    file_state,
    make_artifacts,
    make_class,
    make_domain,
    make_facts,
    make_fleet,
    make_kernel,
    make_planning,
    make_record,
    make_state,
)

DEVICE_TYPES = ("Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE")
CLASS = make_class()
FLEET = make_fleet(CLASS)


def plan_one(record: HostRecord, **parts: object) -> tuple[HostPlan, tuple[Diagnostic, ...]]:
    planning = make_planning(FLEET, [record], make_artifacts(), **parts)  # type: ignore[arg-type] # domains
    made, findings = plan(planning)
    return made.hosts[0], findings


def plan_fleet(*records: HostRecord) -> Plan:
    fleet = make_fleet(CLASS, *(record.host for record in records))
    return plan(make_planning(fleet, records, make_artifacts()))[0]


def converged(record: HostRecord | None = None) -> HostRecord:
    record = record or make_record()
    return boot(deploy(plan_fleet(record), record), CLASS)


def said(findings: tuple[Diagnostic, ...]) -> list[str]:
    return [
        f"{item.span} {item.rule.id} {item.subject.host} | {item.why} | {item.fix}"
        for item in findings
    ]


@pytest.mark.accepts("FP506")
def test_plan_of_a_fresh_host_creates_boots_and_records() -> None:
    made, findings = plan_one(make_record())

    assert findings == ()
    assert [f"{action.verb.value} {action.path}" for action in made.actions] == [
        f"create {item.path}" for item in make_artifacts()
    ]
    assert made.reasons == (
        f"kernel command line: {DROP_IN} is new (policies/fleet.yaml:12:5)",
        "module parameters: /etc/modprobe.d/fleetpolicy.conf is new (policies/fleet.yaml:20:7)",
        "driver binding: /etc/udev/rules.d/70-fleetpolicy.rules is new (policies/nvme.yaml:9:3)",
    )
    assert made.release == RELEASE
    assert made.guests_off == ()


def test_plan_writes_the_manifest_as_canonical_json() -> None:
    made = plan_fleet(make_record())

    text = made.hosts[0].manifest

    body = json.loads(text)
    assert text == json.dumps(body, sort_keys=True, separators=(",", ":")) + "\n"
    assert body == {
        "bootId": FIRST_BOOT,
        "domains": {},
        "files": {item.path: file_state(item)["digest"] for item in make_artifacts()},
        "formatVersion": 1,
        "host": "a",
        "kernel": RELEASE,
        "mappings": [
            {
                "device": NVME,
                "reachable": [
                    "Device-nGnRnE",
                    "Device-nGnRE",
                    "Device-nGRE",
                    "Device-GRE",
                    "Normal-NC",
                ],
                "region": "bar0",
                "stage2": "Normal-NC",
            }
        ],
        "plan": made.id,
        "revision": "r" * 64,
    }


@pytest.mark.accepts("FP504")
def test_plan_of_a_converged_host_is_empty_whatever_the_revision() -> None:
    record = converged()
    fleet = make_fleet(CLASS)
    fleet = type(fleet)(fleet.hosts, fleet.classes, {}, "s" * 64)

    made, findings = plan(make_planning(fleet, [record], make_artifacts()))

    assert made.is_empty
    assert findings == ()


@pytest.mark.accepts("FP501")
def test_plan_of_a_host_whose_boot_was_put_off_says_so() -> None:
    record = make_record()

    made, findings = plan_one(deploy(plan_fleet(record), record))

    assert (made.actions, made.manifest, findings) == ((), "", ())
    assert made.reasons == (
        (
            "pending reboot: kernel command line: iommu.passthrough is absent, wanted "
            "iommu.passthrough=1 (policies/fleet.yaml:12:5)"
        ),
        "pending reboot: driver: 0000:01:00.0 is nvme, wanted vfio-pci (policies/nvme.yaml:9:3)",
    )


@pytest.mark.shows("FP501")
def test_plan_of_a_host_that_booted_and_did_not_converge_stops() -> None:
    record = make_record()
    deployed = deploy(plan_fleet(record), record)
    booted = make_record("a", deployed.state, boot=SECOND_BOOT)

    made, findings = plan_one(booted)

    assert made.is_empty
    assert {item.rule for item in findings} == {NOT_CONVERGED}
    assert [item.subject.device for item in findings] == ["", NVME]
    assert said(findings) == [
        (
            "policies/fleet.yaml:12:5 FP501 a | kernel command line: iommu.passthrough is absent, "
            "wanted iommu.passthrough=1, though the host booted since it was deployed | read "
            "/etc/default/grub.d/99-fleetpolicy.cfg and /boot/grub/grub.cfg, and find "
            "out which entry "
            "booted: cat /proc/cmdline; then correct the policy, or reboot the host yourself"
        ),
        (
            "policies/nvme.yaml:9:3 FP501 a | driver: 0000:01:00.0 is nvme, wanted "
            "vfio-pci, though "
            "the host booted since it was deployed | look for who took the device first: "
            "journalctl -b -k, lspci -nnk, and the device's driver_override in "
            "/sys/bus/pci/devices; "
            "then correct the policy, or reboot the host yourself"
        ),
    ]


def test_plan_of_a_new_revision_boots_although_the_last_one_did_not_converge() -> None:
    record = make_record()
    deployed = deploy(plan_fleet(record), record)
    booted = make_record("a", deployed.state, boot=SECOND_BOOT)
    planning = make_planning(FLEET, [booted], make_artifacts("iommu.passthrough=1 quiet"))

    made, findings = plan(planning)

    assert findings == ()
    assert made.hosts[0].reasons == (
        f"kernel command line: {DROP_IN} changes (policies/fleet.yaml:12:5)",
    )


def test_plan_of_another_kernel_records_it_without_a_boot() -> None:
    other = make_facts(release="6.1.0-40-arm64")
    host_class = make_class(other, kernel=make_kernel(ERA_A))
    record = make_record("a", converged().state, other, SECOND_BOOT)

    made, findings = plan(make_planning(make_fleet(host_class), [record], make_artifacts()))

    assert findings == ()
    host = made.hosts[0]
    assert (host.actions, host.reasons, host.guests_off) == ((), (), ())
    manifest = Manifest.model_validate_json(host.manifest)
    assert manifest.kernel == "6.1.0-40-arm64"
    assert [item.stage2 for item in manifest.mappings] == ["Device-nGnRE"]


def test_plan_of_permissions_alone_needs_no_boot() -> None:
    record = converged()
    files = {path: {**dict(state), "mode": 0o600} for path, state in record.state.files.items()}
    state = HostState.model_validate({**dict(record.state), "files": files})

    made, _ = plan_one(make_record("a", state, boot=SECOND_BOOT))

    assert [action.verb.value for action in made.actions] == ["change"] * 3
    assert made.reasons == ()


def test_plan_of_a_host_that_policy_left_removes_and_boots() -> None:
    record = converged()
    bare = make_class(settings=(), module_settings=(), assignments=())

    made, findings = plan(make_planning(make_fleet(bare), [record]))

    assert findings == ()
    host = made.hosts[0]
    assert [action.verb.value for action in host.actions] == ["remove"] * 3
    assert host.reasons[0] == f"kernel command line: {DROP_IN} goes"
    after = deploy(made, record)
    assert plan(make_planning(make_fleet(bare), [after]))[0].is_empty


def test_plan_of_a_host_that_policy_never_meant_is_empty() -> None:
    bare = make_class(settings=(), module_settings=(), assignments=())

    made, findings = plan(make_planning(make_fleet(bare), [make_record()]))

    assert made.is_empty
    assert findings == ()


def test_plan_that_boots_wants_every_running_guest_off() -> None:
    made, _ = plan_one(make_record("a", make_state(running=("web", "db"))))

    assert made.guests_off == ("db", "web")


def test_plan_that_changes_a_domain_wants_that_guest_off_alone() -> None:
    domains = {"a": (make_domain(),)}
    fresh = make_record()
    made, _ = plan(make_planning(FLEET, [fresh], make_artifacts(), domains))
    record = boot(deploy(made, fresh), CLASS)
    running = make_record(
        "a", record.state.model_copy(update={"running": ("db", "web")}), boot=SECOND_BOOT
    )
    changed = {"a": (make_domain(DOMAIN_XML.replace("</domain>", "<x/>\n</domain>")),)}

    host, findings = plan_one(running, domains=changed)

    assert findings == ()
    assert [(item.verb.value, item.name) for item in host.actions] == [("change", "db")]
    assert (host.guests_off, host.reasons) == (("db",), ())


@pytest.mark.shows("FP503")
def test_plan_refuses_a_foreign_domain_of_a_guests_name() -> None:
    record = make_record("a", make_state(domains={"db": "<domain/>"}))

    host, findings = plan_one(record, domains={"a": (make_domain(),)})

    assert host.is_empty
    assert findings[0].rule is FOREIGN_DOMAIN
    assert said(findings) == [
        (
            "policies/guest.yaml:4:1 FP503 a | the host has a domain db that carries no "
            "metadata of "
            "fleetpolicy and is not in its manifest | rename the guest, or take the domain away: "
            "virsh undefine db"
        )
    ]


@pytest.mark.accepts("FP503")
def test_plan_takes_over_a_domain_that_carries_our_metadata() -> None:
    ours = "<domain><metadata><f:g xmlns:f='https://x/fleetpolicy/1'/></metadata></domain>"
    record = make_record("a", make_state(domains={"db": ours}))

    host, findings = plan_one(record, domains={"a": (make_domain(),)})

    assert findings == ()
    assert host.actions[-1].verb.value == "change"


@pytest.mark.shows("FP504")
def test_plan_says_that_it_takes_over_a_foreign_file() -> None:
    foreign = {"digest": "0" * 64, "mode": 0o644, "content": "mine\n"}
    state = HostState.model_validate({**dict(make_state()), "files": {DROP_IN: foreign}})

    host, findings = plan_one(make_record("a", state))

    assert findings[0].rule is TAKEN_OVER
    assert said(findings) == [
        (
            f"policies/fleet.yaml:12:5 FP504 a | {DROP_IN} is on the host and not in its manifest; "
            "the plan is to change it | save what you need of it under another name "
            "before you apply"
        )
    ]
    assert host.actions[0].before == "0" * 64


@pytest.mark.shows("FP502")
@pytest.mark.parametrize(
    ("files", "guess"),
    [
        (
            {"/etc/default/grub": {"digest": "0" * 64, "mode": 420}},
            "perhaps set in /etc/default/grub",
        ),
        (
            {
                "/etc/default/grub": {"digest": "0" * 64, "mode": 420},
                "/etc/default/grub.d/10.cfg": {
                    "digest": "0" * 64,
                    "mode": 420,
                    "content": "iommu.passthrough=0",
                },
            },
            "set in /etc/default/grub.d/10.cfg",
        ),
        (
            {
                path: {"digest": "0" * 64, "mode": 420, "content": f'X="quiet {word} ro"'}
                for path, word in {
                    "/boot/loader/entries/m-6.12.conf": "iommu.passthrough=0",
                    "/etc/default/grub.d/kdump-tools.cfg": "iommu.passthrough=0",
                    "/etc/default/grub.d/near.cfg": "xiommu.passthrough=01",
                    "/etc/tuned/bootcmdline": "iommu.passthrough=0",
                }.items()
            },
            (
                "set in /boot/loader/entries/m-6.12.conf (kernel-install or grubby), "
                "/etc/default/grub.d/kdump-tools.cfg (kdump-tools), /etc/tuned/bootcmdline (tuned)"
            ),
        ),
        ({}, "from a file that was not looked at"),
    ],
)
def test_plan_lists_a_foreign_parameter_and_guesses_its_owner(
    files: dict[str, object], guess: str
) -> None:
    state = HostState.model_validate(
        {
            **dict(make_state()),
            "files": files,
            "next_command_line": "ro iommu.passthrough=0",
        }
    )

    _, findings = plan_one(make_record("a", state))

    assert findings[0].rule is FOREIGN_PARAMETER
    assert said(findings) == [
        (
            "policies/fleet.yaml:12:5 FP502 a | policy asks for iommu.passthrough=1; the "
            "entry that "
            f"boots next has iommu.passthrough=0, {guess} | remove iommu.passthrough=0 "
            f"from the file "
            "that sets it, or ask for its value here"
        )
    ]


@pytest.mark.accepts("FP502")
def test_plan_does_not_call_its_own_old_value_foreign() -> None:
    record = make_record()
    old = make_class(settings=(Setting("iommu.passthrough", "0", POLICY),))
    made, _ = plan(make_planning(make_fleet(old), [record], make_artifacts("iommu.passthrough=0")))

    _, findings = plan_one(boot(deploy(made, record), old))

    assert findings == ()


def test_plan_of_equal_hosts_differs_in_names_and_manifests_alone() -> None:
    made = plan_fleet(*(make_record(name) for name in ("c", "a", "b")))

    assert [host.host for host in made.hosts] == ["a", "b", "c"]
    assert len({id(host.actions) for host in made.hosts}) == 1
    assert [json.loads(host.manifest)["host"] for host in made.hosts] == ["a", "b", "c"]


def test_plan_names_each_of_equal_hosts_in_its_findings() -> None:
    state = make_state(next_command_line="iommu.passthrough=0")
    records = [make_record(name, state) for name in ("a", "b")]

    _, findings = plan(make_planning(make_fleet(CLASS, "a", "b"), records, make_artifacts()))

    assert [item.subject.host for item in findings] == ["a", "b"]
    assert [item.subject.facts for item in findings] == [
        "facts/a.json, 2026-11-24",
        "facts/b.json, 2026-11-24",
    ]


def test_plan_of_a_copied_host_writes_its_own_manifest() -> None:
    state = converged().state
    records = [make_record(name, state, boot=SECOND_BOOT) for name in ("a", "b")]

    original, copy = plan_fleet(*records).hosts

    assert original.is_empty
    assert json.loads(copy.manifest)["host"] == "b"


def test_plan_id_changes_with_the_content() -> None:
    first = plan_fleet(make_record()).id
    other = plan(make_planning(FLEET, [make_record()], make_artifacts("quiet")))[0].id

    assert first == plan_fleet(make_record()).id
    assert first != other


@given(
    st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, unique=True),
    st.sets(st.sampled_from([item.path for item in make_artifacts()])),
    st.booleans(),
)
def test_plan_of_what_was_applied_is_empty(
    names: list[str],
    there: set[str],
    guest: bool,  # noqa: FBT001
) -> None:
    files = {item.path: file_state(item) for item in make_artifacts() if item.path in there}
    state = HostState.model_validate({**dict(make_state()), "files": files})
    records = [make_record(name, state) for name in names]
    fleet = make_fleet(CLASS, *names)
    domains = {names[0]: (make_domain(),)} if guest else {}
    made, _ = plan(make_planning(fleet, records, make_artifacts(), domains))

    after = [boot(deploy(made, record), CLASS) for record in records]

    again, findings = plan(make_planning(fleet, after, make_artifacts(), domains))
    assert again.is_empty
    assert findings == ()


@given(st.permutations(["a", "b", "c"]), st.permutations(make_artifacts()))
def test_plan_does_not_depend_on_order(names: list[str], artifacts: list[object]) -> None:
    fleet = make_fleet(CLASS, *names)
    records = [make_record(name) for name in names]

    made, _ = plan(make_planning(fleet, records, tuple(artifacts)))  # type: ignore[arg-type] # artefacts

    assert made == plan_fleet(*(make_record(name) for name in ("a", "b", "c")))


@pytest.mark.shows("FP501")
def test_plan_of_an_unmet_parameter_after_a_boot_names_where_to_look() -> None:
    setting = ModuleSetting("vfio_pci", "disable_vga", "1", MODULES)
    host_class = make_class(module_settings=(setting,))
    record = converged()
    state = record.state.model_copy(
        update={"module_parameters": {"vfio_pci": {"disable_vga": "N"}}}
    )

    _, findings = plan(
        make_planning(
            make_fleet(host_class), [make_record("a", state, boot=SECOND_BOOT)], make_artifacts()
        )
    )

    assert said(findings) == [
        (
            "policies/fleet.yaml:20:7 FP501 a | module parameter: vfio_pci.disable_vga "
            "is N, wanted 1, "
            "though the host booted since it was deployed | look for another options "
            "line and a stale "
            "initramfs: modprobe -c, then lsinitramfs or lsinitrd; then correct the "
            "policy, or reboot "
            "the host yourself"
        )
    ]


@pytest.mark.shows("FP505")
def test_plan_of_a_skipped_host_says_what_stays_on_it() -> None:
    skipped = replace(make_fleet(CLASS, "b"), skipped={"a": "it cannot have cacheable"})
    records = [converged(), make_record("b")]

    made, findings = plan(make_planning(skipped, records, make_artifacts()))

    assert [host.host for host in made.hosts] == ["b"]
    assert [f"{item.span} {item.rule.id} {item.why}" for item in findings] == [
        (
            "facts/a.json FP505 it cannot have cacheable; it keeps "
            "/etc/default/grub.d/99-fleetpolicy.cfg, /etc/modprobe.d/fleetpolicy.conf, "
            "/etc/udev/rules.d/70-fleetpolicy.rules"
        )
    ]


@pytest.mark.accepts("FP505")
def test_plan_of_a_skipped_host_with_nothing_of_ours_is_silent() -> None:
    skipped = replace(make_fleet(CLASS, "b"), skipped={"a": "it cannot have cacheable"})
    records = [make_record("a"), make_record("b")]

    assert plan(make_planning(skipped, records, make_artifacts()))[1] == ()
