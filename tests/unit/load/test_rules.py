from fleetpolicy.diagnostics import Rule, Severity
from fleetpolicy.load import rules

NAMES = {
    "FP101": "file-unreadable",
    "FP102": "yaml-syntax",
    "FP103": "duplicate-key",
    "FP104": "yaml-feature-not-used",
    "FP105": "empty-value",
    "FP106": "input-too-big",
    "FP107": "not-a-policy-document",
    "FP108": "unknown-api-version",
    "FP109": "unknown-kind",
    "FP110": "unknown-key",
    "FP111": "missing-key",
    "FP112": "bad-value",
    "FP113": "duplicate-document",
    "FP114": "one-fleet-policy",
    "FP115": "ambiguous-profile",
    "FP116": "no-such-fleet",
    "FP117": "toml-syntax",
}


def test_ids_and_names_stay_what_exceptions_and_filters_use() -> None:
    found = [value for value in vars(rules).values() if isinstance(value, Rule)]

    assert {rule.id: rule.name for rule in found} == NAMES
    assert {rule.severity for rule in found} == {Severity.ERROR}
