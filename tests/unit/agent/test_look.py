import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fleetpolicy.model.record import HostRecordDocument

Builder = Callable[..., Path]
Agent = Callable[..., dict[str, Any]]
Load = Callable[[str], ModuleType]


def look(ask_agent: Agent, root: Path) -> dict[str, Any]:
    record: dict[str, Any] = ask_agent(verb="look", root=str(root))["record"]
    return record


def test_look_at_a_tiny_host_fits_the_model(
    tiny_host: Builder, ask_agent: Agent, virsh: str
) -> None:
    root = tiny_host(virsh=virsh)
    (root / "etc/modprobe.d/other.conf").write_text("options vfio-pci ids=10de:2342\n")
    (root / "etc/modprobe.d/unrelated.conf").write_text("blacklist pcspkr\n")
    head = {"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", "host": "host"}

    record = look(ask_agent, root)

    text = json.dumps({**head, "collectedAt": "2026-11-25T00:00:00Z", **record})
    document = HostRecordDocument.model_validate_json(text)
    assert document.identity.boot_id == "boot-1"
    assert document.identity.uptime_seconds == 12
    assert document.state.command_line == "BOOT_IMAGE=/vmlinuz-7.0 root=/dev/vda quiet"
    assert document.state.next_command_line == document.state.command_line
    assert document.state.module_parameters == {"vfio_pci": {"ids": "10de:2342"}}
    assert sorted(document.state.files) == ["/etc/default/grub", "/etc/modprobe.d/other.conf"]
    assert document.state.manifest is None


def test_look_writes_nothing(
    tiny_host: Builder, ask_agent: Agent, tree_digest: Callable[[Path], dict[str, str]]
) -> None:
    root = tiny_host()
    before = tree_digest(root)

    look(ask_agent, root)

    assert tree_digest(root) == before


def test_look_at_a_damaged_manifest_shows_none(tiny_host: Builder, ask_agent: Agent) -> None:
    root = tiny_host()
    (root / "var/lib/fleetpolicy").mkdir(parents=True)
    (root / "var/lib/fleetpolicy/manifest.json").write_text('{"formatVersion": 1, "files": []}')

    assert look(ask_agent, root)["state"]["manifest"] is None


def test_look_at_domains_returns_their_xml(
    tiny_host: Builder, ask_agent: Agent, virsh: str
) -> None:
    root = tiny_host(virsh=virsh)
    (root / "etc/libvirt/qemu").mkdir(parents=True)
    (root / "etc/libvirt/qemu/a guest.xml").write_text("<domain/>\n")
    (root / "running").write_text("a guest\n\n")

    state = look(ask_agent, root)["state"]

    assert state["domains"] == {"a guest": "<domain/>\n"}
    assert state["running"] == ["a guest"]


def test_look_at_an_unknown_architecture_fails_with_its_name(
    tiny_host: Builder, ask_agent: Agent
) -> None:
    root = tiny_host()
    (root / "proc/sys/kernel/arch").write_text("riscv64\n")

    reply = ask_agent(verb="look", root=str(root))

    assert reply == {
        "status": "failed",
        "message": "the architecture riscv64 is none of aarch64, x86_64",
    }


def test_look_at_this_machine_fits_the_model(ask_agent: Agent) -> None:
    if os.uname().machine not in {"aarch64", "x86_64"}:
        pytest.skip("this machine is of another architecture")
    head = {"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", "host": "host"}

    record = ask_agent(verb="look", root="/")["record"]

    text = json.dumps({**head, "collectedAt": "2026-11-25T00:00:00Z", **record})
    assert HostRecordDocument.model_validate_json(text).facts.arch == os.uname().machine


def test_request_with_an_unknown_verb_fails(ask_agent: Agent) -> None:
    reply = ask_agent(verb="format", root="/")

    assert reply == {
        "status": "failed",
        "message": "nothing is known about the verb 'format'",
    }


def test_request_for_a_missing_root_fails(ask_agent: Agent, tmp_path: Path) -> None:
    reply = ask_agent(verb="look", root=str(tmp_path / "none"))

    assert reply["message"] == (
        f"root {tmp_path}/none does not exist; build the simulated host first"
    )


def test_session_addresses_are_unpacked_from_every_table(agent_module: Load) -> None:
    sessions = agent_module("sessions")
    tcp = "head\n 0: 0700000A:0016 0800000A:9999 01 x\n 1: 0900000A:0016 00000000:0000 0A x\n"
    tcp6 = "head\n 0: 0000000000000000FFFF00000500000A:0016 x 01\n"
    tcp6 += " 1: 000080FE00000000FF005450B6AD1DFE:0016 x 01\n"

    found = sessions.session_addresses("192.0.2.9 50000 192.0.2.1 2222", tcp, tcp6)

    assert found == {
        bytes([192, 0, 2, 1]),
        bytes([10, 0, 0, 7]),
        bytes([10, 0, 0, 5]),
        bytes.fromhex("fe80000000000000505400fffe1dadb6"),
    }


def test_ipv6_addresses_are_read_with_their_interfaces(agent_module: Load) -> None:
    sessions = agent_module("sessions")
    table = "fe80000000000000505400fffe1dadb6 02 40 20 80     eth0\n"

    found = sessions.ipv6_addresses(table)

    assert found == [("eth0", bytes.fromhex("fe80000000000000505400fffe1dadb6"))]


def test_ipv4_addresses_of_this_machine_hold_the_loopback(agent_module: Load) -> None:
    sessions = agent_module("sessions")

    assert ("lo", bytes([127, 0, 0, 1])) in sessions._ipv4_addresses()
