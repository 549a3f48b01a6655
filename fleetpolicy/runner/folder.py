"""Lay out the folder that ansible-runner works in; it is gone after the run."""

import json
import os
import shlex
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from sys import executable

from fleetpolicy.model.inventory import InventoryHost

# Beside the inventory's own variables these win: they are read last.
_SIMULATED = {
    "ansible_become": False,
    "ansible_connection": "local",
    "ansible_python_interpreter": executable,
}
_EMULATED = {
    "ansible_become": False,
    "ansible_connection": "ssh",
    "ansible_python_interpreter": "/usr/bin/python3",
    # Where others use the cores, ten seconds are over before sshd has said its name.
    "ansible_timeout": 60,
    "ansible_user": "root",
}
_CANCEL_SECONDS = 1


def write_folder(
    folder: Path, hosts: Sequence[InventoryHost], bundles: Iterable[tuple[str, str]]
) -> None:
    """Write the hosts to run on, what is special about those of the lab, and the bundles.

    Args:
        folder: Empty, and readable by nobody else.
        hosts: They alone are worked on.
        bundles: Host and JSON text.
    """
    (folder / "limit").write_text("".join(f"{host.name}\n" for host in hosts))
    variables = folder / "inventory" / "host_vars"
    variables.mkdir(parents=True)
    ours = {host.name: _variables(host) for host in hosts if host.root != "/" or host.lab}
    entries: dict[str, None] = dict.fromkeys(ours)
    source = {"all": {"hosts": entries}} if entries else {"all": {}}
    (folder / "inventory" / "simulated.json").write_text(json.dumps(source))
    for name, found in ours.items():
        (variables / f"{name}.json").write_text(json.dumps(found))
    (folder / "bundles").mkdir()
    for name, text in bundles:
        (folder / "bundles" / f"{name}.json").write_text(text)
    (folder / "env").mkdir()
    (folder / "env" / "settings").write_text(json.dumps({"pexpect_timeout": _CANCEL_SECONDS}))


def _variables(host: InventoryHost) -> dict[str, object]:
    """Return how Ansible reaches a host that is simulated or emulated."""
    if host.root != "/":
        return {**_SIMULATED, "fleetpolicy_agent_root": _unsafe(host.root)}
    config = Path(host.lab) / "ssh_config"
    # The port is in Ansible's name of a shared connection, which two labs must not have in common.
    port = _text(Path(host.lab) / "port").strip()
    return {
        **_EMULATED,
        "ansible_host": host.name,
        **({"ansible_port": int(port)} if port.isdigit() else {}),
        "ansible_ssh_common_args": _unsafe(f"-F {shlex.quote(str(config))}"),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _unsafe(text: str) -> dict[str, str]:
    """Return a text in the form that Ansible never takes for a template."""
    return {"__ansible_unsafe": text}


def environment(playbooks: Path) -> dict[str, str]:
    """Return what Ansible has to know beside the operator's own environment."""
    found = {
        "ANSIBLE_ACTION_PLUGINS": str(playbooks / "plugins" / "action"),
        "ANSIBLE_LIBRARY": str(playbooks / "library"),
        "ANSIBLE_MODULE_UTILS": str(playbooks / "module_utils"),
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_DISPLAY_OK_HOSTS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_HOST_KEY_CHECKING": os.environ.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        # Ansible is found beside the Python that runs us.
        "PATH": f"{Path(executable).parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
    }
    return found | _configuration(os.environ, Path.cwd())


def _configuration(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return where the operator's ansible.cfg is, as ansible-playbook would find it here."""
    path = folder / "ansible.cfg"
    if "ANSIBLE_CONFIG" in environ or not path.is_file():
        return {}
    # Ansible ignores the file in a folder that anybody can write to.
    return {} if folder.stat().st_mode & stat.S_IWOTH else {"ANSIBLE_CONFIG": str(path)}
