# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an inventory with Ansible's own machinery and print what fleetpolicy needs of it.

Run as a process (python -P inventory_reader): one JSON request on standard input, one JSON document
on standard output. Equal values are printed once, in a table.
"""

import gc
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from ansible import constants as C  # noqa: N812 the name that Ansible's own code uses
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, vars_loader
from ansible.utils.display import Display
from reader_manager import Loader, Manager
from reader_report import Report
from reader_values import Table
from reader_variables import VARIABLES, Variables

STATIC_PLUGINS = frozenset({"yaml", "ini", "toml"})


def _select(manager: Manager, report: Report, kind: str, pattern: str) -> list[str]:
    heard = len(report.remarks)
    try:
        if kind == "limit":
            # A part of a limit that matches nothing is passed over with a warning.
            report.source = pattern
            manager.subset(pattern)
        chosen = manager.get_hosts("all" if kind == "limit" else pattern)
    except AnsibleError as error:
        chosen = []
        if "No hosts matched" not in str(error):
            report.fail(kind, error, pattern)
    finally:
        report.source = ""
    if not chosen:
        del report.remarks[heard:]
    manager.subset(None)
    return [host.name for host in chosen if host.name in manager.hosts]


def _set_vault_secrets(loader: DataLoader) -> bool:
    if not (C.DEFAULT_VAULT_IDENTITY_LIST or C.DEFAULT_VAULT_PASSWORD_FILE):
        return False
    from ansible.cli import CLI  # noqa: PLC0415 it is slow to import and seldom needed

    names = list(C.DEFAULT_VAULT_IDENTITY_LIST)
    loader.set_vault_secrets(CLI.setup_vault_secrets(loader, vault_ids=names, auto_prompt=False))
    return True


def _is_static(manager: Manager) -> bool:
    """Return whether only plugins were at work that give equal hosts for equal files."""
    plugins = {
        str(getattr(plugin, "_load_name", "")).rpartition(".")[2] for plugin in vars_loader.all()
    }
    return manager.plugins <= STATIC_PLUGINS and plugins <= {"host_group_vars"}


def _values_of(manager: Manager, report: Report, names: list[str]) -> tuple[Any, ...]:
    """Return each host's row of table indices, the tables, and whether a template was used."""
    variables = Variables(manager, report)
    values, groups = Table(), Table()
    rows = []
    for name in sorted(names):
        host = manager.hosts[name]
        report.source = name
        try:
            found = variables.of(host)
            row = [values.index(found[name]) if name in found else -1 for name in VARIABLES]
        except AnsibleError as error:
            report.fail("variables", error, host=name)
            row = [-1] * len(VARIABLES)
        members = tuple(sorted(group.name for group in host.get_groups()))
        rows.append([name, groups.index(members), *row])
    report.source = ""
    return rows, groups, values, variables.templated


def read(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hosts that a request is about, and what Ansible said on the way."""
    report = Report()
    Display.warning = report.hear
    init_plugin_loader()
    loader = Loader()
    loader.set_basedir(request["folder"])
    manager = Manager(loader, request, report)
    has_secrets = _set_vault_secrets(loader)
    try:
        manager.parse_sources()
    except AnsibleError as error:
        report.fail("unparsed", error)
    patterns = {item: _select(manager, report, "pattern", item) for item in request["patterns"]}
    chosen = _select(manager, report, "limit", request["limit"] or "all")
    rows, groups, values, was_templated = _values_of(manager, report, chosen)
    names = sorted(manager.hosts)
    numbers = {name: number for number, name in enumerate(names)}
    return {
        "names": names,
        "groups": sorted(manager.groups),
        "patterns": {
            pattern: sorted(numbers[name] for name in found) for pattern, found in patterns.items()
        },
        "memberships": [row["value"] for row in groups.rows],
        "values": values.rows,
        "hosts": rows,
        "static": not (has_secrets or was_templated or report.errors) and _is_static(manager),
        **report.document(),
    }


def main() -> None:
    """Answer the request on standard input."""
    gc.disable()  # a short life that frees nothing: collecting doubles the time of parsing
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what plugins print must not mix with the answer
    with answer:
        json.dump(read(json.load(sys.stdin)), answer, separators=(",", ":"))


if __name__ == "__main__":
    main()
