import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fleetpolicy.model.plan import Verification
from fleetpolicy.report.document import write_json
from fleetpolicy.report.ndjson import write_ndjson
from fleetpolicy.report.plan import plan_document
from fleetpolicy.report.product import Product
from fleetpolicy.report.schema import output_schemas
from fleetpolicy.report.verification import verification_document

SCHEMAS = output_schemas()


def faults(name: str, text: str) -> list[str]:
    validator = Draft202012Validator(SCHEMAS[name])
    return [error.message for error in validator.iter_errors(json.loads(text))]


def undescribed(value: Any, schema: Any) -> set[str]:
    """Return the names of a finding or host that its definition does not describe."""
    return set(value) - set(schema["properties"])


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_output_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])

    assert SCHEMAS[name]["$id"] == f"urn:fleetpolicy:v1alpha1:{name}"


def test_documents_of_findings_fit_their_schema(validated: Product) -> None:
    text = write_json(validated)

    assert faults("Output", text) == []
    definitions: Any = SCHEMAS["Output"]["$defs"]
    document = json.loads(text)
    assert undescribed(document["findings"][0], definitions["Finding"]) == set()
    assert undescribed(document["silenced"][0], definitions["SilencedFinding"]) == set()


def test_documents_of_plans_fit_their_schema(planned: Product) -> None:
    plan = planned.plan
    assert plan
    hosts = plan_document(plan)
    parts = {"plan": plan.id, "revision": plan.revision, "hosts": hosts, "findings": []}

    text = write_json(replace(planned, parts=lambda: parts))

    assert faults("Output", text) == []
    definitions: Any = SCHEMAS["Output"]["$defs"]
    assert undescribed(hosts[0], definitions["PlannedHost"]) == set()


def test_documents_of_checks_fit_their_schema(verified: Product) -> None:
    checks = verification_document(Verification(verified.checks))
    parts = {"checks": checks, "findings": []}

    text = write_json(replace(verified, result="ok", parts=lambda: parts))

    assert faults("Output", text) == []


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"formatVersion": 2, "command": "x", "result": "ok"}, "1 was expected"),
        ({"formatVersion": 1, "command": "x"}, "'result' is a required property"),
        (
            {"formatVersion": 1, "command": "validate", "result": "ok"},
            "'findings' is a required property",
        ),
        (
            {"formatVersion": 1, "command": "plan", "result": "no-op", "findings": [], "hosts": []},
            "'plan' is a required property",
        ),
    ],
)
def test_documents_without_what_they_need_do_not_fit(
    document: dict[str, object], fault: str
) -> None:
    assert fault in faults("Output", json.dumps(document))


def test_document_of_a_run_that_stopped_fits_with_findings_alone() -> None:
    document = {"formatVersion": 1, "command": "plan", "result": "invalid", "findings": []}

    assert faults("Output", json.dumps(document)) == []


def test_lines_fit_their_schema(validated: Product) -> None:
    lines = write_ndjson(validated).splitlines()

    assert [faults("OutputLine", line) for line in lines] == [[]] * 4
    assert faults("OutputLine", '{"type":"finding"}')
    assert faults("OutputLine", '{"type":"summary"}')
