"""Keep records under a facts folder: a file per host, or a bundle of all of them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load import dump_record, load_records, parse_record
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.rules import NO_SUCH_RECORDS

BUNDLE = "hosts.jsonl"


def is_bundled(folder: Path) -> bool:
    """Tell whether a folder's records are in a bundle already."""
    return (folder / BUNDLE).is_file()


def keep_records(folder: Path, records: Iterable[HostRecord], *, bundle: bool) -> None:
    """Write records in the place of those that the same hosts have; other hosts keep theirs.

    Args:
        folder: Made where it does not exist.
        records: New ones.
        bundle: Gather all records of the folder in one file, a line each, sorted by host.
    """
    folder.mkdir(parents=True, exist_ok=True)
    newer = {record.host: record for record in records}
    if not bundle:
        for name, record in newer.items():
            _replace(folder / f"{name}.json", dump_record(record))
        return
    kept, _ = load_records(folder)
    whole = {**kept, **newer}
    _replace(folder / BUNDLE, b"".join(dump_record(whole[name]) for name in sorted(whole)))
    for name in whole:
        (folder / f"{name}.json").unlink(missing_ok=True)


def prune_records(folder: Path, names: frozenset[str]) -> tuple[str, ...]:
    """Remove the records of hosts that are not among the names, and return those hosts, sorted."""
    records, _ = load_records(folder)
    gone = {name: record for name, record in records.items() if name not in names}
    for path in {Path(record.span.path) for record in gone.values()}:
        kept = [item for item in records.values() if Path(item.span.path) == path]
        kept = [item for item in kept if item.host not in gone]
        if kept:
            _replace(path, b"".join(dump_record(item) for item in kept))
        else:
            path.unlink()
    return tuple(sorted(gone))


def read_looks(path: Path) -> tuple[Mapping[str, HostRecord], tuple[Diagnostic, ...]]:
    """Return the records of a folder or a file, by host, and what is wrong with the others.

    Raises:
        FleetPolicyError: There is no such folder or file, or nothing in it can be used.
    """
    if path.is_dir():
        return load_records(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        finding = NO_SUCH_RECORDS.at(
            Span(str(path)), why=why, fix="name a folder of records, HOST.json, or hosts.jsonl"
        )
        raise FleetPolicyError(finding) from error
    parts = [(Span(str(path)), data)]
    if path.suffix == ".jsonl":
        lines = enumerate(data.split(b"\n"), start=1)
        parts = [(Span(str(path), number, 1), line) for number, line in lines if line.strip()]
    records = [parse_record(part, span) for span, part in parts]
    return {record.host: record for record in records}, ()


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(data)
    temporary.replace(path)
