"""Give a plan its id: the digest of everything in it."""

import json
from collections.abc import Iterable
from hashlib import sha256

from fleetpolicy.model.plan import HostPlan


def identify(revision: str, inventory: str, hosts: Iterable[HostPlan]) -> str:
    """Return the id of a plan.

    Args:
        revision: Digest of the policy's text.
        inventory: As the user named it.
        hosts: Their manifests name no plan yet: the id is not part of itself. Contents of files
            are named by their digests.
    """
    digest = sha256(_canonical([revision, inventory]))
    parts: dict[int, bytes] = {}
    for host in hosts:
        part = parts.get(id(host.actions))
        if part is None:
            part = parts[id(host.actions)] = sha256(_canonical(_actions(host))).digest()
        digest.update(part)
        rest = [host.host, host.reasons, host.guests_off, host.state, host.release, host.manifest]
        digest.update(_canonical(rest))
    return digest.hexdigest()


def _actions(host: HostPlan) -> list[object]:
    return [
        [
            action.verb.value,
            action.path,
            action.kind.value,
            action.before,
            action.after,
            action.mode,
            action.name,
            [[origin.path, origin.line, origin.column] for origin in action.origins],
        ]
        for action in host.actions
    ]


def _canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
