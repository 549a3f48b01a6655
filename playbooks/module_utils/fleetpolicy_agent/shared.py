# SPDX-License-Identifier: Apache-2.0
"""Keep our words in files that a boot loader shares among all who write them.

Where no drop-in exists, the words stand in the boot loader entries themselves, and in the files
that entries of new kernels are made from. Which of them are ours is known from a list of our own.

Source:
    kernel-install(8): /etc/kernel/cmdline; grubby(8), which changes the same three places
"""

from __future__ import annotations

from ansible.module_utils.fleetpolicy_agent.bootloader import (
    GRUB_BLS,
    SYSTEMD_BOOT,
    loader_of,
    systemd_boot_partition,
)
from ansible.module_utils.fleetpolicy_agent.entries import read_entries
from ansible.module_utils.fleetpolicy_agent.files import Change, Kept, read_plain
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.owned import PENDING, WORD_LIST
from ansible.module_utils.fleetpolicy_agent.words import (
    ends_with_words,
    grub_settings,
    has_words,
    lines_of_words,
    options_of_entry,
    with_words,
    without_words,
)

KERNEL_INSTALL = "/etc/kernel/cmdline"
GRUB_SETTINGS = "/etc/default/grub"


def listed_words(data: bytes | None) -> tuple[str, ...]:
    """Return the words of our list."""
    lines = (data or b"").decode().splitlines()
    return tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def shared_changes(host: Host, before: bytes | None, after: bytes | None) -> list[Change]:
    """Return how shared files change when our list does; none where they are as they should be.

    Raises:
        AgentError: They cannot be changed safely.
    """
    old, new = listed_words(before), listed_words(after)
    was_cut_off = host.exists(PENDING)
    changes = []
    for path in _paths(host, needed=bool(new)):
        kept = read_plain(host, path)
        if kept.data is None:
            continue
        try:
            text = kept.data.decode()
        except UnicodeDecodeError as error:
            raise AgentError(f"{path} is no UTF-8; nothing was changed") from error
        changed = _changed(path, text, (old, new), was_cut_off=was_cut_off)
        if changed != text:
            changes.append(Change(host, path, kept, Kept(changed.encode(), kept.mode)))
    return changes


def _paths(host: Host, *, needed: bool) -> list[str]:
    """Return the files that hold the command line; a rescue entry stays as it is."""
    loader = loader_of(host)
    if loader == GRUB_BLS:
        boot: str | None = "/boot"
        sources = [GRUB_SETTINGS, KERNEL_INSTALL]
    elif loader == SYSTEMD_BOOT:
        boot = systemd_boot_partition(host)
        sources = [KERNEL_INSTALL]
    else:
        boot = None
        sources = []
    entries = read_entries(host, boot) if boot else []
    paths = [entry.path for entry in entries if not entry.is_rescue]
    if not paths and needed:
        raise AgentError(f"no boot loader entries were found that {WORD_LIST} could stand for")
    return sources + paths


def _changed(
    path: str, text: str, words: tuple[tuple[str, ...], tuple[str, ...]], *, was_cut_off: bool
) -> str:
    old, new = words
    find = {GRUB_SETTINGS: grub_settings, KERNEL_INSTALL: lines_of_words}.get(
        path, options_of_entry
    )
    regions = find(text)
    if not regions:
        return text
    if old == new and has_words(text, regions, new):
        return text
    gone = tuple(word for word in old if word not in new)
    # A power cut may have come between this file and our list.
    is_ahead = ends_with_words(text, regions, new)
    if was_cut_off and is_ahead and not any(has_words(text, regions, (word,)) for word in gone):
        return text
    text = without_words(text, regions, old)
    return with_words(text, find(text), new)
