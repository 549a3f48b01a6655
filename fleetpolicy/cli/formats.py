"""List the formats, and which commands have a product for each."""

from collections.abc import Callable
from importlib import import_module

from fleetpolicy.report.product import Product

FORMATS = {
    "text": "for people",
    "json": "one document",
    "ndjson": "a line per entry, then a summary",
    "sarif": "SARIF 2.1.0, for code-scanning views",
    "junit": "JUnit XML, for test views",
    "github": "annotations of GitHub workflows",
    "markdown": "a comment for a pull request",
    "prometheus": "metrics for a textfile collector",
}
_WRITERS = {
    "json": ("document", "write_json"),
    "ndjson": ("ndjson", "write_ndjson"),
    "sarif": ("sarif", "write_sarif"),
    "junit": ("junit", "write_junit"),
    "github": ("github", "write_github"),
    "markdown": ("markdown", "write_markdown"),
    "prometheus": ("prometheus", "write_prometheus"),
}
_EVERY = tuple(FORMATS)
_DOCUMENTS = ("text", "json", "ndjson")
_OF_COMMANDS = {
    **dict.fromkeys(("validate", "simulate", "plan", "verify", "drift", "lab measure"), _EVERY),
    "show": (*_DOCUMENTS, "markdown"),
    "fmt": (*_DOCUMENTS, "sarif", "junit", "github"),
    **dict.fromkeys(("lab", "schema"), ("text",)),
}


def formats_of(command: str) -> tuple[str, ...]:
    """Return the formats that a command has a product for."""
    return _OF_COMMANDS.get(command, _DOCUMENTS)


def writer_of(form: str) -> Callable[[Product], str]:
    """Return what writes a product in a format other than text; only that one is loaded."""
    module, function = _WRITERS[form]
    writer: Callable[[Product], str] = getattr(
        import_module(f"fleetpolicy.report.{module}"), function
    )
    return writer
