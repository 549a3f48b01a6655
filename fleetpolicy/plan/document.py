"""Save plans and read them back: JSON in one gzip stream, equal plans equal to the byte."""

import gzip
import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.plan import FileAction, HostPlan, Plan, Verb
from fleetpolicy.model.record import Digest
from fleetpolicy.model.scalars import Document
from fleetpolicy.plan.identity import identify
from fleetpolicy.plan.rules import PLAN_CHANGED, PLAN_FORMAT, PLAN_UNREADABLE

FORMAT_VERSION = 1
SIZE_LIMIT = 128 << 20
_AGAIN = "plan again: fleetpolicy plan --out FILE"
_SHOWN_ERRORS = 3

MaybeDigest = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?\Z")]


class ActionDocument(Document):
    """One change of one file or domain, as saved."""

    verb: Verb
    path: str
    kind: ArtifactKind
    before: MaybeDigest = Field(description="Empty when nothing is there.")
    after: MaybeDigest = Field(description="Empty for a removal.")
    mode: Annotated[int, Field(ge=0, le=0o7777)]
    name: str = Field(description="The domain's name, else empty.")
    origins: tuple[tuple[str, int, int], ...] = Field(description="Path, line, column.")


class OutlookDocument(Document):
    """What happens to every host that points here, as saved."""

    actions: tuple[ActionDocument, ...]
    reasons: tuple[str, ...] = Field(description="Why it reboots; empty when it does not.")
    guests_off: tuple[str, ...]
    state: Digest
    release: str


class HostDocument(Document):
    """A host and what happens to it, as saved."""

    host: str
    outlook: Annotated[int, Field(ge=0, description="Index into outlooks.")]
    manifest: str


class PlanDocument(Document):
    """A plan of changes to hosts, as saved by fleetpolicy plan --out (gzip-compressed)."""

    format_version: Literal[1]
    id: Digest
    revision: str
    inventory: str
    outlooks: tuple[OutlookDocument, ...]
    hosts: tuple[HostDocument, ...]
    blobs: dict[Digest, str] = Field(description="Digest to content, before and after.")


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema of a saved plan once it is decompressed.

    Returns:
        With patterns that end in $, which every validator knows.
    """
    text = json.dumps(PlanDocument.model_json_schema(by_alias=True))
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:fleetpolicy:v1alpha1:Plan",
    }
    return {**head, **json.loads(text.replace("\\\\Z", "$"))}


def dump_plan(plan: Plan) -> bytes:
    """Return a plan as the content of a .fpz file."""
    outlooks: dict[tuple[object, ...], int] = {}
    described: list[dict[str, object]] = []
    hosts = []
    for host in plan.hosts:
        key = (id(host.actions), host.reasons, host.guests_off, host.state, host.release)
        if key not in outlooks:
            outlooks[key] = len(described)
            described.append(_describe(host))
        hosts.append(
            {"host": host.host, "outlook": outlooks[key], "manifest": host.manifest},
        )
    body = {
        "formatVersion": FORMAT_VERSION,
        "id": plan.id,
        "revision": plan.revision,
        "inventory": plan.inventory,
        "outlooks": described,
        "hosts": hosts,
        "blobs": dict(sorted(plan.blobs.items())),
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), mtime=0)


def _describe(host: HostPlan) -> dict[str, object]:
    return {
        "actions": [
            {
                "verb": action.verb.value,
                "path": action.path,
                "kind": action.kind.value,
                "before": action.before,
                "after": action.after,
                "mode": action.mode,
                "name": action.name,
                "origins": [[item.path, item.line, item.column] for item in action.origins],
            }
            for action in host.actions
        ],
        "reasons": host.reasons,
        "guestsOff": host.guests_off,
        "state": host.state,
        "release": host.release,
    }


def parse_plan(data: bytes, span: Span) -> Plan:
    """Return a saved plan.

    Raises:
        FleetPolicyError: It is cut off, of another format, or not what its id says.
    """
    document = _read(_decompress(data, span), span)
    outlooks = [_restore(outlook) for outlook in document.outlooks]
    wrong = [host.host for host in document.hosts if host.outlook >= len(outlooks)]
    if wrong:
        raise FleetPolicyError(_misshapen(span, [f"hosts: {wrong[0]} points at no outlook"]))
    hosts = tuple(
        replace(outlooks[item.outlook], host=item.host, manifest=item.manifest)
        for item in document.hosts
    )
    plan = Plan(document.id, document.revision, document.inventory, hosts, document.blobs)
    _check_content(plan, span)
    return plan


def _decompress(data: bytes, span: Span) -> bytes:
    try:
        if data:  # gzip takes no bytes for a stream without members
            text = gzip.GzipFile(fileobj=BytesIO(data)).read(SIZE_LIMIT + 1)
            if len(text) <= SIZE_LIMIT:
                return text
            why = f"it holds more than the {SIZE_LIMIT} bytes that are read"
        else:
            why = "it ends early, after 0 bytes"
    except EOFError:
        why = f"it ends early, after {amount(len(data), 'byte')}"
    except (OSError, zlib.error):
        why = "it is not what gzip writes"
    raise FleetPolicyError(PLAN_UNREADABLE.at(span, why=why, fix=_AGAIN))


def _read(text: bytes, span: Span) -> PlanDocument:
    try:
        return PlanDocument.model_validate_json(text, by_alias=True, by_name=False)
    except ValidationError as error:
        said = [
            f"{'.'.join(str(part) for part in item['loc']) or 'the document'}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        ]
    raise FleetPolicyError(_misshapen(span, said))


def _misshapen(span: Span, said: list[str]) -> Diagnostic:
    more = len(said) - _SHOWN_ERRORS
    shown = [*said[:_SHOWN_ERRORS], *([f"and {more} more"] if more > 0 else [])]
    return PLAN_FORMAT.at(span, why="; ".join(shown), fix=_AGAIN)


def _restore(outlook: OutlookDocument) -> HostPlan:
    """Return a plan for a host that has no name yet."""
    return HostPlan(
        host="",
        actions=tuple(_action(action) for action in outlook.actions),
        reasons=outlook.reasons,
        guests_off=outlook.guests_off,
        state=outlook.state,
        release=outlook.release,
        manifest="",
    )


def _action(action: ActionDocument) -> FileAction:
    return FileAction(
        verb=action.verb,
        path=action.path,
        kind=action.kind,
        before=action.before,
        after=action.after,
        mode=action.mode,
        name=action.name,
        origins=tuple(Span(*origin) for origin in action.origins),
    )


def _check_content(plan: Plan, span: Span) -> None:
    """Refuse a plan whose parts were changed after it got its id.

    Raises:
        FleetPolicyError: A content is not what its digest says, or the plan not what its id says.
    """
    reasons = [
        f"the content under {digest[:12]} has the digest {digest_of(text)[:12]}"
        for digest, text in plan.blobs.items()
        if digest_of(text) != digest
    ]
    reasons += [
        f"the content {digest[:12]} is missing" for digest in _needed(plan.hosts) - set(plan.blobs)
    ]
    named = f'"plan":"{plan.id}"'
    unnamed = (
        replace(host, manifest=host.manifest.replace(named, '"plan":""', 1)) for host in plan.hosts
    )
    found = identify(plan.revision, plan.inventory, unnamed)
    if found != plan.id:
        reasons.append(f"its id is {plan.id[:12]}, its content has {found[:12]}")
    if reasons:
        raise FleetPolicyError(
            *(PLAN_CHANGED.at(span, why=reason, fix=_AGAIN) for reason in sorted(reasons))
        )


def _needed(hosts: Iterable[HostPlan]) -> set[str]:
    """Return the digests of everything that will be written."""
    return {action.after for host in hosts for action in host.actions if action.after}
