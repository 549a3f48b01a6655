import pytest

from fleetpolicy.report.markup import Section, assemble, block, code, escape, fold


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("`x`", r"\`x\`"),
        ("*b* _i_ ~s~", r"\*b\* \_i\_ \~s\~"),
        ("[a](b)", r"\[a\](b)"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("@team #1", r"@&#8203;team \#1"),
        ("one\ntwo\r\nthree", "one<br>two<br>three"),
        ("\\", "\\\\"),
    ],
)
def test_escape_leaves_no_markup(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a``b`", "``` `a``b` ```"),
        ("a|b\nc", r"`a\|b c`"),
        ("", ""),
    ],
)
def test_code_keeps_backticks_and_pipes_apart(text: str, expected: str) -> None:
    assert code(text) == expected


def test_block_is_not_ended_by_its_own_backticks() -> None:
    assert block("```\na\n", "diff") == "````diff\n```\na\n````\n"


def test_fold_escapes_its_summary() -> None:
    assert fold("<a>", "body\n") == (
        "<details><summary>&lt;a&gt;</summary>\n\nbody\n\n</details>\n"
    )


def test_assemble_leaves_out_empty_sections() -> None:
    assert assemble("head\n", [Section("rows", "opening\n", ())]) == "head\n"


def test_assemble_cuts_rows_from_the_end_and_says_so() -> None:
    sections = [
        Section("findings", "F\n", tuple(f"finding {number}\n" for number in range(9))),
        Section("groups", "G\n", ("x" * 300 + "\n", "short\n")),
    ]

    text = assemble("head\n", sections, limit=690)

    assert text == (
        "head\n\nF\n"
        + "".join(f"finding {number}\n" for number in range(8))
        + "\nCut to 690 characters; left out: 1 of 9 findings, 2 of 2 groups.\n"
    )
