# SPDX-License-Identifier: Apache-2.0
"""Show how a host is set up at the moment: what runs, what will boot, whose files say so."""

from __future__ import annotations

import json
import os
import re
import stat

from ansible.module_utils.fleetpolicy_agent.domains import domain_texts, running_domains
from ansible.module_utils.fleetpolicy_agent.host import Host
from ansible.module_utils.fleetpolicy_agent.kernel import release_of
from ansible.module_utils.fleetpolicy_agent.loader import next_command_line
from ansible.module_utils.fleetpolicy_agent.owned import (
    CONCERNS_US,
    FOREIGN_FILES,
    FOREIGN_FOLDERS,
    IMAGE_WORDS,
    MANIFEST,
    MOST_CONTENT,
    OWNED,
    digest_of,
)
from ansible.module_utils.fleetpolicy_agent.pci import bindings
from ansible.module_utils.fleetpolicy_agent.platform import Modules

MODULES = re.compile(r"\w*vfio\w*|iommufd|kvm\w*|arm_smmu\w*")
HEX_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
TEXTS = ("host", "revision", "plan", "bootId", "kernel")


def boot_id(host: Host) -> str:
    """Return what tells this boot from every other."""
    return host.line("/proc/sys/kernel/random/boot_id") or ""


def host_state(host: Host) -> dict[str, object]:
    """Return the state of a host in the form that records have it."""
    following = next_command_line(host)
    return {
        "bindings": bindings(host),
        "commandLine": host.line("/proc/cmdline") or "",
        "domains": domain_texts(host),
        "files": _files(host),
        "manifest": _manifest(host),
        "moduleParameters": _module_parameters(host),
        "nextCommandLine": following,
        "nextKernel": _next_kernel(host, following),
        "running": running_domains(host),
    }


def _next_kernel(host: Host, command_line: str | None) -> dict[str, object] | None:
    """Return the kernel that boots next and its VFIO modules, None where it is the running one."""
    image = re.match(r"BOOT_IMAGE=\S*/vmlinuz-(\S+)", command_line or "")
    if image is None or image.group(1) == release_of(host):
        return None
    release = image.group(1)
    # Another deployment has its modules in a tree of its own.
    tree = re.search(r"(?:^| )ostree=(/ostree/\S+)", command_line or "")
    modules = Modules(host, release, f"{tree.group(1)}/usr" if tree else "")
    return {"modules": modules.vfio_modules(), "release": release}


def _module_parameters(host: Host) -> dict[str, dict[str, str]]:
    found = {}
    for module in host.names("/sys/module"):
        if not MODULES.fullmatch(module):
            continue
        folder = f"/sys/module/{module}/parameters"
        values = {name: host.line(f"{folder}/{name}") for name in host.names(folder)}
        shown = {name: value for name, value in values.items() if value is not None}
        if shown:
            found[module] = shown
    return found


def _files(host: Host) -> dict[str, dict[str, object]]:
    """Return our own files, and foreign ones that speak of what we set."""
    paths = {f"{folder}/{name}" for folder in FOREIGN_FOLDERS for name in host.names(folder)}
    always = {*OWNED, *FOREIGN_FILES, IMAGE_WORDS}
    found = {}
    for path in sorted(paths | always):
        data = host.data(path)
        if data is not None and (path in always or CONCERNS_US.search(data)):
            found[path] = _file(host, path, data)
    return found


def _file(host: Host, path: str, data: bytes) -> dict[str, object]:
    content = None
    if len(data) <= MOST_CONTENT:
        try:
            content = data.decode()
        except UnicodeDecodeError:
            content = None
    mode = stat.S_IMODE(os.stat(host.path(path)).st_mode)
    return {"content": content, "digest": digest_of(data), "mode": mode}


def _manifest(host: Host) -> dict[str, object] | None:
    """Return what we left on the host; None when it is not there or somebody damaged it."""
    try:
        manifest = json.loads(host.text(MANIFEST) or "null")
    except ValueError:
        return None
    return manifest if isinstance(manifest, dict) and _is_manifest(manifest) else None


def _is_manifest(manifest: dict[str, object]) -> bool:
    keys = {*TEXTS, "formatVersion", "files", "domains", "mappings"}
    mappings = manifest.get("mappings")
    return (
        set(manifest) == keys
        and manifest["formatVersion"] == 1
        and all(isinstance(manifest[key], str) for key in TEXTS)
        and all(_is_digests(manifest[key]) for key in ("files", "domains"))
        and isinstance(mappings, list)
        and all(_is_mapping(mapping) for mapping in mappings)
    )


def _is_digests(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(digest, str) and HEX_DIGEST.match(digest) for digest in value.values()
    )


def _is_mapping(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != {"device", "region", "stage2", "reachable"}:
        return False
    reachable = value["reachable"]
    texts = [value["device"], value["region"], value["stage2"]]
    texts += reachable if isinstance(reachable, list) else [None]
    return all(isinstance(text, str) for text in texts)
