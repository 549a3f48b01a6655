from dataclasses import replace

from fleetpolicy.diagnostics import Diagnostic, Profile, Rule, Severity, Span, Subject, Waiver
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.findings import (
    count_findings,
    describe_hosts,
    group_findings,
    write_findings,
    write_silenced,
)

LEAK = Rule(
    "FP299",
    "drops-water",
    Severity.WARNING,
    "Taps are shut.",
    "plumbing(8)",
    production=Severity.ERROR,
)
HERE = Span("policies/gpu.yaml", 14, 18)


def find(host: str, *others: str, device: str = "0000:01:00.0") -> Diagnostic:
    subject = Subject(host, others, device, "facts/a.json, 2026-08-20")
    return LEAK.at(HERE, why="it drips", fix="shut it", subject=subject)


def test_write_findings_shows_place_rule_subject_evidence_fix_and_source() -> None:
    text = write_findings([find("kvm-17")], Profile.SAFETY)

    assert text == (
        "policies/gpu.yaml:14:18: warning FP299 drops-water\n"
        "  host kvm-17, device 0000:01:00.0\n"
        "  why: it drips\n"
        "  fix: shut it\n"
        "  see: plumbing(8); fleetpolicy explain FP299  [facts: facts/a.json, 2026-08-20]\n"
    )


def test_write_findings_of_equal_hosts_makes_one_block() -> None:
    findings = [find("d", "e"), find("b"), find("a", "c")]

    text = write_findings(findings, Profile.SAFETY)

    assert text.splitlines()[1] == "  hosts a, b, c and 2 more, device 0000:01:00.0"
    assert text.count("FP299 drops-water") == 1


def test_write_findings_of_two_devices_keeps_two_blocks() -> None:
    text = write_findings([find("a"), find("a", device="0000:02:00.0")], Profile.SAFETY)

    assert text.count("FP299 drops-water") == 2


def test_write_findings_in_the_production_profile_uses_its_severity() -> None:
    text = write_findings([find("a")], Profile.PRODUCTION)

    assert text.splitlines()[0] == "policies/gpu.yaml:14:18: error FP299 drops-water"


def test_write_findings_with_a_line_break_in_the_evidence_stays_indented() -> None:
    finding = LEAK.at(Span("x"), why="one\ntwo", fix="shut it")

    assert write_findings([finding], Profile.BASIC).splitlines()[1:3] == [
        "  why: one",
        "       two",
    ]


def test_write_findings_with_colours_paints_place_and_severity() -> None:
    text = write_findings([find("a")], Profile.BASIC, Palette(active=True))

    assert text.startswith("\x1b[1mpolicies/gpu.yaml:14:18\x1b[0m: \x1b[33mwarning\x1b[0m FP299")


def test_write_silenced_names_the_exception_its_owner_and_its_end() -> None:
    waiver = Waiver("tap-3", "2027-03-01", "plumbers", "no part yet", Span("ex.yaml", 2, 1))
    findings = [replace(find(host), waiver=waiver) for host in "ab"]

    assert write_silenced([*findings, find("c")]) == (
        "policies/gpu.yaml:14:18: FP299 drops-water, hosts a, b, device 0000:01:00.0: "
        "silenced by Exception tap-3 until 2027-03-01 (plumbers, no part yet)\n"
    )


def test_findings_that_differ_in_their_waiver_are_two() -> None:
    waiver = Waiver("tap-3", "2027-03-01", "plumbers", "no part yet", Span("ex.yaml", 2, 1))

    assert len(group_findings([find("a"), replace(find("b"), waiver=waiver)])) == 2


def test_count_findings_uses_singular_and_plural() -> None:
    findings = [find("a"), find("a", device="0000:02:00.0")]

    assert count_findings(findings, Profile.BASIC) == "2 warnings"
    assert count_findings(findings[:1], Profile.PRODUCTION) == "1 error"
    assert count_findings([], Profile.BASIC) == "no findings"


def test_describe_hosts_names_three_at_most() -> None:
    assert describe_hosts(("a",)) == "host a"
    assert describe_hosts(("a", "b", "c")) == "hosts a, b, c"
    assert describe_hosts(("a", "b", "c", "d")) == "hosts a, b, c and 1 more"


def test_findings_document_lists_every_host() -> None:
    assert findings_document([find("b"), find("a")], Profile.BASIC) == [
        {
            "rule": "FP299",
            "name": "drops-water",
            "severity": "warning",
            "path": "policies/gpu.yaml",
            "line": 14,
            "column": 18,
            "hosts": ["a", "b"],
            "device": "0000:01:00.0",
            "why": "it drips",
            "fix": "shut it",
            "source": "plumbing(8)",
            "facts": "facts/a.json, 2026-08-20",
        }
    ]
