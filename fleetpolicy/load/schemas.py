"""Generate the JSON Schemas of the policy language, of recorded facts and of the settings."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from fleetpolicy.load.headers import MODELS
from fleetpolicy.load.settings import SettingsDocument
from fleetpolicy.load.wording import WORDS_BY_PATTERN
from fleetpolicy.model.record import HostRecordDocument

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_URN = "urn:fleetpolicy:v1alpha1:"


class _RecordSchema(GenerateJsonSchema):
    """Leaves out the titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        del schema
        return False


class _LanguageSchema(_RecordSchema):
    """Also leaves out null, which the language does not have."""

    def nullable_schema(self, schema: Any) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


def generate_schemas() -> dict[str, str]:
    """Return the text of each schema by its file name, sorted."""
    language: dict[str, type[BaseModel]] = {**MODELS, "Settings": SettingsDocument}
    texts = {
        f"{kind}.json": _write(kind, model, _LanguageSchema) for kind, model in language.items()
    }
    texts["HostRecord.json"] = _write("HostRecord", HostRecordDocument, _RecordSchema)
    return dict(sorted(texts.items()))


def _write(kind: str, model: type[BaseModel], generator: type[GenerateJsonSchema]) -> str:
    schema = model.model_json_schema(by_alias=True, schema_generator=generator)
    adapted = _adapt(schema, has_notes=generator is _LanguageSchema)
    whole = {"$schema": _DIALECT, "$id": f"{_URN}{kind}", **adapted}
    return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _adapt(node: Any, *, has_notes: bool) -> Any:
    """Return a schema in the spelling that other validators understand, with words."""
    if isinstance(node, list):
        return [_adapt(item, has_notes=has_notes) for item in node]
    if not isinstance(node, dict):
        return node
    adapted = {key: _adapt(value, has_notes=has_notes) for key, value in node.items()}
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        adapted["pattern"] = _portable(pattern)
        if pattern in WORDS_BY_PATTERN:
            words = WORDS_BY_PATTERN[pattern]
            adapted.setdefault("description", f"{words[0].upper()}{words[1:]}.")
    if has_notes and node.get("additionalProperties") is False:
        adapted["patternProperties"] = {"^x-": {}}
    if isinstance(node.get("patternProperties"), dict):
        adapted["patternProperties"] = {
            _portable(key): value for key, value in adapted["patternProperties"].items()
        }
    return adapted


def _portable(pattern: str) -> str:
    r"""Return a pattern in ECMA's dialect, which has no \Z."""
    return pattern.replace(r"\Z", "$")
