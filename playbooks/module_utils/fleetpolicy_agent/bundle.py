# SPDX-License-Identifier: Apache-2.0
"""Take a bundle apart; refuse one that reaches for anything that is not ours."""

from __future__ import annotations

import json

from ansible.module_utils.fleetpolicy_agent.host import AgentError
from ansible.module_utils.fleetpolicy_agent.owned import DOMAIN_NAME, OWNED, digest_of

COMMAND_LINE = "kernel command line"
IN_INITRAMFS = ("module parameters", "module load order", "driver binding", "initramfs content")
VERBS = ("create", "change", "remove")
MODES = range(0o1000)


class FileStep:
    """One file of a bundle; no content means that it goes."""

    def __init__(self, step: dict[str, object]) -> None:
        self.path = _text(step, "path")
        self.kind = _text(step, "kind")
        self.before = _text(step, "before")
        self.after = _text(step, "after")
        self.content = _content(step, "content")
        mode = step.get("mode")
        self.mode = mode if isinstance(mode, int) else -1
        if self.path not in OWNED:
            raise AgentError(f"{self.path} is none of the files that fleetpolicy owns")
        if self.kind != COMMAND_LINE and self.kind not in IN_INITRAMFS:
            raise AgentError(f"{self.path}: nothing is known about the kind {self.kind!r}")
        if self.content is not None and self.mode not in MODES:
            raise AgentError(f"{self.path}: the mode {mode} is none that a file of ours has")
        if self.after != ("" if self.content is None else digest_of(self.content)):
            raise AgentError(f"{self.path}: the content is not the one that was planned")


class DomainStep:
    """One domain of a bundle; no XML means that it goes."""

    def __init__(self, step: dict[str, object]) -> None:
        self.name = _text(step, "name")
        self.before = _text(step, "before")
        content = _content(step, "xml")
        self.xml = None if content is None else content.decode()
        if not DOMAIN_NAME.match(self.name):
            raise AgentError(f"{self.name!r} is no name for a domain")


class Bundle:
    """Everything that happens to one host."""

    def __init__(self, bundle: object) -> None:
        if not isinstance(bundle, dict):
            raise AgentError("the bundle is no mapping")
        self.release = _text(bundle, "release")
        self.manifest = _text(bundle, "manifest").encode()
        self.boot_id = _boot_id(self.manifest)
        self.reboot = bundle.get("reboot") is True
        self.reboot_now = bundle.get("rebootNow") is True
        self.guests_off = tuple(map(str, bundle.get("guestsOff") or ()))
        self.files = [FileStep(step) for step in _steps(bundle, "files")]
        self.domains = [DomainStep(step) for step in _steps(bundle, "domains")]


def _steps(bundle: dict[str, object], key: str) -> list[dict[str, object]]:
    steps = bundle.get(key)
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise AgentError(f"the bundle's {key} are no list of mappings")
    for step in steps:
        if step.get("verb") not in VERBS:
            raise AgentError(f"the bundle's {key} have an unknown verb {step.get('verb')!r}")
    return steps


def _boot_id(manifest: bytes) -> object:
    """Return the boot that a manifest was planned in; None without a manifest."""
    try:
        parsed = json.loads(manifest or b"{}")
    except ValueError as error:
        raise AgentError("the bundle's manifest is no JSON") from error
    return parsed.get("bootId") if isinstance(parsed, dict) else None


def _text(mapping: dict[str, object], key: str) -> str:
    value = mapping.get(key)
    if not isinstance(value, str):
        raise AgentError(f"the bundle has no text {key}")
    return value


def _content(step: dict[str, object], key: str) -> bytes | None:
    """Return the text of a step as bytes; a removal has none and everything else has one."""
    value = step.get(key)
    if (value is None) != (step["verb"] == "remove"):
        raise AgentError(f"the bundle's step {step['verb']} does not fit its {key}")
    return None if value is None else _text(step, key).encode()
