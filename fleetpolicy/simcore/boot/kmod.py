"""Load modules as kmod does: aliases, soft dependencies, options, install commands, blacklists."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from fleetpolicy.simcore.boot.aliases import matches_alias
from fleetpolicy.simcore.boot.cmdline import (
    Setting,
    Token,
    blacklisted_by_kmod,
    canonical,
    module_settings,
    refused_by_kernel,
    split_argument,
)
from fleetpolicy.simcore.boot.machine import Machine
from fleetpolicy.simcore.boot.modprobe import ModprobeConfig
from fleetpolicy.simcore.boot.shell import Action, Fail, Modprobe, Unmodelled, Write, parse_command
from fleetpolicy.simcore.boot.trace import Cause


@dataclass(frozen=True, slots=True)
class Request:
    """Say how a module is asked for.

    Args:
        by_blacklist: The blacklist counts, as for udev and modules-load.d.
        ignore_install: Load the module itself, whatever an install line says.
        options: What the caller adds to the options of the files.
    """

    by_blacklist: bool = False
    ignore_install: bool = False
    options: tuple[str, ...] = ()


@dataclass(slots=True)
class Kmod:
    """Load modules into a machine under the configuration of one stage of the boot."""

    machine: Machine
    config: ModprobeConfig
    tokens: tuple[Token, ...]
    available: frozenset[str]
    busy: set[str] = field(default_factory=set)

    def load(self, name: str, cause: Cause, request: Request) -> bool:
        """Load what a name or alias stands for and tell whether all went well."""
        modules = self._lookup(name)
        if not modules:
            if ":" not in name:
                self._report_absent(canonical(name), cause)
            return False
        if modules != [canonical(name)]:
            request = replace(request, by_blacklist=True)
        done = [self._insert(module, cause, request) for module in modules]
        return all(done)

    def _lookup(self, name: str) -> list[str]:
        """Return the modules that a name stands for.

        Source:
            kmod libkmod/libkmod-module.c, kmod_module_new_from_lookup(): the aliases of the files
            come first, then a module of this name, then modules.alias; the first to answer wins.
        """
        wanted = _normalise(name)
        aliases = self.config.aliases
        configured = [a.module for a in aliases if fnmatchcase(wanted, _normalise(a.pattern))]
        if configured:
            return configured
        if wanted in self.available or wanted in self.machine.builtin:
            return [wanted]
        found = [canonical(m) for p, m in self.machine.kernel.aliases if matches_alias(name, p)]
        return [m for m in found if m in self.available or m in self.machine.builtin]

    def _report_absent(self, module: str, cause: Cause) -> None:
        release = self.machine.kernel.release
        if module in self.machine.loadable:
            what = f"not loaded: the {self.machine.stage} does not carry the module"
        else:
            what = f"not loaded: kernel {release} has no such module"
        self.machine.record(module, what, cause)

    def _insert(self, module: str, cause: Cause, request: Request) -> bool:
        if self.machine.is_present(module):
            return True
        if request.by_blacklist:
            blacklisted = self.blacklisted(module)
            if blacklisted is not None:
                self.machine.record(module, "not loaded: blacklisted", blacklisted)
                return False
        result = True
        for member, required, has_softdep in self._members(module, set()):
            ignore = has_softdep or (member == module and request.ignore_install)
            options = request.options if member == module else ()
            done = self._insert_one(member, cause, options, ignore_install=ignore)
            if not done and required:
                result = False
                break
        return result

    def blacklisted(self, module: str) -> Cause | None:
        """Return the line or token that blacklists a module, if there is one."""
        lines = [(entry.module, entry.cause) for entry in self.config.blacklists]
        every = (*lines, *blacklisted_by_kmod(self.tokens))
        return next((cause for name, cause in every if name == module), None)

    def _members(self, module: str, seen: set[str]) -> Iterator[tuple[str, bool, bool]]:
        """Yield (module, needed, has a softdep) in the order in which kmod would load them.

        Source:
            kmod libkmod/libkmod-module.c, __kmod_module_get_probe_list(): of a module with a
            softdep the install command is not run.
        """
        if module in seen:
            return
        seen.add(module)
        for dependency in self.machine.kernel.dependencies.get(module, ()):
            yield from self._members(canonical(dependency), seen)
        softdeps = self.config.softdeps
        softdep = next((entry for entry in softdeps if fnmatchcase(module, entry.module)), None)
        yield from self._soft(softdep.pre if softdep else (), seen)
        yield module, True, softdep is not None and bool(softdep.pre or softdep.post)
        yield from self._soft(softdep.post if softdep else (), seen)

    def _soft(self, names: tuple[str, ...], seen: set[str]) -> Iterator[tuple[str, bool, bool]]:
        for name in names:
            for module in self._lookup(name):
                for member, _, has_softdep in self._members(module, seen):
                    yield member, False, has_softdep

    def _insert_one(
        self, module: str, cause: Cause, options: tuple[str, ...], *, ignore_install: bool
    ) -> bool:
        machine = self.machine
        if machine.is_present(module):
            return True
        command = next((c for c in self.config.installs if fnmatchcase(module, c.module)), None)
        if command is not None and not ignore_install:
            machine.record(module, "replaced by its install command", command.cause)
            return self.run(parse_command(command.command), command.cause, module)
        if module not in self.available:
            self._report_absent(module, cause)
            return False
        refused = next((c for name, c in refused_by_kernel(self.tokens) if name == module), None)
        if refused is not None:
            machine.record(module, "not loaded: the kernel refuses it", refused)
            return False
        machine.loaded[module] = cause
        machine.record(module, "loaded", cause)
        machine.start(module, self._settings(module, options, cause), cause)
        return True

    def _settings(self, module: str, options: tuple[str, ...], cause: Cause) -> tuple[Setting, ...]:
        """Return a module's parameters in order: files, command line, call."""
        called = []
        for text in options:
            parameter, value = split_argument(text)
            called.append(Setting(module, canonical(parameter), value or "", cause))
        every = (*self.config.options, *module_settings(self.tokens), *called)
        return tuple(setting for setting in every if setting.module == module)

    def run(self, actions: tuple[Action, ...], cause: Cause, owner: str = "") -> bool:
        """Carry out the commands of a line and tell whether the last one succeeded.

        Args:
            actions: What the line does.
            cause: The line.
            owner: The module whose install command this is; it is not run within itself.
        """
        result = True
        if owner:
            if owner in self.busy:
                return False
            self.busy.add(owner)
        for action in actions:
            result = self._act(action, cause)
        self.busy.discard(owner)
        return result

    def _act(self, action: Action, cause: Cause) -> bool:
        match action:
            case Modprobe(name, options, ignore_install, use_blacklist):
                return self.load(name, cause, Request(use_blacklist, ignore_install, options))
            case Write(path, value):
                if not self.machine.write(path, value, cause):
                    self.machine.ignore(cause, f"a write to {path} is not modelled")
                return True
            case Fail():
                return False
            case Unmodelled(command):
                self.machine.ignore(cause, f"not modelled: {command}")
                return False


def _normalise(alias: str) -> str:
    """Return an alias with underscores for dashes, except within brackets."""
    return re.sub(r"\[[^\]]*\]|-", lambda found: "_" if found[0] == "-" else found[0], alias)
