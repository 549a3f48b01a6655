# SPDX-License-Identifier: Apache-2.0
"""Answer one request: JSON on standard input, JSON on standard output, never a traceback."""

from __future__ import annotations

import json
import os
import signal
import sys

from ansible.module_utils.fleetpolicy_agent.host import Host


def main() -> None:
    """Answer the request on standard input."""
    try:
        request = json.load(sys.stdin)
    except ValueError as error:
        reply: dict[str, object] = {
            "status": "failed",
            "message": f"the request is no JSON: {error}",
        }
    else:
        reply = answer(request)
    json.dump(reply, sys.stdout, separators=(",", ":"), sort_keys=True)
    sys.stdout.write("\n")


def answer(request: dict[str, object]) -> dict[str, object]:
    """Return the reply to a request; whatever goes wrong is said in it.

    Args:
        request: verb and root; for apply also bundle, check and diff; for install also modules and
            check; for measure also devices.
    """
    try:
        return _answer(request)
    except Exception as error:  # noqa: BLE001 the caller is another machine: a traceback would be lost
        kind = "" if type(error).__name__ == "AgentError" else f"{type(error).__name__}: "
        return {"status": "failed", "message": f"{kind}{error}"}


def _answer(request: dict[str, object]) -> dict[str, object]:
    verb = request.get("verb")
    host = Host(str(request.get("root", "/")))
    # Imported where they are needed: a look must not pay for what an apply needs.
    if verb == "look":
        from ansible.module_utils.fleetpolicy_agent.look import look  # noqa: PLC0415

        return {"status": "ok", "message": "", "record": look(host)}
    if verb == "apply":
        return _apply(host, request)
    if verb == "install":
        return _install(host, request)
    if verb == "measure":
        return _measure(host, request)
    if verb == "reboot":
        from ansible.module_utils.fleetpolicy_agent.reboot import reboot  # noqa: PLC0415

        return reboot(host)
    return {"status": "failed", "message": f"nothing is known about the verb {verb!r}"}


def _apply(host: Host, request: dict[str, object]) -> dict[str, object]:
    from ansible.module_utils.fleetpolicy_agent.apply import apply  # noqa: PLC0415
    from ansible.module_utils.fleetpolicy_agent.bundle import Bundle  # noqa: PLC0415

    _outlive_the_connection()
    bundle = Bundle(request.get("bundle"))
    return apply(host, bundle, check=request.get("check") is True, diff=request.get("diff") is True)


def _install(host: Host, request: dict[str, object]) -> dict[str, object]:
    from ansible.module_utils.fleetpolicy_agent.install import install  # noqa: PLC0415

    _outlive_the_connection()
    return install(host, request.get("modules"), check=request.get("check") is True)


def _measure(host: Host, request: dict[str, object]) -> dict[str, object]:
    if host.is_simulated:
        return {"status": "failed", "message": "a simulated host has no stage 2 to be measured"}
    if os.uname().machine != "aarch64":
        return {"status": "failed", "message": "stage 2 is measured on arm64 hosts alone"}
    # The probe travels with this request alone, and stands beside the agent.
    from ansible.module_utils.fleetpolicy_agent.look import look  # noqa: PLC0415
    from ansible.module_utils.fleetpolicy_probe.measure import measure  # noqa: PLC0415

    record, measured = look(host), measure(request["devices"])
    return {"status": "ok", "message": "", "record": record, "measurement": measured}


def _outlive_the_connection() -> None:
    """Go on to the end when the operator's side goes away: a half changed host helps nobody."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        os.setsid()
    except OSError:
        # Already the leader of a session.
        return
