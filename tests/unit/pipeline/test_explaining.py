"""Explain rules by their examples."""

import pytest

from fleetpolicy.diagnostics import Rule, Severity
from fleetpolicy.pipeline import explaining

RULE = Rule(
    "FP199",
    "odd-number",
    Severity.ERROR,
    "Numbers are even.",
    "Euclid, book 7",
    rejected="spec:\n  number: 3",
    accepted="spec:\n  number: 4",
)


def test_rule_with_examples_is_explained_by_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "all_rules", lambda: {"FP199": RULE})

    reasons = explaining.explain_rule("fp199")

    assert [reason.text for reason in reasons] == [
        "FP199 odd-number: error",
        "Numbers are even.",
        "no Exception can silence it",
        "source: Euclid, book 7",
        "rejected:\n    spec:\n      number: 3",
        "accepted:\n    spec:\n      number: 4",
    ]
