import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fleetpolicy.load.headers import MODELS
from fleetpolicy.load.policy import CATALOGUE
from fleetpolicy.load.schemas import generate_schemas
from fleetpolicy.load.source import parse_source
from fleetpolicy.load.wording import WORDS_BY_PATTERN, describe_pattern

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
TEXTS = generate_schemas()
LANGUAGE = [f"{kind}.json" for kind in (*MODELS, "Settings")]


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from nodes(item)
    elif isinstance(node, dict):
        yield node
        for item in node.values():
            yield from nodes(item)


def test_committed_schemas_are_those_of_the_models() -> None:
    assert {name: (SCHEMAS / name).read_text() for name in TEXTS} == TEXTS


@pytest.mark.parametrize("name", list(TEXTS))
def test_schema_is_valid_and_named(name: str) -> None:
    schema = json.loads(TEXTS[name])

    Draft202012Validator.check_schema(schema)

    assert schema["$id"] == f"urn:fleetpolicy:v1alpha1:{name.removesuffix('.json')}"
    assert schema["description"]


@pytest.mark.parametrize("name", list(TEXTS))
def test_schema_uses_no_keyword_of_python_alone(name: str) -> None:
    for node in nodes(json.loads(TEXTS[name])):
        assert not {"ge", "le", "min_length", "max_length"} & set(node)
        assert "\\Z" not in str(node.get("pattern", ""))


@pytest.mark.parametrize("name", LANGUAGE)
def test_texts_of_the_language_have_patterns_and_words(name: str) -> None:
    words = {pattern.replace("\\Z", "$") for pattern in WORDS_BY_PATTERN}

    for node in nodes(json.loads(TEXTS[name])):
        if node.get("type") == "string" and not {"enum", "const"} & set(node):
            assert node["pattern"] in words
            assert node["description"]


def test_pattern_without_words_is_shown_itself() -> None:
    assert describe_pattern("^a$") == "a text that matches ^a$"


def test_schema_takes_notes_and_refuses_unknown_keys() -> None:
    validator = Draft202012Validator(json.loads(TEXTS["Guest.json"]))
    document = {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": "Guest",
        "metadata": {"name": "a", "x-note": ["b"]},
        "spec": {"host": "h", "vcpus": 2, "memory": "4GiB"},
        "x-more": {},
    }

    assert validator.is_valid(document)
    assert not validator.is_valid({**document, "more": {}})
    assert not validator.is_valid({**document, "spec": {**document["spec"], "title": None}})  # type: ignore[dict-item]


def test_catalogue_passes_the_schemas() -> None:
    for path in sorted(CATALOGUE.glob("*.yaml")):
        for document in parse_source(path.read_bytes(), path.name).documents:
            schema = json.loads(TEXTS[f"{document.data['kind']}.json"])
            validator = Draft202012Validator(schema)
            assert [error.message for error in validator.iter_errors(typed(document.data))] == []


def typed(node: Any) -> Any:
    """Return the document as an editor's YAML reader sees it."""
    if isinstance(node, dict):
        return {key: typed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [typed(value) for value in node]
    if node in {"true", "false"}:
        return node == "true"
    return int(node) if node.isdigit() and len(node) == 1 else node
