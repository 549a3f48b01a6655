# SPDX-License-Identifier: Apache-2.0
"""Bring a host to what a bundle says: all of it, or nothing and the reason why."""

from __future__ import annotations

import difflib
import fcntl
import os

from ansible.module_utils.fleetpolicy_agent.bundle import Bundle, FileStep
from ansible.module_utils.fleetpolicy_agent.domains import domain_text, running_domains
from ansible.module_utils.fleetpolicy_agent.files import Kept, read_plain
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.kernel import release_of
from ansible.module_utils.fleetpolicy_agent.look import look
from ansible.module_utils.fleetpolicy_agent.owned import MANIFEST, digest_of
from ansible.module_utils.fleetpolicy_agent.state import boot_id
from ansible.module_utils.fleetpolicy_agent.work import Work


def apply(host: Host, bundle: Bundle, *, check: bool, diff: bool) -> dict[str, object]:
    """Apply a bundle and return what happened, with a look at the host if no reboot follows.

    Args:
        host: What the bundle is applied to.
        bundle: What is to be done.
        check: Whether to say only what would be done, and write nothing.
        diff: Whether to show how file contents change.

    Raises:
        AgentError: It cannot be done; the host is as it was.
    """
    with _Lock(host):
        now = Now(host, bundle)
        reasons = [] if now.is_done else now.stale_reasons()
        if reasons:
            return {"status": "stale", "changed": [], "message": "; ".join(reasons)}
        if not now.is_done or now.needs_reboot(changed=False):
            _check_guests(bundle, frozenset(running_domains(host)))
        work = Work(host, bundle, now.files, now.domains) if not now.is_done else None
        if work and not check:
            work.run()
        changed = work.changed if work else []
        needs_reboot = now.needs_reboot(changed=bool(changed))
        reply: dict[str, object] = {
            "status": "changed" if changed else "unchanged",
            "changed": changed,
            "message": "",
            "needsReboot": needs_reboot,
            "bootId": boot_id(host),
        }
        if diff and work:
            reply["diff"] = _differences(bundle, now.files)
        if not check and not needs_reboot:
            reply["record"] = look(host)
        return reply


class _Lock:
    """Keep a second run away while one changes a host; the lock ends with the process."""

    def __init__(self, host: Host) -> None:
        self._descriptor = os.open(host.root, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise AgentError("another run is changing this host; wait for its end") from error

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class Now:
    """What a host has of the things that a bundle names."""

    def __init__(self, host: Host, bundle: Bundle) -> None:
        self._bundle = bundle
        self._boot_id = boot_id(host)
        self._release = release_of(host)
        self._manifest = read_plain(host, MANIFEST).data
        self.files = {step.path: read_plain(host, step.path) for step in bundle.files}
        self.domains = {step.name: domain_text(host, step.name) for step in bundle.domains}
        self.is_done = self._is_done()

    def _is_done(self) -> bool:
        """Return whether the very same bundle was applied before."""
        bundle = self._bundle
        return (
            self._release == bundle.release
            and (not bundle.manifest or self._manifest == bundle.manifest)
            and all(_is_done(step, self.files[step.path]) for step in bundle.files)
            and all(
                (self.domains[step.name] is None) == (step.xml is None) for step in bundle.domains
            )
            and bool(bundle.manifest or not bundle.domains)
        )

    def stale_reasons(self) -> list[str]:
        """Return what is other than the plan says."""
        bundle = self._bundle
        reasons = []
        if self._release != bundle.release:
            reasons.append(f"kernel {self._release} runs, planned for {bundle.release}")
        reasons += [
            _changed_since(step, self.files[step.path])
            for step in bundle.files
            if _digest(self.files[step.path]) != step.before
        ]
        reasons += [
            f"domain {step.name} changed since the plan"
            for step in bundle.domains
            if _text_digest(self.domains[step.name]) != step.before
        ]
        return reasons

    def needs_reboot(self, *, changed: bool) -> bool:
        """Return whether a boot is due; one that took place since the same apply counts."""
        is_new = changed or not self._bundle.manifest
        return self._bundle.reboot and (is_new or self._bundle.boot_id == self._boot_id)


def _is_done(step: FileStep, kept: Kept) -> bool:
    """Return whether a step has nothing left to do; one that keeps the content renews the image."""
    return step.before != step.after and _digest(kept) == step.after


def _digest(kept: Kept) -> str:
    return "" if kept.data is None else digest_of(kept.data)


def _text_digest(text: str | None) -> str:
    return "" if text is None else digest_of(text.encode())


def _changed_since(step: FileStep, kept: Kept) -> str:
    if kept.data is None:
        return f"{step.path} is gone since the plan"
    return f"{step.path} {'changed' if step.before else 'appeared'} since the plan"


def _check_guests(bundle: Bundle, running: frozenset[str]) -> None:
    """Refuse to take a host, a device or a definition away under a domain that runs.

    Raises:
        AgentError: Domains have to be shut down first.
    """
    removed = {step.name for step in bundle.domains if step.xml is None}
    in_the_way = running if bundle.reboot_now else running & removed.union(bundle.guests_off)
    busy = sorted(in_the_way)
    if busy:
        names = ", ".join(busy)
        raise AgentError(f"running: {names}; shut down first: virsh shutdown {busy[0]}")


def _differences(bundle: Bundle, files: dict[str, Kept]) -> list[str]:
    """Return a unified diff per file."""
    return [_difference(step, files[step.path].data or b"") for step in bundle.files]


def _difference(step: FileStep, before: bytes) -> str:
    old = before.decode("utf-8", "replace").splitlines(keepends=True)
    new = (step.content or b"").decode().splitlines(keepends=True)
    source = step.path if step.before else "/dev/null"
    target = step.path if step.after else "/dev/null"
    return "".join(difflib.unified_diff(old, new, source, target))
