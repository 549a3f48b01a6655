import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.runner import PlaybookRun, RunEvent, RunOptions, run_playbook

Builder = Callable[..., Path]
PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"

# A play of our own, with a host that cannot be reached and one that ends the run early.
INTERRUPTED = """\
- name: Wait
  hosts: all
  gather_facts: false
  tasks:
    - name: Say
      ansible.builtin.debug:
        msg: here
    - name: Wait
      ansible.builtin.pause:
        seconds: 60
"""


def write_inventory(folder: Path, *names: str, **variables: object) -> Path:
    path = folder / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": dict.fromkeys(names), "vars": variables}}))
    return path


def simulated(name: str, root: Path) -> InventoryHost:
    return InventoryHost(name, ("all",), {}, str(root), None)


def is_of(path: Path, folder: Path) -> bool:
    try:
        return str(folder).encode() in path.read_bytes()
    except OSError:
        return False


@pytest.mark.ansible
def test_run_overrules_the_inventory_for_simulated_hosts_alone(
    tiny_host: Builder, tmp_path: Path
) -> None:
    inventory = write_inventory(
        tmp_path, "real", "sim", "left", ansible_connection="ssh", ansible_port=1
    )
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "sim.yml").write_text("ansible_connection: ssh\n")
    (tmp_path / "host_vars" / "real.yml").write_text("ansible_host: 127.0.0.1\n")
    hosts = (InventoryHost("real", ("all",), {}, "/", None), simulated("sim", tiny_host("{{ x }}")))
    heard: list[RunEvent] = []

    result = run_playbook(
        PlaybookRun("look.yml", inventory, hosts), RunOptions(PLAYBOOKS, on_event=heard.append)
    )

    ended = {event.host: event.status for event in result.events}
    assert ended == {"real": "unreachable", "sim": "ok"}
    assert tuple(heard) == result.events


@pytest.mark.ansible
def test_run_over_a_connection_without_pipelining_uses_the_module(
    tiny_host: Builder, tmp_path: Path
) -> None:
    plugins = tmp_path / "connection_plugins"
    plugins.mkdir()
    (plugins / "plain.py").write_text(
        "DOCUMENTATION = 'name: plain\\nshort_description: local\\noptions: {}'\n"
        "from ansible.plugins.connection.local import Connection as Local\n"
        "class Connection(Local):\n"
        "    transport = 'plain'\n"
        "    has_pipelining = False\n"
    )
    root = tiny_host()
    (tmp_path / "look.yml").write_text(
        (PLAYBOOKS / "look.yml").read_text().replace("{{ fleetpolicy_agent_root", f"{root}{{{{ ''")
    )
    inventory = write_inventory(
        tmp_path, "host", ansible_connection="plain", ansible_python_interpreter=sys.executable
    )
    for name in ("library", "module_utils", "plugins"):
        (tmp_path / name).symlink_to(PLAYBOOKS / name)
    hosts = (InventoryHost("host", ("all",), {}, "/", None),)

    result = run_playbook(PlaybookRun("look.yml", inventory, hosts), RunOptions(tmp_path))

    (event,) = result.events
    assert event.status == "ok", event.result
    assert json.loads(event.result["record"])["identity"]["bootId"] == "boot-1"


@pytest.mark.ansible
def test_interrupted_run_keeps_what_was_done_and_leaves_nothing(
    tiny_host: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    (tmp_path / "wait.yml").write_text(INTERRUPTED)
    inventory = write_inventory(tmp_path, "host")
    handler = signal.getsignal(signal.SIGINT)
    options = RunOptions(tmp_path, on_event=lambda _: os.kill(os.getpid(), signal.SIGINT))

    result = run_playbook(
        PlaybookRun("wait.yml", inventory, (simulated("host", tiny_host()),)), options
    )

    assert (result.status, result.output) == ("canceled", "")
    assert [event.task for event in result.events] == ["Say"], result.events
    assert list(scratch.iterdir()) == []
    assert [path for path in Path("/proc").glob("[0-9]*/cmdline") if is_of(path, scratch)] == []
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.ansible
def test_run_that_ansible_refuses_says_why(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("- hosts: all\n  no_such_keyword: 1\n")
    inventory = write_inventory(tmp_path, "host")
    hosts = (InventoryHost("host", ("all",), {}, "/", None),)

    result = run_playbook(PlaybookRun("bad.yml", inventory, hosts), RunOptions(tmp_path))

    assert result.status == "failed"
    assert "'no_such_keyword' is not a valid attribute for a Play" in result.output
