"""Hold the JSON Schemas of the documents and of the JSON lines that verbs print."""

from collections.abc import Mapping

from fleetpolicy.model.radius import Shift

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_Schema = dict[str, object]

_TEXT: _Schema = {"type": "string"}
_TEXTS: _Schema = {"type": "array", "items": _TEXT}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_FLAG: _Schema = {"type": "boolean"}
_RESULTS = (
    "ok", "no-op", "changes", "drift", "invalid", "failed", "stopped", "unreachable", "refused",
)  # fmt: skip


def _said(description: str, schema: Mapping[str, object] = _TEXT) -> _Schema:
    return {**schema, "description": description}


def _object(description: str, properties: Mapping[str, object]) -> _Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(properties),
    }


def _list_of(name: str) -> _Schema:
    return {"type": "array", "items": {"$ref": f"#/$defs/{name}"}}


_FINDING = {
    "rule": _said("FP and three digits; fleetpolicy explain tells more."),
    "name": _said("The rule's name, stable."),
    "severity": {"enum": ["error", "warning", "info"]},
    "path": _said("The file that the finding is in, or what else it is about."),
    "line": _said("Counted from 1; 0 for the file as a whole.", _COUNT),
    "column": _said("Counted from 1; 0 for the line as a whole.", _COUNT),
    "hosts": _said("Every host that has it, sorted.", _TEXTS),
    "device": _said("PCI address; empty where it is about no device."),
    "why": _said("The values that disagree."),
    "fix": _said("What to do."),
    "source": _said("Who says so."),
    "facts": _said("File and date of the facts that it was judged by; empty where by none."),
}
_EXCEPTION = {
    "name": _TEXT,
    "until": _said("The day on which it ends."),
    "owner": _TEXT,
    "reason": _TEXT,
    "place": _said("Path, line and column."),
}
_IN_FORCE = {
    **_EXCEPTION,
    "rules": _said("Ids of the rules that it may silence.", _TEXTS),
    "silences": _said("Findings of this document that it silences.", _COUNT),
}
_ACTION = {
    "verb": {"enum": ["create", "change", "remove"]},
    "path": _TEXT,
    "kind": _TEXT,
    "before": _said("SHA-256 of what is there; empty when nothing is."),
    "after": _said("SHA-256 of what will be there; empty for a removal."),
    "origins": _said("The lines of policy behind it.", _TEXTS),
}
_PLANNED = {
    "host": _TEXT,
    "actions": _list_of("Action"),
    "reboots": _FLAG,
    "reasons": _said("Why it reboots.", _TEXTS),
    "guestsOff": _said("Guests that must be shut down first.", _TEXTS),
}
_REGION = {
    "region": _TEXT,
    "vmm": _said("Type of the VMM's own mapping."),
    "stage2": _said("Type that KVM gives the region in stage 2."),
    "reachable": _said("What a guest can get, by whatever it asks.", _TEXTS),
}
_DEVICE = {
    "address": _TEXT,
    "id": _said("Vendor and device, such as 10de:2342."),
    "driver": _TEXT,
    "declared": _said("The mapping that the policy declares."),
    "effective": _said("The mapping after the global opt-out."),
    "regions": _list_of("Region"),
}
_SIMULATED = {"host": _TEXT, "kernel": _TEXT, "devices": _list_of("Device")}
_CHECK = {
    "host": _TEXT,
    "check": _TEXT,
    "passed": _FLAG,
    "rules": _said("Rules whose findings failed it.", _TEXTS),
    "message": _said("What else failed it; empty where nothing did."),
}
_CHANGED_ARTIFACT = {
    "verb": {"enum": ["create", "change", "remove"]},
    "path": _said("For a domain, that of the first host's."),
    "kind": _TEXT,
    "name": _said("The domain's name; empty for a file."),
    "difference": _said("Lines of a unified difference.", _TEXTS),
    "origins": _said("The lines of policy behind it.", _TEXTS),
}
_MAPPING_SIDE = _said(
    "vmm, stage2 and reachable; null where the device is not assigned.",
    {"type": ["object", "null"]},
)
_MAPPING_CHANGE = {
    "device": _said("PCI address."),
    "id": _said("Vendor and device, such as 10de:2342."),
    "region": _TEXT,
    "before": _MAPPING_SIDE,
    "after": _MAPPING_SIDE,
    "shift": {"enum": [shift.value for shift in Shift]},
}
_CHANGE_GROUP = {
    "hosts": _said("Hosts that change alike, sorted.", _TEXTS),
    "artifacts": _list_of("ChangedArtifact"),
    "mappings": _list_of("MappingChange"),
    "reboots": _FLAG,
    "bootKinds": _said("What they reboot for.", _TEXTS),
    "guestsOff": _said("Host to guests that must be off.", {"additionalProperties": _TEXTS}),
}
_RADIUS = {
    "against": _said("The revision as it was named, and its commit.", {"type": "object"}),
    "isBroken": _said("Whether the revision cannot be loaded.", _FLAG),
    "hosts": _said("Counts, and the hosts that are judged by other facts.", {"type": "object"}),
    "mappings": _said("Kind of change to the number of hosts.", {"additionalProperties": _COUNT}),
    "groups": _list_of("ChangeGroup"),
    "entering": _list_of("Move"),
    "leaving": _list_of("Move"),
    "newFindings": _list_of("Finding"),
    "goneFindings": _list_of("Finding"),
    "silencedFindings": _list_of("SilencedFinding"),
    "unsilencedFindings": _list_of("Finding"),
}
_DEFINITIONS = {
    "Finding": _object("One thing that is wrong, on every host that has it alike.", _FINDING),
    "SilencedFinding": _object(
        "A finding that an Exception silences.",
        {**_FINDING, "exception": _object("Who answers for it, and until when.", _EXCEPTION)},
    ),
    "ExceptionInForce": _object("An Exception that has not ended.", _IN_FORCE),
    "Action": _object("One change of one file or domain.", _ACTION),
    "PlannedHost": _object("What an apply would do to a host.", _PLANNED),
    "Region": _object("What guests get for one region of a device.", _REGION),
    "Device": _object("An assigned device.", _DEVICE),
    "SimulatedHost": _object("What guests of a host get.", _SIMULATED),
    "Check": _object("One check of one host.", _CHECK),
    "ChangedArtifact": _object("A text that differs between revisions.", _CHANGED_ARTIFACT),
    "MappingChange": _object("A region whose mapping differs.", _MAPPING_CHANGE),
    "ChangeGroup": _object("Hosts that change alike.", _CHANGE_GROUP),
    "Move": _object("Hosts that enter or leave.", {"hosts": _TEXTS, "why": _TEXT}),
    "Radius": _object("What an edit does to a fleet.", _RADIUS),
}
_HEAD = {
    "formatVersion": _said(
        "Rises when a name changes its meaning or goes away; names may come at any time.",
        {"const": 1},
    ),
    "command": _said("The command that made it."),
    "result": _said("Its verdict.", {"enum": list(_RESULTS)}),
}
_LISTS = {
    "findings": _list_of("Finding"),
    "drift": _list_of("Finding"),
    "silenced": _list_of("SilencedFinding"),
    "exceptions": _said(
        "Exceptions that have not ended; absent where no policy could be read.",
        _list_of("ExceptionInForce"),
    ),
    "checks": _list_of("Check"),
    "radius": {"$ref": "#/$defs/Radius"},
}
_PLAN_BODY = {
    "plan": _said("Digest of the plan."),
    "revision": _said("Digest of the policy's text."),
}
_BODIES: dict[str, tuple[tuple[str, ...], _Schema]] = {
    "validate": (("ok", "invalid"), {"findings": True}),
    "simulate": (
        ("ok",),
        {"hosts": _list_of("SimulatedHost"), "findings": True},
    ),
    "plan": (
        ("no-op", "changes"),
        {**_PLAN_BODY, "hosts": _list_of("PlannedHost"), "findings": True},
    ),
    "plan --against": (
        ("no-op", "changes", "invalid"),
        {"radius": True, "findings": True},
    ),
    "show": (("no-op", "changes"), {**_PLAN_BODY, "hosts": _list_of("PlannedHost")}),
    "verify": (("ok",), {"checks": True, "findings": True}),
    "drift": (("no-op", "drift"), {"drift": True, "findings": True}),
}
_LINES = {
    "finding": "Finding",
    "drift": "Finding",
    "silenced": "SilencedFinding",
    "exception": "ExceptionInForce",
    "check": "Check",
}


def output_schemas() -> dict[str, _Schema]:
    """Return the schemas of a document and of a line of `ndjson`, by name.

    Both leave room for names of later versions.
    """
    return {"Output": _document(), "OutputLine": _line()}


def _document() -> _Schema:
    return {
        "$schema": _DIALECT,
        "$id": "urn:fleetpolicy:v1alpha1:Output",
        "title": "Output",
        **_object("What a command prints with --output json.", _HEAD),
        "properties": {**_HEAD, **_LISTS},
        "allOf": [
            _when(
                {"command": {"const": command}, "result": {"enum": list(results)}},
                {"properties": body, "required": list(body)},
            )
            for command, (results, body) in _BODIES.items()
        ],
        "$defs": _DEFINITIONS,
    }


def _line() -> _Schema:
    summary = {**_HEAD, "counts": _said("Lines of each list.", {"additionalProperties": _COUNT})}
    return {
        "$schema": _DIALECT,
        "$id": "urn:fleetpolicy:v1alpha1:OutputLine",
        "title": "OutputLine",
        **_object(
            "A line that a command prints with --output ndjson; the last one is the summary.",
            {"type": _said("What the line is; other types may come.")},
        ),
        "allOf": [
            *(
                _when({"type": {"const": kind}}, {"$ref": f"#/$defs/{name}"})
                for kind, name in _LINES.items()
            ),
            _when(
                {"type": {"const": "summary"}},
                {"properties": summary, "required": list(summary)},
            ),
        ],
        "$defs": _DEFINITIONS,
    }


def _when(condition: Mapping[str, object], then: Mapping[str, object]) -> _Schema:
    return {
        "if": {"properties": dict(condition), "required": list(condition)},
        "then": dict(then),
    }
