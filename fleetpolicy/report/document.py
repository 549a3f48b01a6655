"""Write JSON documents: versioned, sorted, one shape for every verb."""

import json
from collections import Counter
from collections.abc import Iterable

from fleetpolicy.diagnostics import Diagnostic, Profile, Waiver, spoken
from fleetpolicy.report.findings import group_findings
from fleetpolicy.report.product import Product

FORMAT_VERSION = 1


def write_document(verb: str, result: str, **parts: object) -> str:
    """Return a JSON document.

    Args:
        verb: The command that made it.
        result: Its verdict in a word or two: ok, invalid, no-op, changes, drift, failed, refused.
        parts: What the verb has to say, plain data.
    """
    body = {"formatVersion": FORMAT_VERSION, "command": verb, "result": result, **parts}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def write_json(product: Product) -> str:
    """Return a product as a JSON document."""
    return write_document(product.command, product.result, **product.parts())


def findings_document(findings: Iterable[Diagnostic], profile: Profile) -> list[dict[str, object]]:
    """Return findings as plain data, equal ones of many hosts in one entry."""
    return [_finding(item, profile) for item in group_findings(spoken(tuple(findings), profile))]


def exceptions_document(
    in_force: Iterable[Waiver], findings: Iterable[Diagnostic]
) -> list[dict[str, object]]:
    """Return exceptions as plain data, each with the number of findings that it silences.

    Args:
        in_force: Those that have not ended.
        findings: Silenced ones.
    """
    counts = Counter(item.waiver for item in group_findings(findings))
    waivers = dict.fromkeys(in_force, 0) | {item: n for item, n in counts.items() if item}
    return [
        {
            "name": item.name,
            "rules": list(item.rules),
            "until": item.until,
            "owner": item.owner,
            "reason": item.reason,
            "place": str(item.span),
            "silences": number,
        }
        for item, number in sorted(waivers.items(), key=lambda pair: pair[0].name)
    ]


def silenced_document(findings: Iterable[Diagnostic], profile: Profile) -> list[dict[str, object]]:
    """Return silenced findings as plain data, each with the Exception that silences it."""
    return [
        {
            **_finding(item, profile),
            "exception": {
                "name": item.waiver.name,
                "until": item.waiver.until,
                "owner": item.waiver.owner,
                "reason": item.waiver.reason,
                "place": str(item.waiver.span),
            },
        }
        for item in group_findings(findings)
        if item.waiver
    ]


def _finding(item: Diagnostic, profile: Profile) -> dict[str, object]:
    return {
        "rule": item.rule.id,
        "name": item.rule.name,
        "severity": item.severity(profile).value,
        "path": item.span.path,
        "line": item.span.line,
        "column": item.span.column,
        "hosts": [name for name in (item.subject.host, *item.subject.others) if name],
        "device": item.subject.device,
        "why": item.why,
        "fix": item.fix,
        "source": item.rule.source,
        "facts": item.subject.facts,
    }
