from dataclasses import replace

from fleetpolicy.diagnostics import Rule, Severity, Span, Subject, Waiver
from fleetpolicy.report.document import exceptions_document

RULE = Rule("FP998", "some-rule", Severity.WARNING, "Something holds.", "a manual, 1.2")
BUSY = Waiver("busy", "2027-03-01", "us", "no part yet", Span("e.yaml", 1, 1), ("FP998",))
IDLE = Waiver("an-idle-one", "2027-04-01", "us", "no part yet", Span("e.yaml", 9, 1), ("FP998",))


def test_exceptions_document_counts_findings_and_not_hosts() -> None:
    found = [
        replace(
            RULE.at(Span("p.yaml", line), why="it is odd", fix="mend it", subject=Subject(host)),
            waiver=BUSY,
        )
        for line, host in ((1, "a"), (1, "b"), (2, "a"))
    ]

    listed = exceptions_document([BUSY, IDLE], found)

    assert [item["name"] for item in listed] == ["an-idle-one", "busy"]
    assert listed[1] == {
        "name": "busy",
        "rules": ["FP998"],
        "until": "2027-03-01",
        "owner": "us",
        "reason": "no part yet",
        "place": "e.yaml:1:1",
        "silences": 2,
    }
