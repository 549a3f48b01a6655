"""Formatting twice is formatting once, and what is read stays what it was."""

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fleetpolicy.format import format as format_text
from fleetpolicy.format.events import meaning_of
from fleetpolicy.load.source import parse_source

TRAPS = ["0009:01:00.0", "10de:2342", "0302", "1e04", "on", "no", "y", "6.10", "12:30", "02:00"]
MORE = ["2026-12-01", "4", "007", "0x1f", ".inf", "true", "a-b", "8086", "~"]
WORDS = st.sampled_from([*TRAPS, *MORE]) | st.text("ab:#-'\" ~é\\", max_size=6)
TREES = st.recursive(
    WORDS | st.text("ab \n\t", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)
PARTS = [
    *("a:", "b: 0302", "- c", "-   d: on", "# note", "k: |", "k: >-", "k: |2", "k: |+", "text", ""),
    *("- |", "'q", "q'", '"r', 'r"', "{x: 1,", "y: [2,", "]", "}", "---", "...", "- - e", "-"),
    *("f: &g h", "i: *g", "l: m # n", "? o", ": p", "\ttab", "--- q", "r\\"),
]
INDENTS = st.integers(0, 5).map(lambda count: " " * count)
LINES = st.lists(
    st.tuples(INDENTS, st.sampled_from(PARTS), st.sampled_from(["", " ", "   "])).map("".join),
    max_size=9,
)


@given(LINES, st.sampled_from(["", "\n"]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_any_lines_stay_what_they_say_and_settle_at_once(lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    meaning = meaning_of(text)
    assume(meaning is not None)

    once = format_text(text)

    assert meaning_of(once) == meaning
    assert format_text(once) == once


@given(TREES, st.sampled_from([None, False, True]), st.integers(2, 6), st.sampled_from([20, 80]))
@settings(max_examples=150, deadline=None)
def test_policy_in_any_style_loads_the_same(
    tree: object,
    style: bool | None,  # noqa: FBT001 PyYAML's own three styles
    indent: int,
    width: int,
) -> None:
    whole = {"apiVersion": "fleetpolicy/v1alpha1", "spec": tree, "metadata": {"name": "0302"}}
    text = str(
        yaml.dump(whole, default_flow_style=style, indent=indent, width=width, allow_unicode=True)
    )

    once = format_text(text)

    before, after = (parse_source(item.encode(), "p.yaml") for item in (text, once))
    assert [item.data for item in after.documents] == [item.data for item in before.documents]
    assert format_text(once) == once
