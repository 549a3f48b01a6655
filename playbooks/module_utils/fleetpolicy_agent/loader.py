# SPDX-License-Identifier: Apache-2.0
"""Read from GRUB's own configuration which command line the next boot will have.

Nothing is run and nothing is guessed: whatever is not plain gives None.
"""

from __future__ import annotations

import re
import shlex

from ansible.module_utils.fleetpolicy_agent.host import Host

CONFIG = "/boot/grub/grub.cfg"
ENVIRONMENT = "/boot/grub/grubenv"
# Ubuntu's configuration ends each line with this; it hands the console over and is often empty.
HANDOFF = "$vt_handoff"


class Entry:
    """A menu entry, or a submenu with entries of its own."""

    def __init__(self, title: str, identifier: str) -> None:
        self.names = {title, identifier} - {""}
        self.entries: list[Entry] = []
        self.lines: list[str] = []


def next_command_line(host: Host) -> str | None:
    """Return the command line, as the kernel will show it, of the entry that boots next."""
    config = host.text(CONFIG)
    if config is None or re.search(r"^\s*blscfg\b", config, re.MULTILINE):
        return None
    entry = _chosen(_menu(config), _default(config, _environment(host)))
    if entry is None or len(entry.lines) != 1:
        return None
    return _command_line(entry.lines[0])


def _environment(host: Host) -> dict[str, str]:
    """Return the variables that GRUB keeps between boots."""
    lines = (host.text(ENVIRONMENT) or "").splitlines()
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name: value for name, separator, value in pairs if separator}


def _default(config: str, environment: dict[str, str]) -> str | None:
    once = environment.get("next_entry")
    if once and "${next_entry}" in config:
        return once
    settings = re.findall(r"""^\s*set default=["']?([^"'\n]*)["']?\s*$""", config, re.MULTILINE)
    settings = [setting for setting in settings if setting != "${next_entry}"]
    if not settings:
        return "0"
    if settings[-1] == "${saved_entry}":
        return environment.get("saved_entry") or "0"
    return None if "$" in settings[-1] else settings[-1]


def _menu(config: str) -> Entry:
    """Return the menu as a tree; braces of other blocks are counted so that entries end right."""
    top = Entry("", "")
    open_blocks: list[Entry | None] = []
    for line in config.splitlines():
        inside = next((entry for entry in reversed(open_blocks) if entry), top)
        words = line.split()
        if words and words[0] in {"menuentry", "submenu"} and words[-1] == "{":
            entry = _entry(line)
            inside.entries.append(entry)
            open_blocks.append(entry)
        elif words and words[-1] == "{":
            open_blocks.append(None)
        elif words == ["}"] and open_blocks:
            open_blocks.pop()
        elif words and words[0] in {"linux", "linuxefi"}:
            inside.lines.append(line.strip())
    return top


def _entry(line: str) -> Entry:
    title = re.match(r"""\s*\w+\s+(?:'([^']*)'|"([^"]*)"|(\S+))""", line)
    identifier = re.search(r"(?:\$menuentry_id_option|--id)\s+'?([^'\s]+)'?", line)
    name = next((part for part in title.groups() if part), "") if title else ""
    return Entry(name, identifier.group(1) if identifier else "")


def _chosen(menu: Entry, default: str | None) -> Entry | None:
    """Return the entry that a default such as 0, 1>2 or an identifier means.

    Source:
        GNU GRUB manual, section `default`: a number counts from 0, > goes into a submenu
    """
    entry: Entry | None = menu
    for step in (default or "").split(">"):
        entry = _step(entry, step) if entry else None
    while entry and entry.entries and not entry.lines:
        entry = entry.entries[0]
    return entry if default else None


def _step(menu: Entry, step: str) -> Entry | None:
    if step.isdigit():
        return menu.entries[int(step)] if int(step) < len(menu.entries) else None
    return next((entry for entry in menu.entries if step in entry.names), None)


def _command_line(line: str) -> str | None:
    """Return what the kernel is given by a line `linux PATH WORDS`.

    Source:
        GRUB, grub-core/loader: the kernel sees BOOT_IMAGE=PATH, then the words
    """
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        return None
    if words and words[-1] == HANDOFF:
        words.pop()
    if not words or any("$" in word for word in words):
        return None
    quoted = [f'"{word}"' if " " in word else word for word in words]
    return " ".join([f"BOOT_IMAGE={quoted[0]}", *quoted[1:]])
