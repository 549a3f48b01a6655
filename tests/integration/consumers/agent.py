"""Modules of the agent, as Ansible would find them."""

import importlib
from pathlib import Path
from types import ModuleType

_FOLDER = str(Path(__file__).resolve().parents[3] / "playbooks" / "module_utils")


def agent(name: str) -> ModuleType:
    """Return one module of the agent."""
    package = importlib.import_module("ansible.module_utils")
    if _FOLDER not in package.__path__:
        package.__path__.append(_FOLDER)
    return importlib.import_module(f"ansible.module_utils.fleetpolicy_agent.{name}")
