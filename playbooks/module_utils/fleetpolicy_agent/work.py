# SPDX-License-Identifier: Apache-2.0
"""Do the steps of a bundle in their order, and undo them when one fails."""

from __future__ import annotations

import difflib
import json

from ansible.module_utils.fleetpolicy_agent.bootloader import GRUB_BLS, loader_of
from ansible.module_utils.fleetpolicy_agent.bundle import COMMAND_LINE, Bundle, DomainStep
from ansible.module_utils.fleetpolicy_agent.domains import define, domain_names, undefine
from ansible.module_utils.fleetpolicy_agent.files import (
    Change,
    Kept,
    read_plain,
    replace_files,
    restore_files,
)
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.kernel import release_of
from ansible.module_utils.fleetpolicy_agent.now import Now
from ansible.module_utils.fleetpolicy_agent.owned import DROP_IN, MANIFEST, PENDING
from ansible.module_utils.fleetpolicy_agent.platform import boot_facts
from ansible.module_utils.fleetpolicy_agent.undo import undo

MANIFEST_MODE = 0o644
NOTE_MODE = 0o600
GRUB: tuple[str, ...] = ("update-grub",)
INITRAMFS: dict[object, tuple[str, ...]] = {
    # All of them: nobody knows yet which kernel boots next.
    "initramfs-tools": ("update-initramfs", "-u", "-k", "all"),
    "dracut": ("dracut", "-f", "--regenerate-all"),
    "none": (),
    "image": (),
}


class Work:
    """What is left to do of a bundle on a host."""

    def __init__(self, host: Host, bundle: Bundle, now: Now) -> None:
        self._host = host
        self._bundle = bundle
        self._domains = now.domains
        # Our list of words comes after the files that share them: until then it knows the old ones.
        self._changes = now.shared + [
            Change(host, step.path, now.files[step.path], Kept(step.content, step.mode))
            for step in bundle.files
        ]
        self._defined: list[DomainStep] = []
        self._ran: list[tuple[str, ...]] = []
        self._commands = self._due_commands()
        self._manifest = self._manifest_change()
        self.changed = [change.path for change in self._changes]
        self.changed += [step.name for step in bundle.domains]
        self.changed += [MANIFEST] if self._manifest else []

    def differences(self) -> list[str]:
        """Return a unified diff per file, files that we share with others included."""
        return [
            _difference(change.path, change.before.data, change.after.data)
            for change in self._changes
        ]

    def run(self) -> None:
        """Do everything, the manifest last.

        Raises:
            AgentError: A step failed; everything is as it was before.
        """
        note = self._note()
        try:
            note.stage()
            note.commit()
            replace_files(self._changes)
            self._run_commands()
            self._define_domains()
            if self._manifest:
                self._manifest.stage()
                self._manifest.commit()
        except (AgentError, OSError) as error:
            undone = undo(self._host, lambda: self._put_all_back(note), self._ran)
            raise AgentError(f"{error}; {undone}") from error
        Change(self._host, PENDING, Kept(None, 0), Kept(None, 0)).restore()

    def _note(self) -> Change:
        """Return a note of the commands that are due, for whoever comes after a power cut."""
        data = json.dumps([list(command) for command in self._commands]).encode()
        return Change(self._host, PENDING, read_plain(self._host, PENDING), Kept(data, NOTE_MODE))

    def _due_commands(self) -> list[tuple[str, ...]]:
        kinds = {step.kind for step in self._bundle.files}
        has_drop_in = DROP_IN in {step.path for step in self._bundle.files}
        commands = [GRUB] if has_drop_in and loader_of(self._host) != GRUB_BLS else []
        if kinds - {COMMAND_LINE}:
            maker = boot_facts(self._host, release_of(self._host))["initramfs"]
            if maker not in INITRAMFS:
                raise AgentError("nothing is known about how this host makes its initramfs")
            commands.append(INITRAMFS[maker])
        known = [GRUB, *INITRAMFS.values()]
        left = json.loads(read_plain(self._host, PENDING).data or b"[]")
        commands += [command for command in known if list(command) in left]
        return [command for command in dict.fromkeys(commands) if command]

    def _manifest_change(self) -> Change | None:
        before = read_plain(self._host, MANIFEST)
        if not self._bundle.manifest or before.data == self._bundle.manifest:
            return None
        return Change(self._host, MANIFEST, before, Kept(self._bundle.manifest, MANIFEST_MODE))

    def _run_commands(self) -> None:
        for command in self._commands:
            self._ran.append(command)
            said = self._host.failure(*command)
            if said:
                raise AgentError(said)

    def _define_domains(self) -> None:
        for step in self._bundle.domains:
            self._defined.append(step)
            if step.xml is None:
                undefine(self._host, step.name)
            else:
                define(self._host, step.name, step.xml)

    def _put_all_back(self, note: Change) -> None:
        for step in reversed(self._defined):
            self._put_back(step)
        manifest = [self._manifest] if self._manifest else []
        restore_files([note, *self._changes, *manifest])

    def _put_back(self, step: DomainStep) -> None:
        before = self._domains[step.name]
        if before is not None:
            define(self._host, step.name, before)
        elif step.name in domain_names(self._host):
            undefine(self._host, step.name)


def _difference(path: str, before: bytes | None, after: bytes | None) -> str:
    old, new = (
        (data or b"").decode("utf-8", "replace").splitlines(keepends=True)
        for data in (before, after)
    )
    source = "/dev/null" if before is None else path
    target = "/dev/null" if after is None else path
    return "".join(difflib.unified_diff(old, new, source, target))
