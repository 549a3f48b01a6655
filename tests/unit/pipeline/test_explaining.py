"""Explain rules by their examples."""

from fleetpolicy.pipeline.explaining import explain_rule


def test_rule_with_examples_is_explained_by_them() -> None:
    reasons = [reason.text for reason in explain_rule("fp103")]

    assert reasons[0] == "FP103 duplicate-key: error"
    assert reasons[-2:] == [
        (
            "rejected:\n    spec:\n      memoryMapping:\n        default: normal-nc\n"
            "        default: device"
        ),
        "accepted:\n    spec:\n      memoryMapping:\n        default: device",
    ]
