"""Gather the JSON Schemas of every document that crosses a process border."""

import json
from collections.abc import Mapping

from fleetpolicy.load import generate_schemas
from fleetpolicy.plan import plan_schema


def all_schemas() -> Mapping[str, str]:
    """Return the text of each schema by its file name, sorted."""
    plan = json.dumps(plan_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return dict(sorted({**generate_schemas(), "Plan.json": plan}.items()))
