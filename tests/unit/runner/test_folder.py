import json
import sys
from pathlib import Path

import pytest

from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.runner.folder import environment, write_folder


def host(name: str, root: str) -> InventoryHost:
    return InventoryHost(name, ("all",), {}, root, None)


def test_folder_holds_variables_of_simulated_hosts_only(tmp_path: Path) -> None:
    write_folder(tmp_path, [host("real", "/"), host("sim", "/x/{{ y }}")], [("sim", "{}")])

    assert (tmp_path / "limit").read_text() == "real\nsim\n"
    source = json.loads((tmp_path / "inventory/simulated.json").read_text())
    assert source == {"all": {"hosts": {"sim": None}}}
    variables = json.loads((tmp_path / "inventory/host_vars/sim.json").read_text())
    assert variables == {
        "ansible_become": False,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "fleetpolicy_agent_root": {"__ansible_unsafe": "/x/{{ y }}"},
    }
    assert not (tmp_path / "inventory/host_vars/real.json").exists()
    assert (tmp_path / "bundles/sim.json").read_text() == "{}"


def test_environment_leaves_host_key_checking_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ANSIBLE_HOST_KEY_CHECKING", raising=False)

    found = environment(tmp_path)

    assert found["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    assert found["ANSIBLE_LIBRARY"] == str(tmp_path / "library")


def test_environment_names_the_operators_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ANSIBLE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")

    trusted = environment(tmp_path).get("ANSIBLE_CONFIG")
    tmp_path.chmod(0o777)

    assert trusted == str(tmp_path / "ansible.cfg")
    assert "ANSIBLE_CONFIG" not in environment(tmp_path)


def test_folder_says_how_emulated_hosts_are_reached(tmp_path: Path) -> None:
    lab = tmp_path / "it's lab"
    lab.mkdir()
    (lab / "port").write_text("4711\n")
    emulated = InventoryHost("arm-01", ("all",), {}, "/", None, EmulatedHost(), str(lab))

    write_folder(tmp_path, [emulated], [])

    variables = json.loads((tmp_path / "inventory/host_vars/arm-01.json").read_text())
    assert variables == {
        "ansible_become": False,
        "ansible_connection": "ssh",
        "ansible_host": "arm-01",
        "ansible_port": 4711,
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_common_args": {
            "__ansible_unsafe": f"-F '{tmp_path}/it'\"'\"'s lab/ssh_config'"
        },
        "ansible_timeout": 60,
        "ansible_user": "root",
    }


def test_folder_of_an_emulated_host_that_was_never_started_has_no_port(tmp_path: Path) -> None:
    emulated = InventoryHost("arm-01", ("all",), {}, "/", None, EmulatedHost(), "/no/lab")

    write_folder(tmp_path, [emulated], [])

    variables = json.loads((tmp_path / "inventory/host_vars/arm-01.json").read_text())
    assert "ansible_port" not in variables
