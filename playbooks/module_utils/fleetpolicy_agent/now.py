# SPDX-License-Identifier: Apache-2.0
"""Compare what a host has at the moment with what a bundle expects and wants."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.bundle import Bundle, FileStep
from ansible.module_utils.fleetpolicy_agent.domains import domain_text
from ansible.module_utils.fleetpolicy_agent.files import Change, Kept, read_plain
from ansible.module_utils.fleetpolicy_agent.host import Host
from ansible.module_utils.fleetpolicy_agent.kernel import release_of
from ansible.module_utils.fleetpolicy_agent.loader import next_command_line
from ansible.module_utils.fleetpolicy_agent.owned import DROP_IN, MANIFEST, WORD_LIST, digest_of
from ansible.module_utils.fleetpolicy_agent.shared import shared_changes
from ansible.module_utils.fleetpolicy_agent.state import boot_id

ADDED = re.compile(r'^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX (.*)"$', re.MULTILINE)


class Now:
    """What a host has of the things that a bundle names."""

    def __init__(self, host: Host, bundle: Bundle) -> None:
        self._bundle = bundle
        self._boot_id = boot_id(host)
        self._release = release_of(host)
        self._manifest = read_plain(host, MANIFEST).data
        self.files = {step.path: read_plain(host, step.path) for step in bundle.files}
        self.domains = {step.name: domain_text(host, step.name) for step in bundle.domains}
        self.shared = self._shared(host)
        self._next_line = next_command_line(host) if bundle.files else None
        self.is_done = self._is_done()

    def _shared(self, host: Host) -> list[Change]:
        """Return how files change that hold our words among those of others."""
        steps = [step for step in self._bundle.files if step.path == WORD_LIST]
        return [
            change
            for step in steps
            for change in shared_changes(host, self.files[step.path].data, step.content)
        ]

    def _is_done(self) -> bool:
        """Return whether the very same bundle was applied before."""
        bundle = self._bundle
        return (
            self._release == bundle.release
            and (not bundle.manifest or self._manifest == bundle.manifest)
            and all(self._is_step_done(step) for step in bundle.files)
            and not self.shared
            and all(
                (self.domains[step.name] is None) == (step.xml is None) for step in bundle.domains
            )
            and bool(bundle.manifest or not bundle.domains)
        )

    def _is_step_done(self, step: FileStep) -> bool:
        """Return whether a step has nothing left to do.

        One that keeps the content renews what is made of it: the image, or GRUB's configuration
        that lost our words; shared files are looked at by themselves.
        """
        kept = self.files[step.path]
        if step.before != step.after or _digest(kept) != step.after:
            return _digest(kept) == step.after
        if step.path not in {DROP_IN, WORD_LIST} or kept.mode != step.mode:
            return False
        if step.path == WORD_LIST:
            return True
        if self._next_line is None:
            return False
        words = ADDED.findall((step.content or b"").decode())
        return set(" ".join(words).split()) <= set(self._next_line.split())

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


def _digest(kept: Kept) -> str:
    return "" if kept.data is None else digest_of(kept.data)


def _text_digest(text: str | None) -> str:
    return "" if text is None else digest_of(text.encode())


def _changed_since(step: FileStep, kept: Kept) -> str:
    if kept.data is None:
        return f"{step.path} is gone since the plan"
    return f"{step.path} {'changed' if step.before else 'appeared'} since the plan"
