"""Gather the JSON Schemas of every document that crosses a process border."""

import json
from collections.abc import Mapping

from fleetpolicy.load import generate_schemas
from fleetpolicy.plan import plan_schema
from fleetpolicy.report.schema import output_schemas
from fleetpolicy.simcore.prove import certificate_schema


def all_schemas() -> Mapping[str, str]:
    """Return the text of each schema by its file name, sorted."""
    others = {
        "Certificate": certificate_schema(),
        "Plan": plan_schema(),
        **output_schemas(),
    }
    written = {f"{name}.json": _write(schema) for name, schema in others.items()}
    return dict(sorted({**generate_schemas(), **written}.items()))


def _write(schema: Mapping[str, object]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
