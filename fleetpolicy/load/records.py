"""Load recorded looks at hosts; what equal hosts share is parsed once and is one object."""

import gc
import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct, field
from pydantic import BaseModel, ValidationError

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span, Subject
from fleetpolicy.load.host_rules import RECORD_UNREADABLE, SECOND_RECORD, WRONG_FILE_NAME
from fleetpolicy.load.record_faults import find_faults
from fleetpolicy.model.record import HostFacts, HostIdentity, HostRecord, HostState, Identity

_API_VERSION = "fleetpolicy/v1alpha1"
_KIND = "HostRecord"
_KEY_BYTES = 16
_READ_AHEAD = 1 << 17

Body = TypeVar("Body", bound=BaseModel)

_facts: MutableMapping[bytes, HostFacts] = WeakValueDictionary()
_states: MutableMapping[bytes, HostState] = WeakValueDictionary()


class _Envelope(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A record whose bodies are not taken apart yet."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["HostRecord"]
    host: str
    collected_at: Annotated[
        str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z")
    ]
    identity: msgspec.Raw
    facts: msgspec.Raw
    state: msgspec.Raw


class _Tail(msgspec.Struct, forbid_unknown_fields=True):
    """What follows the facts in a record that dump_record wrote."""

    host: str
    identity: HostIdentity
    kind: Literal["HostRecord"]
    state: msgspec.Raw


class _Seen(Struct, frozen=True):
    """The bodies of one loading by their bytes: what comes again is not even digested."""

    facts: dict[bytes, tuple[HostFacts, bytes]] = field(default_factory=dict)
    states: dict[bytes, tuple[HostState, bytes]] = field(default_factory=dict)


_envelopes = msgspec.json.Decoder(_Envelope)
_identities = msgspec.json.Decoder(HostIdentity)
_tails = msgspec.json.Decoder(_Tail)
_HEAD = re.compile(
    rb'\{"apiVersion":"fleetpolicy/v1alpha1",'
    rb'"collectedAt":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)","facts":'
)


def load_records(folder: Path) -> tuple[dict[str, HostRecord], tuple[Diagnostic, ...]]:
    """Return the records of a folder by host, sorted, and what is wrong with the others.

    Args:
        folder: Holds HOST.json with one record each, and *.jsonl with a record on each line. One
            that does not exist holds none.
    """
    records: dict[str, HostRecord] = {}
    findings: list[Diagnostic] = []
    with _without_collecting():
        for record in _records_in(folder, findings):
            if record.host in records:
                findings.append(_find_second(record, records[record.host]))
            else:
                records[record.host] = record
    ordered = {host: records[host] for host in sorted(records)}
    return ordered, tuple(sorted(findings, key=lambda item: item.order))


def parse_record(data: bytes, span: Span) -> HostRecord:
    """Return the record in a JSON document.

    Args:
        data: One HostRecord.
        span: Where it begins.

    Raises:
        FleetPolicyError: It is none; every fault is named.
    """
    return _parse(data, span, _Seen())


def _parse(data: bytes, span: Span, seen: _Seen) -> HostRecord:
    try:
        envelope = _envelopes.decode(data)
        facts, facts_key = _share(seen.facts, _facts, HostFacts, bytes(envelope.facts))
        state, state_key = _share(seen.states, _states, HostState, bytes(envelope.state))
        identity = _identify(envelope.identity)
    except (msgspec.MsgspecError, ValidationError, RecursionError, UnicodeError) as error:
        raise FleetPolicyError(*find_faults(data, span, str(error))) from error
    return HostRecord(
        envelope.host,
        span,
        envelope.collected_at,
        identity,
        facts,
        facts_key,
        state,
        state_key,
    )


def _parse_alike(data: bytes, span: Span, seen: _Seen) -> HostRecord | None:
    """Return a record as dump_record writes it whose facts came before, None for any other.

    The facts are three quarters of a record; they are cut out, not read: 3 us in place of 8.
    """
    head = _HEAD.match(data)
    end = data.rfind(b',"host":')
    found = seen.facts.get(data[head.end() : end]) if head and end > 0 else None
    if head is None or found is None:
        return None
    try:
        tail = _tails.decode(b"{" + data[end + 1 :])
        state, state_key = _share(seen.states, _states, HostState, bytes(tail.state))
    except (msgspec.MsgspecError, ValidationError, RecursionError, UnicodeError):
        return None  # read whole, every fault of it is named
    facts, facts_key = found
    collected_at = head[1].decode()
    return HostRecord(
        tail.host, span, collected_at, tail.identity, facts, facts_key, state, state_key
    )


def _identify(body: msgspec.Raw) -> HostIdentity:
    """Return who a host is; the model judges what is spelt in an unusual way or wrong."""
    try:
        return _identities.decode(body)
    except (msgspec.MsgspecError, UnicodeError):
        judged = Identity.model_validate_json(bytes(body), strict=True)
    return HostIdentity(judged.machine_id, judged.boot_id, judged.uptime_seconds, judged.serials)


def dump_record(record: HostRecord) -> bytes:
    """Return a record as it is kept under facts/: what was shown, keys sorted, in one line."""
    document = {
        "apiVersion": _API_VERSION,
        "kind": _KIND,
        "host": record.host,
        "collectedAt": record.collected_at,
        "identity": record.identity,
        "facts": record.facts.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "state": record.state.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    return msgspec.json.encode(document, order="sorted") + b"\n"


def _share(
    seen: dict[bytes, tuple[Body, bytes]],
    known: MutableMapping[bytes, Body],
    model: type[Body],
    body: bytes,
) -> tuple[Body, bytes]:
    """Return what a body says and its key; equal bodies are one object while anybody has it."""
    found = seen.get(body)
    if found is None:
        key = blake2b(body, digest_size=_KEY_BYTES).digest()
        judged = known.get(key)
        if judged is None:
            judged = known[key] = model.model_validate_json(body, strict=True)
        found = seen[body] = judged, key
    return found


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Pause the garbage collector: what is made lives on, and searching it is most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _records_in(folder: Path, findings: list[Diagnostic]) -> Iterator[HostRecord]:
    seen = _Seen()
    for path in _files_of(folder, findings):
        try:
            with path.open("rb", buffering=_READ_AHEAD) as file:
                yield from _records_of(path, file, seen, findings)
        except OSError as error:
            findings.append(_unreadable(path, error))


def _records_of(
    path: Path, file: BinaryIO, seen: _Seen, findings: list[Diagnostic]
) -> Iterator[HostRecord]:
    whole = path.suffix == ".json"
    parts = ((Span(str(path)), file.read()),) if whole else _lines(str(path), file)
    for span, part in parts:
        try:
            record = _parse_alike(part, span, seen) or _parse(part, span, seen)
        except FleetPolicyError as error:
            findings.extend(error.diagnostics)
            continue
        if whole and path.stem != record.host:
            findings.append(_find_misnamed(path, record))
        else:
            yield record


def _files_of(folder: Path, findings: list[Diagnostic]) -> list[Path]:
    try:
        found = sorted(folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        findings.append(_unreadable(folder, error))
        return []
    return [
        path for path in found if path.suffix in {".json", ".jsonl"} and _is_file(path, findings)
    ]


def _is_file(path: Path, findings: list[Diagnostic]) -> bool:
    if path.is_file():
        return True
    findings.append(_unreadable(path, OSError(0, "it is no regular file")))
    return False


def _unreadable(path: Path, error: OSError) -> Diagnostic:
    why = (error.strerror or str(error)).lower()
    return RECORD_UNREADABLE.at(Span(str(path)), why=why, fix="make it readable, or move it away")


def _lines(path: str, file: BinaryIO) -> Iterator[tuple[Span, bytes]]:
    for number, line in enumerate(file, start=1):
        if not line.isspace():
            yield Span(path, number, 1), line.removesuffix(b"\n")


def _find_misnamed(path: Path, record: HostRecord) -> Diagnostic:
    why = f"the record in {path.name} is of host {record.host}"
    fix = f"call the file {record.host}.json, or record {path.stem} anew"
    return WRONG_FILE_NAME.at(record.span, why=why, fix=fix, subject=Subject(record.host))


def _find_second(record: HostRecord, first: HostRecord) -> Diagnostic:
    why = f"{record.host} has a record at {first.span} already"
    fix = "remove one of them"
    return SECOND_RECORD.at(record.span, why=why, fix=fix, subject=Subject(record.host))
