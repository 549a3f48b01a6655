"""Write what happens to one host as the agent takes it."""

import json

from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.plan import FileAction, HostPlan, Plan, Verb


def write_bundle(plan: Plan, host: HostPlan, *, no_reboot: bool) -> str:
    """Return a host's bundle as JSON text; contents are in it to the byte."""
    domains = [action for action in host.actions if action.kind is ArtifactKind.DOMAIN]
    files = [action for action in host.actions if action.kind is not ArtifactKind.DOMAIN]
    reboots = bool(host.reasons)
    # Guests are in the way of a boot; without one only those whose definition changes are.
    changing = {action.name for action in domains if action.verb is not Verb.CREATE}
    guests_off = [name for name in host.guests_off if name in changing or not no_reboot]
    return json.dumps(
        {
            "host": host.host,
            "plan": plan.id,
            "release": host.release,
            "files": [_file(plan, action) for action in files],
            "domains": [_domain(plan, action) for action in domains],
            "guestsOff": guests_off,
            "reboot": reboots,
            "rebootNow": reboots and not no_reboot,
            "manifest": host.manifest,
        }
    )


def _file(plan: Plan, action: FileAction) -> dict[str, object]:
    return {
        "verb": action.verb,
        "path": action.path,
        "kind": action.kind,
        "mode": action.mode,
        "before": action.before,
        "after": action.after,
        "content": _content(plan, action),
    }


def _domain(plan: Plan, action: FileAction) -> dict[str, object]:
    return {
        "verb": action.verb,
        "name": action.name,
        "before": action.before,
        "xml": _content(plan, action),
    }


def _content(plan: Plan, action: FileAction) -> str | None:
    return None if action.verb is Verb.REMOVE else plan.blobs[action.after]
