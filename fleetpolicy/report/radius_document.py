"""Write what an edit does to a fleet as plain data."""

from fleetpolicy.model.radius import ChangeGroup, Radius
from fleetpolicy.model.simulation import RegionMapping
from fleetpolicy.report.document import findings_document, silenced_document
from fleetpolicy.report.radius import count_shifts, list_difference


def radius_document(radius: Radius) -> dict[str, object]:
    """Return the difference as plain data."""
    return {
        "against": {"revision": radius.revision, "commit": radius.commit},
        "isBroken": radius.is_broken,
        "hosts": {
            "total": radius.total,
            "changing": sum(len(group.hosts) for group in radius.groups),
            "rebooting": sum(len(group.hosts) for group in radius.groups if group.reboots),
            "otherFacts": list(radius.other_facts),
        },
        "mappings": {shift.value: number for shift, number in count_shifts(radius).items()},
        "groups": [_group_document(group) for group in radius.groups],
        "entering": [{"hosts": list(move.hosts), "why": move.why} for move in radius.entering],
        "leaving": [{"hosts": list(move.hosts), "why": move.why} for move in radius.leaving],
        "newFindings": findings_document(radius.new, radius.profile),
        "goneFindings": findings_document(radius.gone, radius.profile),
        "silencedFindings": silenced_document(radius.silenced, radius.profile),
        "unsilencedFindings": findings_document(radius.unsilenced, radius.profile),
    }


def _group_document(group: ChangeGroup) -> dict[str, object]:
    return {
        "hosts": list(group.hosts),
        "artifacts": [
            {
                "verb": item.verb.value,
                "path": item.path,
                "kind": item.kind.value,
                "name": item.name,
                "difference": list_difference(item),
                "origins": [str(origin) for origin in item.origins],
            }
            for item in group.artifacts
        ],
        "mappings": [
            {
                "device": item.device,
                "id": item.id,
                "region": item.region,
                "before": _mapping_document(item.before),
                "after": _mapping_document(item.after),
                "shift": item.shift.value,
            }
            for item in group.mappings
        ],
        "reboots": group.reboots,
        "bootKinds": list(group.boot_kinds),
        "guestsOff": {host: list(names) for host, names in group.guests_off.items()},
    }


def _mapping_document(mapping: RegionMapping | None) -> dict[str, object] | None:
    if mapping is None:
        return None
    return {
        "vmm": mapping.vmm,
        "stage2": mapping.stage2,
        "reachable": list(mapping.reachable),
    }
