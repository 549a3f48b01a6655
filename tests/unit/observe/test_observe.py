import json
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.load import parse_record
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.record import write_record
from fleetpolicy.observe import measure, observe
from fleetpolicy.observe.observe import _told
from fleetpolicy.observe.rules import NO_ANSWER
from fleetpolicy.runner import RunEvent, RunOptions
from fleetpolicy.runner.playbook import PlaybookResult

Builder = Callable[..., Path]
PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"


def test_record_document_holds_the_body_to_the_byte() -> None:
    now = datetime(2026, 11, 25, 1, 2, 3, 456, tzinfo=UTC)

    data = write_record("a", '{"facts":{},"identity":1e0}', now)

    assert data == (
        b'{"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", "host": "a", '
        b'"collectedAt": "2026-11-25T01:02:03Z","facts":{},"identity":1e0}'
    )


def test_observe_without_hosts_starts_nothing() -> None:
    inventory = Inventory(Span("none"), {}, frozenset(), frozenset(), {})

    assert observe(inventory, [], parse_record, RunOptions(PLAYBOOKS)) == ({}, ())


@pytest.mark.shows("FP551", "FP552")
@pytest.mark.accepts("FP553")
@pytest.mark.ansible
def test_observe_returns_records_and_findings_about_the_others(
    tiny_host: Builder, tmp_path: Path
) -> None:
    good, bad = tiny_host("good"), tiny_host("bad")
    (bad / "proc/sys/kernel/arch").write_text("riscv64\n")
    path = tmp_path / "hosts.json"
    far = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
    path.write_text(json.dumps({"all": {"hosts": {"bad": None, "far": far, "good": None}}}))
    hosts = {
        name: InventoryHost(name, ("all",), {}, root, None)
        for name, root in (("bad", str(bad)), ("far", "/"), ("good", str(good)))
    }
    inventory = Inventory(Span(str(path)), hosts, frozenset(hosts), frozenset(), {})

    records, findings = observe(
        inventory, ["good", "far", "bad"], parse_record, RunOptions(PLAYBOOKS)
    )

    assert list(records) == ["good"]
    assert records["good"].identity.boot_id == "boot-1"
    assert records["good"].facts.arch == "aarch64"
    told = [(item.rule.id, item.subject.host, item.fix) for item in findings]
    assert told == [
        ("FP551", "far", f"try it by hand: ansible -i {path} -m ping far"),
        ("FP552", "bad", f"see more of it: ansible -vvv -i {path} -b -m setup bad"),
    ]
    assert "127.0.0.1" in findings[0].why
    assert findings[1].why == "the architecture riscv64 is none of aarch64, x86_64"


@pytest.mark.shows("FP553")
@pytest.mark.ansible
def test_observe_by_a_run_that_ansible_refuses_says_so_for_every_host(tmp_path: Path) -> None:
    (tmp_path / "look.yml").write_text("- hosts: all\n  no_such_keyword: 1\n")
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": {"one": None}}}))
    hosts = {"one": InventoryHost("one", ("all",), {}, "/", None)}
    inventory = Inventory(Span(str(path)), hosts, frozenset(hosts), frozenset(), {})

    records, findings = observe(inventory, ["one"], parse_record, RunOptions(tmp_path))

    assert records == {}
    assert [(item.rule, item.subject.host) for item in findings] == [(NO_ANSWER, "one")]
    assert "'no_such_keyword' is not a valid attribute for a Play" in findings[0].why


@pytest.mark.shows("FP553")
def test_record_of_a_host_that_ansible_never_came_to_is_a_finding() -> None:
    inventory = Inventory(Span("hosts.yaml"), {}, frozenset(), frozenset(), {})

    with pytest.raises(FleetPolicyError):
        _told(inventory, ("one", None), "record", PlaybookResult("timeout", (), ""))


@pytest.mark.shows("FP551")
def test_record_of_an_emulated_host_that_is_off_says_how_to_start_it() -> None:
    host = InventoryHost("arm-01", (), {}, "/", None, EmulatedHost(), "/fleet/.lab/arm-01")
    inventory = Inventory(Span("fleet"), {"arm-01": host}, frozenset(), frozenset(), {})
    event = RunEvent("arm-01", "Look", "unreachable", 0.1, {"msg": "no ssh_config"})

    with pytest.raises(FleetPolicyError) as caught:
        _told(inventory, ("arm-01", event), "record", PlaybookResult("failed", (event,), ""))

    (finding,) = caught.value.diagnostics
    assert finding.fix == "start it: fleetpolicy lab up -i fleet arm-01"


@pytest.mark.shows("FP553")
def test_record_of_a_host_whose_look_somebody_ended_names_no_fault() -> None:
    inventory = Inventory(Span("hosts.yaml"), {}, frozenset(), frozenset(), {})

    with pytest.raises(FleetPolicyError) as caught:
        _told(inventory, ("one", None), "record", PlaybookResult("canceled", (), ""))

    (finding,) = caught.value.diagnostics
    assert finding.fix == "run the command again"


@pytest.mark.ansible
@pytest.mark.skipif(platform.machine() == "aarch64", reason="this host would be measured")
def test_measurement_of_hosts_without_stage_2_is_refused_by_their_agent(
    tiny_host: Builder, tmp_path: Path
) -> None:
    path = tmp_path / "hosts.json"
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    path.write_text(json.dumps({"all": {"hosts": {"here": local, "simulated": None}}}))
    hosts = {
        name: InventoryHost(name, ("all",), {}, root, None)
        for name, root in (("here", "/"), ("simulated", str(tiny_host())))
    }
    inventory = Inventory(Span(str(path)), hosts, frozenset(hosts), frozenset(), {})
    wanted = {"here": ["0000:01:00.0"], "simulated": ["0000:01:00.0"]}

    measured, findings = measure(inventory, wanted, RunOptions(PLAYBOOKS))

    assert measured == {}
    assert [(item.rule.id, item.subject.host, item.why) for item in findings] == [
        ("FP552", "here", "stage 2 is measured on arm64 hosts alone"),
        ("FP552", "simulated", "a simulated host has no stage 2 to be measured"),
    ]


def test_measurement_without_hosts_starts_nothing() -> None:
    inventory = Inventory(Span("none"), {}, frozenset(), frozenset(), {})

    assert measure(inventory, {}, RunOptions(PLAYBOOKS)) == ({}, ())
