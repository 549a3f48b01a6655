"""Read what a document says of itself: version, kind and name."""

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.load.document import SourceDocument
from fleetpolicy.load.rules import NOT_A_DOCUMENT, UNKNOWN_KIND, UNKNOWN_VERSION
from fleetpolicy.load.validation import suggest
from fleetpolicy.model.exception import PolicyException
from fleetpolicy.model.guest import Guest
from fleetpolicy.model.parameters import ParameterProfile
from fleetpolicy.model.policy import API_VERSION, DevicePolicy, FleetPolicy
from fleetpolicy.model.profiles import (
    DeviceProfile,
    DriverProfile,
    KernelProfile,
    PlatformProfile,
)
from fleetpolicy.model.rollout import Rollout

PolicyDocument = (
    FleetPolicy
    | DevicePolicy
    | Guest
    | KernelProfile
    | DriverProfile
    | DeviceProfile
    | PlatformProfile
    | ParameterProfile
    | Rollout
    | PolicyException
)
MODELS: dict[str, type[PolicyDocument]] = {
    "FleetPolicy": FleetPolicy,
    "DevicePolicy": DevicePolicy,
    "Guest": Guest,
    "KernelProfile": KernelProfile,
    "DriverProfile": DriverProfile,
    "DeviceProfile": DeviceProfile,
    "PlatformProfile": PlatformProfile,
    "ParameterProfile": ParameterProfile,
    "Rollout": Rollout,
    "Exception": PolicyException,
}
KINDS: dict[type[object], str] = {model: kind for kind, model in MODELS.items()}


class Header(Struct, frozen=True):
    """The kind and the name of a document; the name is empty where it is missing."""

    kind: str
    name: str


def read_header(
    document: SourceDocument,
) -> tuple[Header | None, tuple[Diagnostic, ...]]:
    """Return a document's header, None without a known kind, and what is wrong with it."""
    findings = (*_check_version(document), *_check_kind(document))
    spoken = tuple(item for item in findings if item.span not in document.complained)
    kind, name = document.value_at(("kind",)), document.value_at(("metadata", "name"))
    if not isinstance(kind, str) or kind not in MODELS:
        return None, spoken
    return Header(kind, name if isinstance(name, str) else ""), spoken


def _check_version(document: SourceDocument) -> list[Diagnostic]:
    version = document.value_at(("apiVersion",))
    if version is None:
        return [_missing(document, "apiVersion", f"add apiVersion: {API_VERSION}")]
    if version == API_VERSION:
        return []
    why = f"apiVersion is {_show(version)}, and this tool reads {API_VERSION}"
    fix = f"write {API_VERSION}"
    return [UNKNOWN_VERSION.at(document.span_of(("apiVersion",)), why=why, fix=fix)]


def _check_kind(document: SourceDocument) -> list[Diagnostic]:
    kind = document.value_at(("kind",))
    known = ", ".join(MODELS)
    if kind is None:
        return [_missing(document, "kind", f"add kind, one of {known}")]
    if isinstance(kind, str) and kind in MODELS:
        return []
    fix = f"write one of {known}"
    if isinstance(kind, str):
        fix = suggest(kind, list(MODELS), fix)
    why = f"kind is {_show(kind)}"
    return [UNKNOWN_KIND.at(document.span_of(("kind",)), why=why, fix=fix)]


def _missing(document: SourceDocument, key: str, fix: str) -> Diagnostic:
    return NOT_A_DOCUMENT.at(document.span_of(()), why=f"it has no {key}", fix=fix)


def _show(value: object) -> str:
    return f"{value!r:.60}" if isinstance(value, str) else "not a text"
