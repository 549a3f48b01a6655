# SPDX-License-Identifier: Apache-2.0
"""Place kernel modules for the kernels that a host has, and let modprobe find them."""

from __future__ import annotations

import base64
import os
import re
import zlib

from ansible.module_utils.fleetpolicy_agent.files import (
    Change,
    Kept,
    read_plain,
    replace_files,
    restore_files,
)
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.lock import Lock
from ansible.module_utils.fleetpolicy_agent.undo import undo

FOLDER = "updates/fleetpolicy"
MODE = 0o644
RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~-]*\Z")
NAME = re.compile(r"[A-Za-z0-9_-]+\.ko\Z")


def install(host: Host, modules: object, *, check: bool) -> dict[str, object]:
    """Place modules and return which files changed; one of another kernel is left out.

    depmod runs where a file changes, and where modules.dep is older than one or without it: the
    last run may have been cut off.

    Args:
        host: What gets them.
        modules: A release, a file's name and its content (deflated, in base64) each.
        check: Whether to say only what would be done, and write nothing.

    Raises:
        AgentError: It cannot be done; the host has the files that it had.
    """
    if not isinstance(modules, list):
        raise AgentError("the modules are no list")
    with Lock(host):
        changes = _changes(host, [_parts(module) for module in modules])
        if not changes:
            return _reply([], "it has none of these kernels")
        due = [change for _, change in changes if _is_due(change)]
        if not check:
            late = {rel for rel, item in changes if item in due or not _is_indexed(host, item)}
            _run(host, due, sorted(late))
        return _reply([change.path for change in due])


def _changes(host: Host, modules: list[tuple[str, str, bytes]]) -> list[tuple[str, Change]]:
    """Return what each module changes, with its release; none for kernels that are not there."""
    # It is a link's target where /lib is one; below it no link is followed.
    home = host.resolved("/lib/modules") or ""
    found = []
    for release, name, data in modules:
        if host.exists(f"{home}/{release}"):
            path = f"{home}/{release}/{FOLDER}/{name}"
            found.append((release, Change(host, path, read_plain(host, path), Kept(data, MODE))))
    return found


def _is_due(change: Change) -> bool:
    before, after = change.before, change.after
    return (before.data, before.mode) != (after.data, after.mode)


def _is_indexed(host: Host, change: Change) -> bool:
    """Tell whether modprobe finds a module that is in its place."""
    folder, name = change.path.split(f"/{FOLDER}/")
    index = f"{folder}/modules.dep"
    if f"\n{FOLDER}/{name}:" not in "\n" + (host.text(index) or ""):
        return False
    index_time, time = (os.stat(host.path(path)).st_mtime_ns for path in (index, change.path))
    return index_time >= time


def _reply(changed: list[str], message: str = "") -> dict[str, object]:
    status = "changed" if changed else "unchanged"
    return {"status": status, "changed": changed, "message": message}


def _parts(module: object) -> tuple[str, str, bytes]:
    """Take one module apart; refuse one that reaches for anything else."""
    try:
        release, name = str(module["release"]), str(module["name"])  # type: ignore[index]
        data = zlib.decompress(base64.b64decode(module["content"], validate=True))  # type: ignore[index]
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise AgentError(f"a module is not as it was sent: {error!r}") from error
    if not RELEASE.match(release) or not NAME.match(name):
        raise AgentError(f"{release}/{name} is no module of a kernel")
    return release, name, data


def _run(host: Host, due: list[Change], releases: list[str]) -> None:
    ran: list[tuple[str, ...]] = []
    try:
        replace_files(due)
        for release in releases:
            ran.append(("depmod", "--all", release))
            _succeed(host, ran[-1])
    except (AgentError, OSError) as error:
        undone = undo(host, lambda: restore_files(due), ran)
        raise AgentError(f"{error}; {undone}") from error


def _succeed(host: Host, command: tuple[str, ...]) -> None:
    said = host.failure(*command)
    if said:
        raise AgentError(said)
