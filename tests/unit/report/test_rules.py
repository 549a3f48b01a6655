"""Show the page of all rules."""

from fleetpolicy.diagnostics import Rule, Severity
from fleetpolicy.report.rules import write_rules_page

PLAIN = Rule("FP199", "odd-number", Severity.ERROR, "Numbers are even.", "Euclid, book 7")
SHOWN = Rule(
    "FP199",
    "odd-number",
    Severity.ERROR,
    "Numbers are even.",
    "Euclid, book 7",
    rejected="spec:\n  number: 3",
    accepted="spec:\n  number: 4",
)


def test_rule_with_examples_shows_them_as_blocks() -> None:
    page = write_rules_page([SHOWN])

    assert page == write_rules_page([PLAIN]) + (
        "\nRejected:\n\n    spec:\n      number: 3\n\nAccepted:\n\n    spec:\n      number: 4\n"
    )


def test_rule_without_examples_ends_with_its_source() -> None:
    assert write_rules_page([PLAIN]).endswith("\n- source: Euclid, book 7\n")
