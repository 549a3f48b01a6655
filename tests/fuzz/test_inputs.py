"""Random inputs of every kind end in a product or in findings that are fit to be read."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load import load_policies, load_settings, parse_record
from fleetpolicy.load.source import parse_source
from fleetpolicy.plan import parse_plan

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
SEEDS = {
    kind: [path.read_bytes() for path in sorted((CORPUS / kind).iterdir())]
    for kind in ("policy", "record", "settings", "plan")
}
WORDS = [
    word.encode().decode("unicode_escape").encode("latin-1")
    for word in (
        line.strip()[1:-1].replace('\\"', '"')
        for line in (HERE / "yaml.dict").read_text().splitlines()
    )
]
few = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

letters = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
scalars = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["~", "yes", "0009:01:00.0", "10de:2342", "normal-nc", "&a b", "*a", "!!int 1"]
    ),
    st.integers().map(str),
)
fields = st.sampled_from(
    ["apiVersion", "kind", "metadata", "name", "spec", "match", "priority", "overrides", "kernel"]
)
nodes = st.recursive(
    scalars,
    lambda below: st.one_of(
        st.lists(below, max_size=4), st.dictionaries(scalars | fields, below, max_size=5)
    ),
    max_leaves=20,
)


def spell(node: object, *, quoted: bool) -> str:
    """Write a node as flow YAML, its scalars bare or as JSON texts."""
    if isinstance(node, dict):
        pairs = (f"{spell(k, quoted=quoted)}: {spell(v, quoted=quoted)}" for k, v in node.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(node, list):
        return f"[{', '.join(spell(item, quoted=quoted) for item in node)}]"
    return json.dumps(node) if quoted else str(node)


@st.composite
def yaml_texts(draw: st.DrawFn) -> bytes:
    quoted = draw(st.booleans())
    documents = draw(st.lists(st.dictionaries(fields, nodes, max_size=5), max_size=3))
    text = "".join(f"---\n{spell(document, quoted=quoted)}\n" for document in documents)
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, kind: str) -> bytes:
    """Take a seed and cut, double, overwrite and insert in it."""
    data = bytearray(draw(st.sampled_from(SEEDS[kind])))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 30))
        part = draw(st.binary(max_size=6) | st.sampled_from(WORDS))
        data[start : start + draw(st.sampled_from([0, length]))] = part
    return bytes(data)


def unfit(findings: Iterable[Diagnostic]) -> list[str]:
    """Return the parts of findings that are empty, cannot be printed or are too long."""
    parts = [
        part
        for finding in findings
        for part in (finding.rule.id, str(finding.span), finding.why, finding.fix)
    ]
    return [
        part
        for part in parts
        if not part.strip() or not part.replace("\n", "").isprintable() or len(part) > 4000
    ]


def faults_of(work: Callable[[], object]) -> list[str]:
    """Return what is wrong with the findings that a piece of work stops with, if it stops."""
    try:
        work()
    except FleetPolicyError as error:
        return unfit(error.diagnostics) if error.diagnostics else ["no finding"]
    return []


@few
@given(data=st.binary(max_size=200) | yaml_texts() | mutated("policy"))
def test_policy_of_any_bytes_ends_in_readable_findings(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(data)

    assert faults_of(lambda: load_policies([file])) == []


@few
@given(data=st.binary(max_size=200) | mutated("record"))
def test_record_of_any_bytes_ends_in_readable_findings(data: bytes) -> None:
    assert faults_of(lambda: parse_record(data, Span("h.json"))) == []


@few
@given(data=st.binary(max_size=200) | mutated("plan"), packed=st.booleans())
def test_plan_of_any_bytes_ends_in_readable_findings(data: bytes, packed: bool) -> None:  # noqa: FBT001 hypothesis names it
    assert (
        faults_of(
            lambda: parse_plan(gzip.compress(data, mtime=0) if packed else data, Span("p.fpz"))
        )
        == []
    )


@few
@given(data=st.binary(max_size=200) | yaml_texts() | mutated("settings"))
def test_settings_of_any_bytes_end_in_readable_findings(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "fleetpolicy.yaml"
    file.write_bytes(data)

    assert faults_of(lambda: load_settings(tmp_path, file)) == []


@few
@given(node=st.dictionaries(letters, letters | st.lists(letters), max_size=6))
def test_quoted_texts_of_any_letters_are_read_as_written(node: dict[str, object]) -> None:
    read = parse_source(spell(node, quoted=True).encode(), "p.yaml")

    assert read.findings == ()
    assert read.documents[0].data == node


@pytest.mark.parametrize("name", sorted(path.name for path in (CORPUS / "policy").iterdir()))
def test_seed_ends_in_readable_findings(name: str) -> None:
    file = CORPUS / "policy" / name

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([file, CORPUS / "policy" / "nuls.yaml"])

    assert unfit(caught.value.diagnostics) == []


def test_control_characters_and_marks_of_direction_are_escaped() -> None:
    read = parse_source(b'"\\x1b[31m\\u202e": a\n"\\x1b[31m\\u202e": b\n', "\x1b[1mp.yaml")

    (finding,) = read.findings

    assert str(finding.span) == r"\x1b[1mp.yaml:2:1"
    assert finding.why == r"\x1b[31m\u202e stands at 1:1 and here"


def test_plan_that_unpacks_to_a_gibibyte_is_refused_before_it_does() -> None:
    data = 64 * gzip.compress(bytes(1 << 24), 1, mtime=0)

    with pytest.raises(FleetPolicyError) as caught:
        parse_plan(data, Span("p.fpz"))

    assert [item.why for item in caught.value.diagnostics] == [
        "it holds more than the 134217728 bytes that are read"
    ]
