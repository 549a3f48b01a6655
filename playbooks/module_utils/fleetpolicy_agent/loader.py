# SPDX-License-Identifier: Apache-2.0
"""Read from the boot loader's own configuration which command line the next boot will have.

Nothing is run and nothing is guessed: whatever is not plain gives None.
"""

from __future__ import annotations

import re
import shlex

from ansible.module_utils.fleetpolicy_agent.bootloader import (
    BLSCFG,
    GRUB_BLS,
    GRUB_CONFIGS,
    IMAGE_BASED,
    SYSTEMD_BOOT,
    grub_config,
    loader_of,
    ostree_entries,
    systemd_boot_partition,
)
from ansible.module_utils.fleetpolicy_agent.entries import (
    Entry as BootEntry,
)
from ansible.module_utils.fleetpolicy_agent.entries import (
    chosen_by_systemd_boot,
    efi_variable,
    in_grubs_order,
    read_entries,
)
from ansible.module_utils.fleetpolicy_agent.host import Host

STAGED = "/run/ostree/staged-deployment"
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
    loader = loader_of(host)
    if loader == SYSTEMD_BOOT:
        return _of_systemd_boot(host)
    if loader == IMAGE_BASED:
        return _of_deployment(host)
    path = grub_config(host)
    config = host.text(path) if path else None
    if path is None or config is None:
        return None
    environment = _environment(host, path)
    if BLSCFG.search(config):
        return _of_blscfg(host, config, environment) if loader == GRUB_BLS else None
    entry = _chosen(_menu(config), _default(config, environment))
    if entry is None or len(entry.lines) != 1:
        return None
    return _command_line(entry.lines[0])


def _of_systemd_boot(host: Host) -> str | None:
    """Return the command line of the entry that systemd-boot starts next.

    Source:
        systemd, src/boot/efi/boot.c: initrds stand first, with the separators of EFI
    """
    boot = systemd_boot_partition(host)
    entry = chosen_by_systemd_boot(host, boot) if boot else None
    if entry is None:
        return None
    images = [f"initrd={path}".replace("/", "\\") for path in entry.keys.get("initrd", [])]
    return " ".join([*images, entry.value("options")]).strip()


def next_deployment(host: Host) -> BootEntry | None:
    """Return the entry of the deployment that boots next, None where that is not known.

    Source:
        libostree, src/libostree/ostree-sysroot-deploy.c: a deployment that is staged gets its entry
        while the host shuts down
    """
    if loader_of(host) != IMAGE_BASED or host.exists(STAGED):
        return None
    entries = ostree_entries(host)
    return None if _is_told_of_another(host, entries) else entries[0]


def _is_told_of_another(host: Host, entries: list[BootEntry]) -> bool:
    """Return whether a boot loader was told to start another entry than the first.

    Source:
        GRUB as Fedora packages it, next_entry and saved_entry; systemd-boot(7)
    """
    told = [
        _listed(entries, name)
        for config in GRUB_CONFIGS
        for key, name in _environment(host, config).items()
        if key in {"next_entry", "saved_entry"} and name
    ]
    if (efi_variable(host, "LoaderInfo") or "").startswith("systemd-boot"):
        chosen = chosen_by_systemd_boot(host, "/boot")
        return chosen is None or chosen.path != entries[0].path
    return any(entry in entries[1:] for entry in told)


def _of_deployment(host: Host) -> str | None:
    """Return the command line of the deployment that boots next, as GRUB hands it over."""
    entry = next_deployment(host)
    if entry is None or "$" in entry.value("options"):
        return None
    device = re.search(r"BOOT_IMAGE=(\([^)]*\))", host.text("/proc/cmdline") or "")
    image = f"BOOT_IMAGE={device.group(1)}{entry.value('linux')} " if device else ""
    return image + " ".join(entry.value("options").split())


def _of_blscfg(host: Host, config: str, environment: dict[str, str]) -> str | None:
    """Return the command line of the entry that blscfg's menu starts next."""
    entries = in_grubs_order(read_entries(host, "/boot"))
    default = _default(config, environment)
    entry = _listed(entries, default) if default else None
    if entry is None:
        return None
    options = _expand(entry.value("options"), {**_settings(config), **environment})
    device = re.search(r"BOOT_IMAGE=(\([^)]*\))", host.text("/proc/cmdline") or "")
    image = (device.group(1) if device else "") + entry.value("linux")
    return None if options is None else f"BOOT_IMAGE={image} {options}".strip()


def _listed(entries: list[BootEntry], default: str) -> BootEntry | None:
    if default.isdigit():
        return entries[int(default)] if int(default) < len(entries) else None
    named = (item for item in entries if default in {item.identifier, item.value("title")})
    return next(named, None)


def _settings(config: str) -> dict[str, str]:
    """Return the variables that a configuration sets to one plain value."""
    found: dict[str, set[str]] = {}
    for name, value in re.findall(
        r"^\s*set (\w+)=[\"']?([^\"'\n]*)[\"']?\s*$", config, re.MULTILINE
    ):
        found.setdefault(name, set()).add(value)
    return {
        name: min(values)
        for name, values in found.items()
        if len(values) == 1 and "$" not in min(values)
    }


def _expand(options: str, variables: dict[str, str]) -> str | None:
    """Return options with GRUB's variables put in, or None where one is not known."""
    parts = re.split(r"\$\{?(\w+)\}?", options)
    if any(name not in variables for name in parts[1::2]):
        return None
    known = [variables[part] if number % 2 else part for number, part in enumerate(parts)]
    return " ".join("".join(known).split())


def _environment(host: Host, config: str) -> dict[str, str]:
    """Return the variables that GRUB keeps between boots, beside its configuration."""
    place = config[: -len("grub.cfg")] + "grubenv"
    lines = (host.text(place) or "").splitlines()
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
