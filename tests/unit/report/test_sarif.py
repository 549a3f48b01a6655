"""Judge SARIF by the standard's own words, and by its schema."""

import json
import pickletools
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fleetpolicy import __version__
from fleetpolicy.diagnostics import Profile, Severity, Span
from fleetpolicy.report.product import Product
from fleetpolicy.report.sarif import write_sarif

TITLE = "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
URI = re.compile(r"(?:file:///)?(?:[A-Za-z0-9._~!$&'()*+,;=@/-]|%[0-9A-F]{2})+")
MESSAGE = {"text": str}
SUPPRESSION = {"kind": str, "status": str, "justification": str}
REGION = {"startLine": int, "startColumn?": int}
PLACE = {"artifactLocation": {"uri": str, "uriBaseId?": str}, "region?": REGION}
BAG = {"*": object}
RESULT = {
    "ruleId": str,
    "ruleIndex": int,
    "level": str,
    "message": MESSAGE,
    "locations": [{"physicalLocation": PLACE}],
    "partialFingerprints": {"fleetpolicyFinding/v1": str},
    "suppressions?": [SUPPRESSION],
    "properties": BAG,
}
RULE = {
    "id": str,
    "name": str,
    "shortDescription": MESSAGE,
    "fullDescription": MESSAGE,
    "help": MESSAGE,
    "defaultConfiguration": {"level": str},
    "properties": BAG,
}
NOTICE = {
    "associatedRule": {"id": str, "index": int},
    "level": str,
    "message": MESSAGE,
    "properties": BAG,
}
LOG = {
    "$schema": str,
    "version": str,
    "runs": [
        {
            "tool": {"driver": {"name": str, "version": str, "rules": [RULE]}},
            "invocations": [{"executionSuccessful": bool, "toolExecutionNotifications?": [NOTICE]}],
            "originalUriBaseIds": {"%SRCROOT%": {"description": MESSAGE}},
            "columnKind": str,
            "results": [RESULT],
            "properties": BAG,
        }
    ],
}


def judge_shape(value: object, shape: object, path: str = "") -> None:
    """Fail unless a value has exactly the names and types of a shape."""
    if isinstance(shape, list):
        assert isinstance(value, list), path
        for index, item in enumerate(value):
            judge_shape(item, shape[0], f"{path}[{index}]")
    elif isinstance(shape, dict):
        assert isinstance(value, dict), path
        if "*" in shape:
            return
        needed = {name for name in shape if not name.endswith("?")}
        assert needed <= set(value) <= {name.removesuffix("?") for name in shape}, path
        for name, item in value.items():
            judge_shape(item, shape.get(name, shape.get(f"{name}?")), f"{path}.{name}")
    else:
        assert isinstance(shape, type)
        assert type(value) is shape, path


def judge_meaning(log: Mapping[str, Any]) -> None:
    """Fail where numbers, names and places of a run disagree."""
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    levels = {"none", "note", "warning", "error"}
    assert {rule["defaultConfiguration"]["level"] for rule in rules} <= levels
    assert log["version"] == "2.1.0"
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in levels
        place = result["locations"][0]["physicalLocation"]
        assert URI.fullmatch(place["artifactLocation"]["uri"]), place
        assert all(number >= 1 for number in place.get("region", {}).values())
    for notice in run["invocations"][0].get("toolExecutionNotifications", ()):
        assert rules[notice["associatedRule"]["index"]]["id"] == notice["associatedRule"]["id"]
    prints = [result["partialFingerprints"]["fleetpolicyFinding/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)


def read(product: Product) -> Any:
    log = json.loads(write_sarif(product))
    judge_shape(log, LOG)
    judge_meaning(log)
    return log


def test_write_sarif_of_findings_has_results_rules_and_notifications(validated: Product) -> None:
    (run,) = read(validated)["runs"]

    assert run["tool"]["driver"]["version"] == __version__
    assert run["tool"]["driver"]["rules"][0] == {
        "id": "FP299",
        "name": "drops-water",
        "shortDescription": {"text": "drops water"},
        "fullDescription": {"text": "Taps are shut."},
        "help": {
            "text": "Taps are shut.\n\nSource: plumbing(8)\n\nMore: fleetpolicy explain FP299"
        },
        "defaultConfiguration": {"level": "error"},
        "properties": {"profile": "basic", "source": "plumbing(8)"},
    }
    assert run["results"][1] == {
        "ruleId": "FP299",
        "ruleIndex": 0,
        "level": "error",
        "message": {
            "text": "hosts kvm-1, kvm-2, device 0000:01:00.0\n"
            '100% of a|b `c` <d> & "e"\nsecond: line, end\nfix: shut @team\'s #1 tap'
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": "policies/gp%C3%BC%201.yaml",
                        "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": 14, "startColumn": 18},
                }
            }
        ],
        "partialFingerprints": {"fleetpolicyFinding/v1": "f6d3658d740c4ca85d05b7375fda6258:0"},
        "properties": {
            "hosts": ["kvm-1", "kvm-2"],
            "device": "0000:01:00.0",
            "facts": "facts/a.json, 2026-08-20",
        },
    }
    assert run["invocations"] == [
        {
            "executionSuccessful": False,
            "toolExecutionNotifications": [
                {
                    "associatedRule": {"id": "FP298", "index": 1},
                    "level": "warning",
                    "message": {"text": "it drips\nfix: shut it"},
                    "properties": {},
                }
            ],
        }
    ]


def test_write_sarif_of_a_silenced_finding_suppresses_its_result(validated: Product) -> None:
    result = read(validated)["runs"][0]["results"][0]

    assert result["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "Exception tap-3 (plumbers, until 2027-03-01): no part | yet",
        }
    ]


def test_write_sarif_fingerprints_outlive_moved_lines_and_more_hosts(drifted: Product) -> None:
    moved = replace(
        drifted.drift[0],
        span=Span("a.yaml", 70, 3),
        subject=replace(drifted.drift[0].subject, host="kvm-1", others=("kvm-9",)),
    )

    prints = {
        result["partialFingerprints"]["fleetpolicyFinding/v1"]
        for product in (drifted, replace(drifted, drift=(moved,)))
        for result in read(product)["runs"][0]["results"]
    }

    assert len(prints) == 1


def test_write_sarif_of_equal_findings_on_two_lines_counts_them(drifted: Product) -> None:
    again = replace(drifted.drift[0], span=Span("a.yaml", 2, 1))

    results = read(replace(drifted, drift=(*drifted.drift, again)))["runs"][0]["results"]

    assert [item["partialFingerprints"]["fleetpolicyFinding/v1"][-2:] for item in results] == [
        ":0",
        ":1",
    ]


def test_write_sarif_in_the_production_profile_uses_its_severity(drifted: Product) -> None:
    strict = replace(drifted.drift[0].rule, production=Severity.ERROR)
    finding = replace(drifted.drift[0], rule=strict)

    run = read(replace(drifted, drift=(finding,), profile=Profile.PRODUCTION))["runs"][0]

    assert run["results"][0]["level"] == "error"
    assert run["tool"]["driver"]["rules"][0]["defaultConfiguration"] == {"level": "error"}


def test_write_sarif_of_nothing_wrong_has_an_empty_list_of_results(carrying: Product) -> None:
    run = read(carrying)["runs"][0]

    assert run["results"] == []
    assert run["properties"]["parts"] == [
        {"part": "tap", "sizes": [1, 2], "spare": True, "note": ""}
    ]


@pytest.fixture(scope="module")
def published(readers: Path) -> dict[str, Any]:
    """Return the schema out of a copy of the JSON Schema Store, whose answers are kept pickled."""
    with closing(sqlite3.connect(readers / "schemastore" / "cache.sqlite")) as store:
        kept = [value for (value,) in store.execute("SELECT value FROM responses")]
    (packed,) = (value for value in kept if f'"title": "{TITLE}"'.encode() in value)
    body = next(
        argument
        for operation, argument, _ in pickletools.genops(packed)
        if operation.name.startswith("BINBYTES")
    )
    schema: dict[str, Any] = json.loads(body or b"")
    return schema


@pytest.mark.parametrize("name", ["validated", "planned", "verified", "drifted", "carrying"])
def test_write_sarif_obeys_the_published_schema(
    name: str, published: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    log = json.loads(write_sarif(request.getfixturevalue(name)))

    jsonschema.validators.validator_for(published)(published).validate(log)


def test_published_schema_refuses_a_result_without_a_message(
    published: dict[str, Any], validated: Product
) -> None:
    log = json.loads(write_sarif(validated))
    del log["runs"][0]["results"][0]["message"]

    with pytest.raises(jsonschema.ValidationError, match="'message' is a required property"):
        jsonschema.validators.validator_for(published)(published).validate(log)
