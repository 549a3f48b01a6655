# SPDX-License-Identifier: Apache-2.0
"""Read boot loader entries, and which of them boots next.

Source:
    UAPI Group, Boot Loader Specification, type 1; GRUB as Fedora packages it, blscfg;
    systemd-boot(7), loader.conf(5)
"""

from __future__ import annotations

import fnmatch
import re

from ansible.module_utils.fleetpolicy_agent.host import Host
from ansible.module_utils.fleetpolicy_agent.versions import version_key

FOLDER = "/loader/entries"
LOADER_VARIABLE = "/sys/firmware/efi/efivars/{}-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
ATTRIBUTES = 4
TRIES = re.compile(r"\+(\d+)(?:-\d+)?\Z")


class Entry:
    """A file of loader/entries.

    Args:
        name: Of the file, without its suffix.
    """

    def __init__(self, path: str, name: str, text: str) -> None:
        self.path = path
        tries = TRIES.search(name)
        self.identifier = name[: tries.start()] if tries else name
        self.is_spent = bool(tries) and int(tries.group(1)) == 0
        self.keys: dict[str, list[str]] = {}
        for line in text.splitlines():
            parts = line.split(None, 1)
            if len(parts) > 1 and not line.startswith("#"):
                self.keys.setdefault(parts[0], []).append(parts[1].strip())

    def value(self, key: str) -> str:
        """Return the values of a key, joined; empty without it."""
        return " ".join(self.keys.get(key, []))

    @property
    def is_rescue(self) -> bool:
        """Whether it is the one that rescues a host when others do not boot."""
        return self.identifier.endswith("-0-rescue")


def read_entries(host: Host, boot: str) -> list[Entry]:
    """Return the entries of a boot partition that start a kernel.

    Args:
        host: The host.
        boot: Where the partition is mounted.
    """
    folder = boot + FOLDER
    names = [name for name in host.names(folder) if name.endswith(".conf")]
    entries = [
        Entry(f"{folder}/{name}", name[: -len(".conf")], host.text(f"{folder}/{name}") or "")
        for name in names
    ]
    return [entry for entry in entries if entry.value("linux")]


def efi_variable(host: Host, name: str) -> str | None:
    """Return a text that boot loader and system share, or None without it.

    Source:
        systemd, Boot Loader Interface: UTF-16 behind four bytes of attributes
    """
    data = host.data(LOADER_VARIABLE.format(name))
    return None if data is None else data[ATTRIBUTES:].decode("utf-16-le", "replace").rstrip("\0")


def in_grubs_order(entries: list[Entry]) -> list[Entry]:
    """Return entries as blscfg lists them: by the version in their names, newest first."""
    return sorted(entries, key=lambda entry: version_key(entry.identifier), reverse=True)


def chosen_by_systemd_boot(host: Host, boot: str) -> Entry | None:
    """Return the entry that systemd-boot starts next.

    Source:
        systemd, src/boot/efi/boot.c: config_entry_compare(), config_select_default_entry()
    """
    entries = _in_systemd_boots_order(read_entries(host, boot))
    once = efi_variable(host, "LoaderEntryOneShot")
    default = efi_variable(host, "LoaderEntryDefault") or _setting(host, boot, "default")
    if default == "@saved":
        default = efi_variable(host, "LoaderEntryLastBooted")
    for pattern in (once, default):
        suiting = [entry for entry in entries if pattern and _suits(entry, pattern)]
        if suiting:
            return suiting[0]
    return entries[0] if entries else None


def _suits(entry: Entry, pattern: str) -> bool:
    pattern = pattern.removesuffix(".conf")
    return fnmatch.fnmatchcase(entry.identifier.lower(), TRIES.sub("", pattern.lower()))


def _setting(host: Host, boot: str, key: str) -> str | None:
    lines = (host.text(f"{boot}/loader/loader.conf") or "").splitlines()
    pairs = [line.split(None, 1) for line in lines if not line.startswith("#")]
    found = [pair[1].strip() for pair in pairs if len(pair) > 1 and pair[0] == key]
    return found[-1] if found else None


def _in_systemd_boots_order(entries: list[Entry]) -> list[Entry]:
    """Return entries in order: spent ones last, those with a sort key first, each newest first.

    Source:
        systemd, src/shared/bootspec.c, boot_entry_compare(): the version counts with a sort key
        alone
    """
    newest = sorted(
        entries, key=lambda entry: version_key(f"{entry.identifier}.conf"), reverse=True
    )
    keyed = [entry for entry in newest if entry.value("sort-key")]
    keyed.sort(key=lambda entry: version_key(entry.value("version")), reverse=True)
    keyed.sort(key=lambda entry: (entry.value("sort-key"), entry.value("machine-id")))
    ordered = [*keyed, *(entry for entry in newest if not entry.value("sort-key"))]
    return sorted(ordered, key=lambda entry: entry.is_spent)
