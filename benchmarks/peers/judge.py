"""Judge records or policies with jsonschema, jsonschema-rs or yamale; print how many are invalid.

judge.py TOOL SCHEMA FILE...   A .jsonl holds a document on each line; else a file is a document.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def documents(names: list[str], parse: Callable[[str], Any]) -> Iterator[Any]:
    for name in names:
        with Path(name).open() as file:
            if name.endswith(".jsonl"):
                yield from map(json.loads, file)
            elif name.endswith(".json"):
                yield json.load(file)
            else:
                yield from parse(file.read())


def parse_yaml(text: str) -> Iterator[Any]:
    import yaml  # noqa: PLC0415 only those pay who use it

    return yaml.load_all(text, yaml.CSafeLoader)


def judge_jsonschema(schema: str) -> Callable[[Any], bool]:
    import jsonschema  # noqa: PLC0415 only one of them is measured

    return jsonschema.Draft202012Validator(json.loads(Path(schema).read_text())).is_valid


def judge_jsonschema_rs(schema: str) -> Callable[[Any], bool]:
    import jsonschema_rs  # type: ignore[import-not-found]  # noqa: PLC0415 only one of them is measured

    return jsonschema_rs.Draft202012Validator(json.loads(Path(schema).read_text())).is_valid  # type: ignore[no-any-return]


def judge_yamale(schema: str) -> Callable[[Any], bool]:
    import yamale  # type: ignore[import-not-found]  # noqa: PLC0415 only one of them is measured

    made = yamale.make_schema(schema)

    def is_valid(document: Any) -> bool:
        results = yamale.validate(made, [(document, None)], strict=False, _raise_error=False)
        return all(result.isValid() for result in results)

    return is_valid


TOOLS = {
    "jsonschema": judge_jsonschema,
    "jsonschema-rs": judge_jsonschema_rs,
    "yamale": judge_yamale,
}

if __name__ == "__main__":
    tool, schema, *names = sys.argv[1:]
    is_valid = TOOLS[tool](schema)
    print(sum(not is_valid(document) for document in documents(names, parse_yaml)))
