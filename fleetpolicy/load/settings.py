"""Load a repository's settings: a fleetpolicy.yaml, or a table of its pyproject.toml."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from msgspec import Struct
from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError
from fleetpolicy.load.files import read_file
from fleetpolicy.load.pyproject import PYPROJECT_NAME, may_hold_settings, parse_pyproject
from fleetpolicy.load.rules import NOT_A_DOCUMENT
from fleetpolicy.load.source import Source, parse_source
from fleetpolicy.load.validation import judge
from fleetpolicy.model.scalars import Document, Duration, Line, duration_of

SETTINGS_NAME = "fleetpolicy.yaml"
_TEXTS = ConfigDict(regex_engine="python-re")


def _spelt_out(value: Any) -> Any:
    if not isinstance(value, str | dict | Document):
        raise ValueError("write a folder, or a mapping with folder and maxAge")  # noqa: TRY004 pydantic wants ValueError
    return {"folder": value} if isinstance(value, str) else value


def _either(schema: dict[str, Any]) -> None:
    """Let the schema say that the folder alone may stand for the whole."""
    schema.pop("default", None)
    whole = {key: schema.pop(key) for key in tuple(schema) if key != "description"}
    schema["anyOf"] = [TypeAdapter(Line, config=_TEXTS).json_schema(), whole]


class FactsSettings(Document):
    """Where facts are recorded, and how old they may be."""

    folder: Line | None = Field(default=None, description="Folder of recorded facts.")
    max_age: Duration | None = Field(
        default=None, description="Older facts are found fault with, such as 30d."
    )


class SettingsDocument(Document):
    """Where a repository keeps what the commands work on; paths are relative to this file."""

    policies: tuple[Line, ...] = Field(default=(), description="Policy files and folders.")
    facts: Annotated[FactsSettings, BeforeValidator(_spelt_out)] = Field(
        default=FactsSettings(),
        description="Folder of recorded facts, or folder and maxAge.",
        json_schema_extra=_either,
    )
    inventory: Annotated[Line, Field(min_length=1)] | None = Field(
        default=None, description="A fleet's folder, or anything that Ansible takes."
    )


class Settings(Struct, frozen=True):
    """The places that a repository names; empty where it names none.

    Args:
        source: The settings file, None where there is none.
        max_age: How old recorded facts may be; None for any age.
    """

    policies: tuple[Path, ...] = ()
    facts: Path | None = None
    inventory: Path | None = None
    source: Path | None = None
    max_age: timedelta | None = None


def load_settings(start: Path, explicit: Path | None) -> Settings:
    """Return the settings of a file, or of the nearest one upwards within the git repository.

    A fleetpolicy.yaml anywhere upwards comes before a pyproject.toml, of which only one with a
    table tool.fleetpolicy counts.

    Args:
        start: Where to begin to look; outside of a repository the only place.
        explicit: A file that must exist, of either kind.

    Raises:
        FleetPolicyError: The file cannot be read, or says what it may not.
    """
    path = explicit or _find_upwards(start, SETTINGS_NAME)
    if path:
        return _take(_read(path, is_named=True), path)
    for path in _all_upwards(start, PYPROJECT_NAME):
        source = _read(path, is_named=False)
        if source.documents or source.findings:
            return _take(source, path)
    return Settings()


def _read(path: Path, *, is_named: bool) -> Source:
    """Return the text of settings.

    Args:
        path: Of either kind.
        is_named: Whether it is known to hold settings; another pyproject.toml may say nothing.

    Raises:
        FleetPolicyError: The file cannot be read.
    """
    data = read_file(path)
    if isinstance(data, Diagnostic):
        raise FleetPolicyError(data)
    if path.name != PYPROJECT_NAME:
        return parse_source(data, str(path))
    if not is_named and not may_hold_settings(data):
        return Source((), ())
    return parse_pyproject(data, str(path), is_named=is_named)


def _take(source: Source, path: Path) -> Settings:
    """Return the settings of a text.

    Raises:
        FleetPolicyError: It says what it may not.
    """
    if not source.documents and not source.findings:
        return Settings(source=path)
    findings = list(source.findings)
    for extra in source.documents[1:]:
        why = "the file has more than one document"
        fix = "keep one document of settings"
        findings.append(NOT_A_DOCUMENT.at(extra.span_of(()), why=why, fix=fix))
    settings, found = (
        judge(source.documents[0], SettingsDocument) if source.documents else (None, ())
    )
    findings += found
    if findings or settings is None:
        raise FleetPolicyError(*findings)
    return _resolve(settings, path)


def _find_upwards(start: Path, name: str) -> Path | None:
    return next(iter(_all_upwards(start, name)), None)


def _all_upwards(start: Path, name: str) -> list[Path]:
    paths = (folder / name for folder in _repository_folders(start))
    return [path for path in paths if path.is_file()]


def _repository_folders(start: Path) -> Iterable[Path]:
    """Return a folder and those above it up to the root of its git repository."""
    above = [start, *start.parents]
    for number, folder in enumerate(above):
        if (folder / ".git").exists():
            return above[: number + 1]
    return above[:1]


def _resolve(settings: SettingsDocument, path: Path) -> Settings:
    folder = path.parent
    return Settings(
        policies=tuple(_shorten(folder / name) for name in settings.policies),
        facts=_shorten(folder / settings.facts.folder) if settings.facts.folder else None,
        inventory=_shorten(folder / settings.inventory) if settings.inventory else None,
        source=path,
        max_age=duration_of(settings.facts.max_age or ""),
    )


def _shorten(path: Path) -> Path:
    """Return a path relative to the working directory where it is below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
