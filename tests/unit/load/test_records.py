import gc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict
from pydantic import ValidationError

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load.records import dump_record, load_records, parse_record
from fleetpolicy.model.record import Identity

SAMPLE = Path(__file__).with_name("sample-record.json").read_bytes()
HERE = Span("facts/gh-01.json")
ANEW = "record the host anew: fleetpolicy facts collect"


def change(**changes: Any) -> bytes:
    """Return the sample with values replaced; a__b names the key b of a."""
    document = json.loads(SAMPLE)
    for name, value in changes.items():
        *outer, last = name.split("__")
        target = document
        for key in outer:
            target = target[key]
        target[last] = value
    return json.dumps(document).encode()


def faults(data: bytes, span: Span = HERE) -> list[tuple[str, str, str, str]]:
    with pytest.raises(FleetPolicyError) as caught:
        parse_record(data, span)
    return [described(item) for item in caught.value.diagnostics]


def described(item: Diagnostic) -> tuple[str, str, str, str]:
    return (str(item.span), item.rule.id, item.why, item.fix)


def write(folder: Path, records: Mapping[str, bytes]) -> None:
    for name, data in records.items():
        (folder / name).write_bytes(data)


def test_parse_record_of_sample_takes_it_apart() -> None:
    record = parse_record(SAMPLE, HERE)

    assert record.host == "gh-01"
    assert record.collected_at == "2026-11-20T08:15:00Z"
    assert record.identity.uptime_seconds == 86400
    assert [device.id for device in record.facts.devices] == ["144d:a80a", "10de:2342"]
    assert record.state.bindings["0009:01:00.0"].driver == "nvidia"
    assert record.span == HERE


def test_parse_record_of_equal_bodies_shares_them() -> None:
    first = parse_record(SAMPLE, HERE)

    second = parse_record(SAMPLE.replace(b'"gh-01"', b'"gh-02"'), HERE)

    assert second.facts is first.facts
    assert second.state is first.state
    assert (second.facts_key, second.state_key) == (first.facts_key, first.state_key)


def test_parse_record_keeps_no_facts_alive() -> None:
    from fleetpolicy.load import records  # noqa: PLC0415 the cache is what is looked at

    data = change(facts__kernel__release="6.0.1-forgotten")
    key = parse_record(data, HERE).facts_key

    gc.collect()

    assert key not in records._facts


def test_dump_record_then_parse_gives_the_same_record() -> None:
    record = parse_record(dump_record(parse_record(SAMPLE, HERE)), HERE)

    again = parse_record(dump_record(record), HERE)

    assert again == record


def test_dump_record_writes_one_sorted_line() -> None:
    dumped = dump_record(parse_record(SAMPLE, HERE))

    expected = json.dumps(json.loads(SAMPLE), sort_keys=True, separators=(",", ":")) + "\n"
    assert dumped.decode() == expected


@pytest.mark.shows("FP172")
def test_parse_record_of_another_kind_says_so_and_nothing_else() -> None:
    found = faults(b'{"apiVersion": "v1", "spec": {}}')

    assert found == [
        (
            "facts/gh-01.json",
            "FP172",
            "apiVersion is 'v1', not 'fleetpolicy/v1alpha1'",
            ANEW,
        ),
        ("facts/gh-01.json", "FP172", "kind is missing", "add kind: HostRecord"),
    ]


@pytest.mark.shows("FP172")
def test_parse_record_of_a_list_says_so() -> None:
    assert faults(b"[]") == [
        ("facts/gh-01.json", "FP172", "the document is a list, not an object", ANEW)
    ]


@pytest.mark.shows("FP173")
@pytest.mark.accepts("FP171", "FP172")
def test_parse_record_with_several_faults_names_each_path() -> None:
    document = json.loads(SAMPLE)
    document["facts"]["devices"][0]["iommuGrup"] = 3
    document["facts"]["devices"][1]["address"] = "9:1:0"
    document["facts"]["kernel"]["pageSizeKib"] = "64"
    del document["facts"]["cpu"]["fwb"]

    found = faults(json.dumps(document).encode())

    assert [(rule, why, fix.removesuffix(f", or {ANEW}")) for _, rule, why, fix in found] == [
        ("FP173", "facts.cpu.fwb is missing", "add fwb"),
        (
            "FP173",
            "facts.devices[0].iommuGrup is no key that is known",
            "write iommuGroup, if that was meant",
        ),
        (
            "FP173",
            "facts.devices[1].address is '9:1:0'",
            "write a PCI address with its domain, such as 0009:01:00.0",
        ),
        ("FP173", "facts.kernel.pageSizeKib is '64'", "write a whole number"),
    ]


@pytest.mark.shows("FP171")
@pytest.mark.accepts("FP173")
@pytest.mark.parametrize(
    ("data", "place", "why"),
    [
        (b"", "facts/gh-01.json:1:1", "the document is empty"),
        (b"\n \n", "facts/gh-01.json:3:1", "the document is empty"),
        (b'{"a": 1,\n  b}', "facts/gh-01.json:2:3", None),
        (b'{"a":\n "b', "facts/gh-01.json:2:2", "the document ends in the middle: it was cut off"),
        (b'{"a": "\xff"}', "facts/gh-01.json:1:8", "it is no UTF-8"),
        (b'{"a": NaN}', "facts/gh-01.json", "NaN is no number that JSON has"),
        (b"[" * 100_000, "facts/gh-01.json", "it is nested too deeply"),
    ],
)
def test_parse_record_of_no_json_names_the_place(data: bytes, place: str, why: str | None) -> None:
    found = faults(data)

    expected = why or "expecting property name enclosed in double quotes"
    assert found == [(place, "FP171", expected, ANEW)]


def test_parse_record_truncated_at_every_byte_gives_one_finding() -> None:
    whole = dump_record(parse_record(SAMPLE, HERE)).rstrip()

    found = [faults(whole[:length]) for length in range(len(whole))]

    rules = {rule for one in found for _, rule, _, _ in one}
    assert {len(one) for one in found} == {1}
    assert rules == {"FP171"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_parse_record_of_any_bytes_gives_findings(data: bytes) -> None:
    assert faults(data)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_parse_record_of_a_damaged_record_gives_a_record_or_findings(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SAMPLE)))
    length = data.draw(st.integers(0, 20))
    damaged = SAMPLE[:start] + data.draw(st.binary(max_size=20)) + SAMPLE[start + length :]

    try:
        parse_record(damaged, HERE)
    except FleetPolicyError as error:
        assert error.diagnostics  # noqa: PT017 a damage may also be harmless


def test_parse_record_with_serials_in_capitals_lowers_their_addresses() -> None:
    record = parse_record(change(identity__serials={"0009:0A:00.0": "48B0"}), HERE)

    assert record.identity.serials == {"0009:0a:00.0": "48B0"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(key=st.sampled_from(["host", "collectedAt", "identity", "facts", "state"]), value=JSON)
def test_parse_record_with_any_value_gives_a_record_or_findings(key: str, value: Any) -> None:
    try:
        parse_record(change(**{key: value}), HERE)
    except FleetPolicyError as error:
        assert error.diagnostics  # noqa: PT017 any text is a host name


ADDRESS = st.from_regex(r"[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]", fullmatch=True)
IDENTITY = st.fixed_dictionaries(
    {
        "machineId": st.text() | JSON,
        "bootId": st.text(),
        "uptimeSeconds": st.integers() | st.floats(allow_nan=False, allow_infinity=False) | JSON,
    },
    optional={
        "serials": st.dictionaries(ADDRESS | st.text(max_size=8), st.text() | JSON, max_size=3),
        "more": JSON,
    },
)


@settings(max_examples=500, deadline=None)
@given(IDENTITY)
def test_identity_is_taken_as_its_model_would(value: Any) -> None:
    try:
        judged = Identity.model_validate_json(json.dumps(value), strict=True)
    except ValidationError:
        assert "identity" in "".join(why for *_, why, _ in faults(change(identity=value)))
        return

    assert asdict(parse_record(change(identity=value), HERE).identity) == judged.model_dump()


@pytest.mark.accepts("FP170", "FP174", "FP175")
def test_load_records_reads_files_and_lines_sorted(tmp_path: Path) -> None:
    line = dump_record(parse_record(SAMPLE, HERE))
    lines = line.replace(b'"gh-01"', b'"gh-00"') + b"\n" + line.replace(b'"gh-01"', b'"gh-09"')
    write(tmp_path, {"gh-01.json": SAMPLE, "more.jsonl": lines, "README": b"no record"})

    records, findings = load_records(tmp_path)

    assert findings == ()
    assert {host: str(record.span) for host, record in records.items()} == {
        "gh-00": f"{tmp_path}/more.jsonl:1:1",
        "gh-01": f"{tmp_path}/gh-01.json",
        "gh-09": f"{tmp_path}/more.jsonl:3:1",
    }
    assert list(records) == sorted(records)


def test_load_records_of_a_missing_folder_finds_none(tmp_path: Path) -> None:
    assert load_records(tmp_path / "facts") == ({}, ())


@pytest.mark.shows("FP170")
def test_load_records_of_a_file_says_so(tmp_path: Path) -> None:
    write(tmp_path, {"facts": b""})

    records, findings = load_records(tmp_path / "facts")

    assert records == {}
    assert [described(item) for item in findings] == [
        (f"{tmp_path}/facts", "FP170", "not a directory", "make it readable, or move it away")
    ]


@pytest.mark.shows("FP170", "FP171", "FP174", "FP175")
def test_load_records_with_bad_ones_returns_the_others_and_all_findings(tmp_path: Path) -> None:
    line = dump_record(parse_record(SAMPLE, HERE))
    write(
        tmp_path,
        {
            "gh-01.json": SAMPLE,
            "gh-02.json": SAMPLE,
            "gh-03.json": SAMPLE[:100],
            "more.jsonl": b"\n" + line + b"{}x\n",
        },
    )
    (tmp_path / "gh-04.json").mkdir()

    records, findings = load_records(tmp_path)

    assert list(records) == ["gh-01"]
    assert [described(item)[:3] for item in findings] == [
        (f"{tmp_path}/gh-02.json", "FP174", "the record in gh-02.json is of host gh-01"),
        (
            f"{tmp_path}/gh-03.json:5:5",
            "FP171",
            "the document ends in the middle: it was cut off",
        ),
        (f"{tmp_path}/gh-04.json", "FP170", "it is no regular file"),
        (
            f"{tmp_path}/more.jsonl:2:1",
            "FP175",
            f"gh-01 has a record at {tmp_path}/gh-01.json already",
        ),
        (f"{tmp_path}/more.jsonl:3:3", "FP171", "extra data"),
    ]


LINE = dump_record(parse_record(SAMPLE, HERE)).rstrip(b"\n")
TRAPS = (
    LINE[:-1] + b',"facts":{}}',
    LINE[:-1] + b',"host":"gh-02"}',
    LINE[:-1] + b',"kind":"Other"}',
    LINE.replace(b'"gh-01"', b'"\xff"'),
    LINE.replace(b',"host":', b' , "host" : '),
    LINE.replace(b'"uptimeSeconds":86400', b'"uptimeSeconds":-1'),
    LINE.replace(b'"serials":{', b'"serials":{"host":"x",'),
    LINE.replace(b"2026-11-20T", b"2026-11-20 "),
    LINE.replace(b'"facts":', b'"facts":null,"facts":'),
    LINE + LINE,
)


def alone_and_second(folder: Path, line: bytes) -> tuple[object, object]:
    """Return what a line gives on its own, and after another one with the facts of the sample."""
    both = []
    for name, before in (("alone", b""), ("second", LINE.replace(b'"gh-01"', b'"gh-00"'))):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "hosts.jsonl").write_bytes(before + b"\n" + line)
        records, findings = load_records(folder / name)
        records.pop("gh-00", None)
        told = [described(item) for item in findings]
        both.append((records, [(place.replace(name, ""), *rest) for place, *rest in told]))
    first = [
        [
            (item.host, item.collected_at, item.identity, item.facts_key, item.state_key)
            for item in records.values()
        ]
        for records, _ in both
    ]
    return (first[0], both[0][1]), (first[1], both[1][1])


@pytest.mark.parametrize("line", TRAPS)
def test_load_records_of_a_trap_after_known_facts_judges_it_as_alone(
    line: bytes, tmp_path: Path
) -> None:
    alone, second = alone_and_second(tmp_path, line)

    assert second == alone


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(LINE)), st.integers(0, 12), st.binary(max_size=4))
def test_load_records_of_a_damaged_line_after_known_facts_judges_it_as_alone(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int, text: bytes
) -> None:
    line = LINE[:start] + text.replace(b"\n", b" ") + LINE[start + length :]

    alone, second = alone_and_second(tmp_path_factory.mktemp("facts"), line)

    assert second == alone
