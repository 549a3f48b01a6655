import json
from types import ModuleType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.load import builder, source
from fleetpolicy.load.source import parse_source

TRAPS = [
    "0000:01:00.0",
    "01:00.0",
    "0008:01:00.0",
    "0009:01:00.0",
    "0001:00:03.0",
    "0000:c1:00.0",
    "1002:15",
    "10de:2342",
    "0302",
    "030200",
    "0108",
    "0123",
    "010",
    "8086",
    "0x10de",
    "1e04",
    "12e4",
    "0e23",
    "on",
    "off",
    "yes",
    "no",
    "6.10",
    "12:30",
    "02:00",
    "2026-12-01",
    "1_000",
    ".inf",
    "=",
]


def told(findings: tuple[Diagnostic, ...]) -> list[str]:
    return [
        f"{item.span}: {item.rule.name}: {item.why}; fix: {item.fix}"
        for item in sorted(findings, key=lambda item: item.order)
    ]


def refusals(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return told(parse_source(data, "p.yaml").findings)


@pytest.mark.parametrize("text", TRAPS)
def test_plain_scalar_that_looks_like_something_else_stays_text(text: str) -> None:
    read = parse_source(f"a: {text}\nb: [{text}]\n{text}: c\n".encode(), "p.yaml")

    assert [document.data for document in read.documents] == [{"a": text, "b": [text], text: "c"}]
    assert read.findings == ()


@pytest.mark.parametrize("text", ["~", "null", "Null", "NULL"])
def test_null_unquoted_is_refused(text: str) -> None:
    assert refusals(f"a: {text}\n") == [
        (
            f"p.yaml:1:4: empty-value: {text} means null; "
            'fix: write "" for an empty text, {} for an empty mapping, or remove the key'
        )
    ]


def test_null_quoted_is_text() -> None:
    read = parse_source(b"a: ['~', \"null\", '']\n", "p.yaml")

    assert read.documents[0].data == {"a": ["~", "null", ""]}
    assert read.findings == ()


def test_value_left_out_is_refused() -> None:
    assert refusals("a:\nb: 1\n") == [
        (
            "p.yaml:1:3: empty-value: there is no value; "
            'fix: write "" for an empty text, {} for an empty mapping, or remove the key'
        )
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: >=6.9\n",
            (
                "p.yaml:1:5: yaml-syntax: while scanning a block scalar: did not find expected "
                "comment "
                'or line break; fix: put the text into quotes, such as ">=6.9"'
            ),
        ),
        (
            "a: *\n",
            (
                "p.yaml:1:5: yaml-syntax: while scanning an alias: did not find expected "
                'alphabetic or numeric character; fix: put the text into quotes, such as "*"'
            ),
        ),
        (
            "a:\n\tb: 1\n",
            (
                "p.yaml:2:1: yaml-syntax: while scanning for the next token: found character that "
                "cannot start any token; fix: indent with spaces, and quote a text that begins "
                "with @ ` % or a tab"
            ),
        ),
        (
            "a: b: c\n",
            (
                "p.yaml:1:5: yaml-syntax: mapping values are not allowed in this context; fix: "
                "indent the line like its neighbours, or quote a text that has a colon"
            ),
        ),
        (
            "a: 'b\n",
            (
                "p.yaml:2:1: yaml-syntax: while scanning a quoted scalar: found unexpected end of "
                "stream (it began at 1:4); fix: close the quotes, and double a backslash in double "
                "quotes"
            ),
        ),
        (
            "a: [b\n",
            (
                "p.yaml:2:1: yaml-syntax: while parsing a flow sequence: did not find expected ',' "
                "or ']' (it began at 1:4); fix: close the bracket or brace, with commas between "
                "the items"
            ),
        ),
    ],
)
def test_syntax_error_is_told_at_its_place(text: str, expected: str) -> None:
    assert refusals(text) == [expected]


def test_key_written_twice_is_told_with_both_places_and_the_first_is_kept() -> None:
    read = parse_source(b"a:\n  b: 1\n  c: {d: 2}\n  b: {e: [3]}\nf: 4\n", "p.yaml")

    assert told(read.findings) == [
        "p.yaml:4:3: duplicate-key: b stands at 2:3 and here; fix: remove one of the two"
    ]
    assert read.documents[0].data == {"a": {"b": "1", "c": {"d": "2"}}, "f": "4"}
    assert read.documents[0].span_of(("f",)) == Span("p.yaml", 5, 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x b\n", '1:4: {}: the anchor &x; fix: remove it, or in quotes if it is text: "&x"'),
        (
            "a: *x\n",
            '1:4: {}: the alias *x; fix: write the value itself, or in quotes if it is text: "*x"',
        ),
        ("a: !x b\n", "1:4: {}: the tag !x; fix: remove it: the field decides over the type"),
        (
            "a: !!int 3\n",
            (
                "1:4: {}: the tag tag:yaml.org,2002:int; "
                "fix: remove it: the field decides over the type"
            ),
        ),
        ("<<: {a: b}\n", "1:1: {}: the merge key <<; fix: write the keys where they belong"),
        ("[a]: b\n", "1:1: {}: a mapping or sequence as a key; fix: write the key as text"),
        ("a: {*x : b}\n", "1:5: {}: an alias as a key; fix: write the key as text"),
    ],
)
def test_feature_that_is_no_part_of_the_language_is_refused(text: str, expected: str) -> None:
    assert refusals(text) == [f"p.yaml:{expected.format('yaml-feature-not-used')}"]


def test_alias_bomb_is_read_in_no_time_and_refused() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40)]

    read = parse_source("\n".join(["a0: &a0 lol", *levels]).encode(), "p.yaml")

    assert len(read.findings) == 40 + 39 * 9


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            b"a: \xff\n",
            "p.yaml:1:4: yaml-syntax: byte 0xff is not UTF-8; fix: save the file as UTF-8",
        ),
        (
            "a: b\n".encode("utf-16"),
            "p.yaml:1:1: yaml-syntax: byte 0xff is not UTF-8; fix: save the file as UTF-8",
        ),
        (
            b"a: 1\nb: x\0y\n",
            "p.yaml:2:5: yaml-syntax: character U+0000 is not printable; fix: remove it",
        ),
        (
            b"a: \x1b[31m\n",
            "p.yaml:1:4: yaml-syntax: character U+001B is not printable; fix: remove it",
        ),
        (
            "a: x\u2028y\n".encode(),
            "p.yaml:1:5: yaml-syntax: character U+2028 is not printable; fix: remove it",
        ),
        (b"- a\n", "p.yaml:1:1: {}: it is a sequence, not a mapping; fix: write a mapping"),
        (b"text\n", "p.yaml:1:1: {}: it is the text 'text', not a mapping; fix: write a mapping"),
    ],
)
def test_text_that_cannot_be_a_policy_is_refused(data: bytes, expected: str) -> None:
    assert refusals(data) == [expected.format("not-a-policy-document")]


@pytest.mark.accepts("FP106")
def test_byte_order_mark_and_windows_line_ends_are_read() -> None:
    read = parse_source(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "p.yaml")

    assert read.documents[0].data == {"a": "1", "b": "2"}
    assert read.documents[0].span_of(("b",)) == Span("p.yaml", 2, 4)


@pytest.mark.shows("FP106")
def test_nesting_deeper_than_the_limit_is_refused_and_the_next_document_is_read() -> None:
    deep = "a: " + "[" * 32 + "]" * 32
    just_enough = "a: " + "[" * 31 + "]" * 31

    read = parse_source(f"{deep}\n---\n{just_enough}\n".encode(), "p.yaml")

    assert told(read.findings) == [
        (
            "p.yaml:1:35: input-too-big: mappings and sequences are nested more than 32 levels "
            "deep; fix: no kind needs that depth: remove the nesting"
        )
    ]
    assert len(read.documents) == 1


@pytest.mark.shows("FP106")
def test_file_bigger_than_the_limit_is_refused() -> None:
    assert refusals(b"#" * (16 * 1024 * 1024 + 1)) == [
        (
            "p.yaml: input-too-big: it has 16777217 bytes, and at most 16777216 are read; "
            "fix: split it into several files"
        )
    ]


@pytest.mark.shows("FP106")
def test_documents_beyond_the_limit_are_refused() -> None:
    read = parse_source(b"a: b\n---\n" * 10_000 + b"a: b\n", "p.yaml")

    assert told(read.findings) == [
        (
            "p.yaml:20000:1: input-too-big: the file has more than 10000 documents; "
            "fix: split it into files"
        )
    ]
    assert len(read.documents) == 10_000


def test_empty_documents_are_skipped() -> None:
    read = parse_source(b"---\n---\n# nothing\n---\na: b\n---\n", "p.yaml")

    assert [document.data for document in read.documents] == [{"a": "b"}]
    assert read.findings == ()


def test_broken_documents_do_not_hide_the_others() -> None:
    text = "a: 1\n---\nb: [\n---\nc: 3\n--- @d\n---\ne: 'x\n---\n- f\n---\ng: 7\n"

    read = parse_source(text.encode(), "p.yaml")

    assert [document.data for document in read.documents] == [{"a": "1"}, {"c": "3"}, {"g": "7"}]
    assert [str(item.span) for item in read.findings] == [
        "p.yaml:4:1",
        "p.yaml:6:5",
        "p.yaml:9:1",
        "p.yaml:10:1",
    ]
    assert read.documents[-1].span_of(("g",)) == Span("p.yaml", 12, 4)


def test_places_are_those_of_values_and_of_the_key_of_a_block() -> None:
    text = "spec:\n  match:\n    device: {id: x}\n  list:\n    - a\n    - b: c\n"

    (document,) = parse_source(text.encode(), "p.yaml").documents

    places = {
        (): "1:1",
        ("spec",): "1:1",
        ("spec", "match"): "2:3",
        ("spec", "match", "device"): "3:13",
        ("spec", "match", "device", "id"): "3:18",
        ("spec", "match", "device", "absent", 3): "3:13",
        ("spec", "list", 0): "5:7",
        ("spec", "list", 1): "6:7",
        ("spec", "list", 1, "b"): "6:10",
        ("absent",): "1:1",
    }
    assert {path: str(document.span_of(path)) for path in places} == {
        path: f"p.yaml:{place}" for path, place in places.items()
    }
    assert document.key_span_of(("spec", "match", "device", "id")) == Span("p.yaml", 3, 14)


def test_parser_without_libyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"a: {b: 0009:01:00.0, c: '~', d: [~, x]}\nb:\nc: [\n---\nd: 1\nd: 2\n"
    by_libyaml = parse_source(text, "p.yaml")
    monkeypatch.setattr(source, "_LOADER", yaml.SafeLoader)

    by_python = parse_source(text, "p.yaml")

    assert [item.data for item in by_python.documents] == [{"d": "1"}]
    assert [item.data for item in by_libyaml.documents] == [{"d": "1"}]
    assert [item.span.line for item in by_python.findings] == [
        item.span.line for item in by_libyaml.findings
    ]


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=100))
def test_quoted_text_comes_back_as_it_was(text: str) -> None:
    written = json.dumps({text: [text]})

    documents = parse_source(written.encode(), "p.yaml").documents

    assert [document.data for document in documents] == [{text: [text]}]


@given(
    st.from_regex(
        r"[A-Za-z0-9_./+-]([A-Za-z0-9_./:+-]{0,20}[A-Za-z0-9_./+-])?", fullmatch=True
    ).filter(lambda text: text != "-" and text.lower() != "null")
)
def test_plain_text_comes_back_as_it_was(text: str) -> None:
    read = parse_source(f"x: {text}\n".encode(), "p.yaml")

    assert [document.data for document in read.documents] == [{"x": text}]
    assert read.findings == ()


@given(st.binary())
def test_bytes_of_any_kind_never_raise(data: bytes) -> None:
    read = parse_source(data, "p.yaml")

    assert all(item.why and item.fix for item in read.findings)


@given(st.text("ab:-[]{}&*!|>'\"%@`#,?~ \n\t<.\\0", max_size=60))
def test_text_made_of_indicators_never_raises_and_keeps_places(text: str) -> None:
    read = parse_source(text.encode(), "p.yaml")

    for document in read.documents:
        for key in document.data:
            assert document.key_span_of((key,)).line <= text.count("\n") + 1


@pytest.mark.shows("FP106")
@pytest.mark.parametrize(
    ("module", "limit", "most", "text"),
    [
        (builder, "EVENT_LIMIT", 8, "a: [b, c, d, e, f, g, h, i]"),
        (source, "NODE_LIMIT", 4, "a: [b, c, d]\n---\ne: f"),
        (source, "FINDING_LIMIT", 2, "a: ~\n---\nb: ~\n---\nc: ~"),
    ],
)
def test_what_is_beyond_a_limit_is_told_once(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, limit: str, most: int, text: str
) -> None:
    monkeypatch.setattr(module, limit, most)

    found = parse_source(text.encode(), "p.yaml").findings

    assert [item.rule.name for item in found].count("input-too-big") == 1


@pytest.mark.shows("FP102")
def test_text_that_the_parser_refuses_without_a_place_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise yaml.YAMLError("odd")

    monkeypatch.setattr(source._Reading, "_read_documents", refuse)

    assert [item.why for item in parse_source(b"a: b", "p.yaml").findings] == ["odd"]
