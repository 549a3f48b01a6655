# SPDX-License-Identifier: GPL-3.0-or-later
"""Work out the few host variables that fleetpolicy asks for."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from ansible import constants as C  # noqa: N812 the name that Ansible's own code uses
from ansible.errors import AnsibleError
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.template import Templar
from ansible.utils.vars import combine_vars
from ansible.vars.manager import VariableManager
from ansible.vars.plugins import get_vars_from_inventory_sources
from reader_manager import Manager
from reader_report import Report

VARIABLES = (
    "fleetpolicy_labels",
    "fleetpolicy_root",
    "fleetpolicy_model",
    "fleetpolicy_machine",
)
_MISSPELT = "fleet"
"""How a misspelt name still begins."""
_ALIKE = 0.9


class Variables:
    """Work out host variables with Ansible's precedence, groups of equal membership once."""

    def __init__(self, manager: Manager, report: Report) -> None:
        self.loader = manager._loader  # noqa: SLF001 the manager's own, which caches the files
        self.manager = manager
        self.sources = manager._sources  # noqa: SLF001 as Ansible's VariableManager does
        self.by_groups: dict[tuple[str, ...], dict[str, Any] | AnsibleError] = {}
        self.report = report
        self.templated = False
        self._searched: dict[int, tuple[Any, bool]] = {}
        self._everything: VariableManager | None = None

    def of(self, host: Any) -> dict[str, Any]:
        """Return the variables that concern us of a host, templated where they need it."""
        groups = sort_groups([group for group in host.get_groups() if group.name != "all"])
        key = tuple(group.name for group in groups)
        if key not in self.by_groups:
            try:
                self.by_groups[key] = self._of_groups(groups)
            except AnsibleError as error:
                self.by_groups[key] = error
        shared = self.by_groups[key]
        if isinstance(shared, AnsibleError):
            raise shared
        own = combine_vars(_wanted(host.vars), _wanted(self._plugins([host])))
        found = self._without_misspelt(combine_vars(shared, own) if own else shared)
        if any(self._is_template(value) for value in found.values()):
            return self._template(host, found)
        return found

    def _without_misspelt(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return the variables that we know; tell of one that looks like one that is not set."""
        others = found.keys() - VARIABLES
        if not others:
            return found
        for name in sorted(others):
            for meant in get_close_matches(name, VARIABLES, n=1, cutoff=_ALIKE):
                if meant not in found:
                    self.report.misspelt(name, meant, found[name])
        return {name: value for name, value in found.items() if name not in others}

    def _is_template(self, value: Any) -> bool:
        """Return whether a value is to be templated; groups share values, so search each once."""
        if id(value) not in self._searched:
            self._searched[id(value)] = (value, _has_template(value))
        return self._searched[id(value)][1]

    def _of_groups(self, groups: list[Any]) -> dict[str, Any]:
        everyone = self.manager.groups["all"]
        steps = {
            "all_inventory": everyone.get_vars,
            "all_plugins_inventory": lambda: self._plugins([everyone]),
            "groups_inventory": lambda: get_group_vars(groups),
            "groups_plugins_inventory": lambda: self._plugins(groups),
        }
        merged: dict[str, Any] = {}
        for step in C.VARIABLE_PRECEDENCE:
            # The steps that are missing look beside the playbook, where fleetpolicy has none.
            if step in steps:
                merged = combine_vars(merged, _wanted(steps[step]()))
        return merged

    def _plugins(self, entities: list[Any]) -> dict[str, Any]:
        return get_vars_from_inventory_sources(self.loader, self.sources, entities, "task")

    def _template(self, host: Any, found: dict[str, Any]) -> dict[str, Any]:
        self.templated = True
        if self._everything is None:
            self._everything = VariableManager(loader=self.loader, inventory=self.manager)
        variables = self._everything.get_vars(host=host, include_hostvars=False)
        templar = Templar(loader=self.loader, variables=variables)
        return {
            name: templar.template(value) if self._is_template(value) else value
            for name, value in found.items()
        }


def _wanted(variables: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name.startswith(_MISSPELT)}


def _has_template(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    if isinstance(value, Mapping):
        return any(_has_template(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(_has_template(item) for item in value)
