# SPDX-License-Identifier: Apache-2.0
"""Bring a host to what a bundle says: all of it, or nothing and the reason why."""

from __future__ import annotations

from ansible.module_utils.fleetpolicy_agent.bundle import Bundle
from ansible.module_utils.fleetpolicy_agent.domains import running_domains
from ansible.module_utils.fleetpolicy_agent.host import AgentError, Host
from ansible.module_utils.fleetpolicy_agent.lock import Lock
from ansible.module_utils.fleetpolicy_agent.look import look
from ansible.module_utils.fleetpolicy_agent.now import Now
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
    with Lock(host):
        now = Now(host, bundle)
        reasons = [] if now.is_done else now.stale_reasons()
        if reasons:
            return {"status": "stale", "changed": [], "message": "; ".join(reasons)}
        if not now.is_done or now.needs_reboot(changed=False):
            _check_guests(bundle, frozenset(running_domains(host)))
        work = Work(host, bundle, now) if not now.is_done else None
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
            reply["diff"] = work.differences()
        if not check and not needs_reboot:
            reply["record"] = look(host)
        return reply


def _check_guests(bundle: Bundle, running: frozenset[str]) -> None:
    """Refuse to take a host, a device or a definition away under a domain that runs.

    A domain may have been started since the plan, so that what runs now is asked, not then.

    Raises:
        AgentError: Domains have to be shut down first.
    """
    changing = {step.name for step in bundle.domains if step.before}
    in_the_way = running if bundle.reboot_now else running & changing.union(bundle.guests_off)
    busy = sorted(in_the_way)
    if busy:
        names = ", ".join(busy)
        raise AgentError(f"running: {names}; shut down first: virsh shutdown {busy[0]}")
