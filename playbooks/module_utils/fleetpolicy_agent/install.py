# SPDX-License-Identifier: Apache-2.0
"""Place kernel modules for the kernels that a host has, and let modprobe find them."""

from __future__ import annotations

import base64
import os
import re
import zlib

from ansible.module_utils.fleetpolicy_agent.files import Change, Kept, read_plain
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.lock import Lock

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
        places: dict[str, str | None] = {}
        changes = []
        for module in modules:
            release, name, data = _parts(module)
            if release not in places:
                places[release] = host.resolved(f"/lib/modules/{release}")
            if places[release]:
                path = f"{places[release]}/{FOLDER}/{name}"
                changes.append(Change(host, path, read_plain(host, path), Kept(data, MODE)))
        if not changes:
            return _reply([], "it has none of these kernels")
        due = [change for change in changes if _is_due(change)]
        if not check:
            late = [item for item in changes if item in due or not _is_indexed(host, item)]
            folders = {item.path.split(f"/{FOLDER}/")[0] for item in late}
            _run(host, due, sorted(map(os.path.basename, folders)))
        return _reply([change.path for change in due])


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
    try:
        for change in due:
            change.stage()
        for change in due:
            change.commit()
        _let_modprobe_find_them(host, releases)
    except (AgentError, OSError) as error:
        for change in reversed(due):
            change.restore()
        raise AgentError(f"{error}; every file is as it was before") from error


def _let_modprobe_find_them(host: Host, releases: list[str]) -> None:
    for release in releases:
        said = host.failure("depmod", "--all", release)
        if said:
            raise AgentError(said)
