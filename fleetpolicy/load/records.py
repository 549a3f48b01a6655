"""Load recorded looks at hosts; what equal hosts share is parsed once and is one object."""

import gc
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from weakref import WeakValueDictionary

import msgspec
from pydantic import BaseModel, ValidationError

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span, Subject
from fleetpolicy.load.host_rules import RECORD_UNREADABLE, SECOND_RECORD, WRONG_FILE_NAME
from fleetpolicy.load.record_faults import find_faults
from fleetpolicy.model.record import HostFacts, HostRecord, HostState, Identity

_API_VERSION = "fleetpolicy/v1alpha1"
_KIND = "HostRecord"
_KEY_BYTES = 16

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


_envelopes = msgspec.json.Decoder(_Envelope)


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
            misplaced = _find_misplaced(record, records)
            findings.extend(misplaced)
            if not misplaced:
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
    try:
        envelope = _envelopes.decode(data)
        facts, facts_key = _share(_facts, HostFacts, bytes(envelope.facts))
        state, state_key = _share(_states, HostState, bytes(envelope.state))
        identity = Identity.model_validate_json(bytes(envelope.identity), strict=True)
    except (msgspec.MsgspecError, ValidationError, RecursionError, UnicodeError) as error:
        raise FleetPolicyError(*find_faults(data, span, str(error))) from error
    return HostRecord(
        host=envelope.host,
        span=span,
        collected_at=envelope.collected_at,
        identity=identity,
        facts=facts,
        facts_key=facts_key,
        state=state,
        state_key=state_key,
    )


def dump_record(record: HostRecord) -> bytes:
    """Return a record as it is kept under facts/: what was shown, keys sorted, in one line."""
    document = {
        "apiVersion": _API_VERSION,
        "kind": _KIND,
        "host": record.host,
        "collectedAt": record.collected_at,
        "identity": record.identity.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "facts": record.facts.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "state": record.state.model_dump(mode="json", by_alias=True, exclude_unset=True),
    }
    return msgspec.json.encode(document, order="sorted") + b"\n"


def _share(
    known: MutableMapping[bytes, Body], model: type[Body], body: bytes
) -> tuple[Body, bytes]:
    key = blake2b(body, digest_size=_KEY_BYTES).digest()
    found = known.get(key)
    if found is None:
        found = known[key] = model.model_validate_json(body, strict=True)
    return found, key


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
    for path in _files_of(folder, findings):
        try:
            data = path.read_bytes()
        except OSError as error:
            findings.append(_unreadable(path, error))
            continue
        for span, part in _parts(path, data):
            try:
                yield parse_record(part, span)
            except FleetPolicyError as error:
                findings.extend(error.diagnostics)


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


def _parts(path: Path, data: bytes) -> Iterator[tuple[Span, bytes]]:
    if path.suffix == ".json":
        yield Span(str(path)), data
        return
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield Span(str(path), number, 1), line


def _find_misplaced(record: HostRecord, records: dict[str, HostRecord]) -> list[Diagnostic]:
    path = Path(record.span.path)
    subject = Subject(host=record.host)
    if path.suffix == ".json" and path.stem != record.host:
        why = f"the record in {path.name} is of host {record.host}"
        fix = f"call the file {record.host}.json, or record {path.stem} anew"
        return [WRONG_FILE_NAME.at(record.span, why=why, fix=fix, subject=subject)]
    if record.host in records:
        why = f"{record.host} has a record at {records[record.host].span} already"
        fix = "remove one of them"
        return [SECOND_RECORD.at(record.span, why=why, fix=fix, subject=subject)]
    return []
