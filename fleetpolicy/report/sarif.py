"""Write findings as SARIF 2.1.0, which code-scanning views read."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256

from fleetpolicy import __version__
from fleetpolicy.diagnostics import Diagnostic, Profile, Rule, Severity
from fleetpolicy.report.findings import describe_subject, group_findings
from fleetpolicy.report.place import file_of, uri_of
from fleetpolicy.report.product import Product, say_waiver

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_NUMBERS_OF_LINES = re.compile(r"(?<=:)\d+(?::\d+)?|(?<=\bline )\d+")


def write_sarif(product: Product) -> str:
    """Return a SARIF log with one run.

    A finding in a file is a result; one about the command line or a host alone is a notification
    of the invocation, because a result without a file is nowhere to be shown.

    Source:
        OASIS, Static Analysis Results Interchange Format (SARIF) Version 2.1.0
    """
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(product)]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _run(product: Product) -> dict[str, object]:
    findings = group_findings((*product.every_finding, *product.silenced))
    rules = {rule.id: rule for rule in (*product.rules(), *(item.rule for item in findings))}
    indices = {rule_id: index for index, rule_id in enumerate(rules)}
    inside = [item for item in findings if file_of(item.span, product.folder)]
    outside = [item for item in findings if not file_of(item.span, product.folder)]
    driver = {
        "name": "fleetpolicy",
        "version": __version__,
        "rules": [_rule(rule, product.profile) for rule in rules.values()],
    }
    base = {"description": {"text": "The directory that fleetpolicy was started in."}}
    return {
        "tool": {"driver": driver},
        "invocations": [_invocation(product, outside, indices)],
        "originalUriBaseIds": {_ROOT: base},
        "columnKind": "unicodeCodePoints",
        "results": _results(inside, indices, product),
        "properties": {
            "command": product.command,
            "result": product.result,
            "hosts": len(product.hosts),
            **product.extras(),
        },
    }


def _rule(rule: Rule, profile: Profile) -> dict[str, object]:
    helped = f"{rule.text}\n\nSource: {rule.source}\n\nMore: fleetpolicy explain {rule.id}"
    severity = rule.production if profile is Profile.PRODUCTION else None
    return {
        "id": rule.id,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.text},
        "help": {"text": helped},
        "defaultConfiguration": {"level": _LEVELS[severity or rule.severity]},
        "properties": {"profile": rule.profile.name.lower(), "source": rule.source},
    }


def _results(
    findings: Iterable[Diagnostic], indices: Mapping[str, int], product: Product
) -> list[dict[str, object]]:
    seen: Counter[str] = Counter()
    results = []
    for item in findings:
        print_of_it = _fingerprint(item, product.folder)
        occurrence = seen[print_of_it]
        seen[print_of_it] += 1
        results.append(
            {
                **_message(item, indices, product),
                "locations": [{"physicalLocation": _location(item, product.folder)}],
                "partialFingerprints": {"fleetpolicyFinding/v1": f"{print_of_it}:{occurrence}"},
                **_suppression(item),
                "properties": _properties(item),
            }
        )
    return results


def _suppression(item: Diagnostic) -> dict[str, object]:
    if item.waiver is None:
        return {}
    suppression = {
        "kind": "external",
        "status": "accepted",
        "justification": say_waiver(item.waiver),
    }
    return {"suppressions": [suppression]}


def _message(item: Diagnostic, indices: Mapping[str, int], product: Product) -> dict[str, object]:
    subject = describe_subject(item.subject)
    lines = [*([subject] if subject else []), item.why, f"fix: {item.fix}"]
    return {
        "ruleId": item.rule.id,
        "ruleIndex": indices[item.rule.id],
        "level": _LEVELS[item.severity(product.profile)],
        "message": {"text": "\n".join(lines)},
    }


def _location(item: Diagnostic, folder: str) -> dict[str, object]:
    uri = uri_of(item.span, folder)
    base = {} if uri.startswith("file:") else {"uriBaseId": _ROOT}
    location: dict[str, object] = {"artifactLocation": {"uri": uri, **base}}
    if item.span.line:
        column = {"startColumn": item.span.column} if item.span.column else {}
        location["region"] = {"startLine": item.span.line, **column}
    return location


def _fingerprint(item: Diagnostic, folder: str) -> str:
    """Return what stays the same when lines move and when more hosts have the finding."""
    evidence = _NUMBERS_OF_LINES.sub("", item.why)
    words = (item.rule.id, file_of(item.span, folder), item.subject.device, evidence)
    return sha256("\0".join(words).encode(errors="surrogateescape")).hexdigest()[:32]


def _properties(item: Diagnostic) -> dict[str, object]:
    hosts = [name for name in (item.subject.host, *item.subject.others) if name]
    said = {"hosts": hosts, "device": item.subject.device, "facts": item.subject.facts}
    return {name: value for name, value in said.items() if value}


def _invocation(
    product: Product, findings: Iterable[Diagnostic], indices: Mapping[str, int]
) -> dict[str, object]:
    invocation: dict[str, object] = {"executionSuccessful": not product.is_bad}
    notices = []
    for item in findings:
        message = _message(item, indices, product)
        rule = {"id": message.pop("ruleId"), "index": message.pop("ruleIndex")}
        notices.append({"associatedRule": rule, **message, "properties": _properties(item)})
    if notices:
        invocation["toolExecutionNotifications"] = notices
    return invocation
