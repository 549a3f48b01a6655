# SPDX-License-Identifier: Apache-2.0
"""Read, define and remove libvirt domains through virsh."""

from __future__ import annotations

import os
import tempfile

from ansible.module_utils.fleetpolicy_agent.host import COMMAND_TIMEOUT_SECONDS, AgentError, Host


def domain_names(host: Host) -> list[str]:
    """Return the names of all domains, sorted; none without virsh."""
    return _names(host.output("virsh", "list", "--all", "--name"))


def running_domains(host: Host) -> list[str]:
    """Return the names of the domains that run, sorted."""
    return _names(host.output("virsh", "list", "--name"))


def domain_text(host: Host, name: str) -> str | None:
    """Return the XML that libvirt keeps of a domain, or None when it has none of that name."""
    return host.output("virsh", "dumpxml", "--inactive", name)


def domain_texts(host: Host) -> dict[str, str]:
    """Return the XML that libvirt keeps of every domain, by name."""
    found = {}
    for name in domain_names(host):
        text = domain_text(host, name)
        if text is not None:
            found[name] = text
    return found


def define(host: Host, name: str, text: str) -> None:
    """Have libvirt check a domain against its schema and keep it.

    Raises:
        AgentError: libvirt refuses it.
    """
    descriptor, path = tempfile.mkstemp(suffix=".xml", dir=_scratch(host))
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        _virsh(host, name, "define", "--validate", path)
    finally:
        os.unlink(path)


def undefine(host: Host, name: str) -> None:
    """Have libvirt forget a domain; its firmware variables and disks stay.

    Raises:
        AgentError: libvirt refuses, for example because of a snapshot.
    """
    _virsh(host, name, "undefine", "--keep-nvram", name)


def _names(listing: str | None) -> list[str]:
    return sorted(line.strip() for line in (listing or "").splitlines() if line.strip())


def _scratch(host: Host) -> str:
    folder = host.path("/run")
    return folder if os.path.isdir(folder) else host.root


def _virsh(host: Host, name: str, *arguments: str) -> None:
    done = host.run("virsh", *arguments, timeout=COMMAND_TIMEOUT_SECONDS)
    if done is None:
        raise AgentError(f"domain {name}: virsh is not there or did not end")
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise AgentError(f"domain {name}: virsh {arguments[0]} failed: {said}")
