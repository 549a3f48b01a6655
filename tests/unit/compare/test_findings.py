from fleetpolicy.compare.findings import intersect, subtract
from fleetpolicy.diagnostics import Diagnostic, Rule, Severity, Span, Subject

RULE = Rule("FP999", "some-rule", Severity.ERROR, "Something holds.", "a manual, 1.2")


def finding(line: int = 3, why: str = "it is odd", hosts: tuple[str, ...] = ("a",)) -> Diagnostic:
    first, *others = hosts or ("",)
    subject = Subject(first, tuple(others), facts=f"facts/{first}.json, 2026-11-{line:02}")
    return RULE.at(Span("policies/p.yaml", line, 5), why=why, fix="correct it", subject=subject)


def test_subtract_counts_a_finding_that_moved_as_the_same() -> None:
    before = [finding(3, "it differs from policies/q.yaml:7:2")]
    after = [finding(9, "it differs from policies/q.yaml:12:2")]

    assert subtract(after, before) == ()


def test_subtract_keeps_the_hosts_that_are_affected_anew() -> None:
    before = [finding(hosts=("a", "c"))]
    after = [finding(hosts=("a", "b", "c", "d"))]

    (left,) = subtract(after, before)

    assert (left.subject.host, left.subject.others) == ("b", ("d",))


def test_subtract_gathers_hosts_over_several_findings() -> None:
    before = [finding(hosts=("a",)), finding(hosts=("b",))]

    assert subtract([finding(hosts=("a", "b"))], before) == ()


def test_subtract_keeps_a_finding_about_no_host() -> None:
    alone = finding(hosts=())

    assert subtract([alone], []) == (alone,)
    assert subtract([alone], [alone]) == ()


def test_subtract_tells_findings_with_other_values_apart() -> None:
    assert [item.why for item in subtract([finding(why="it is 2")], [finding(why="it is 1")])] == [
        "it is 2"
    ]


def test_intersect_keeps_what_both_sides_have_and_the_hosts_of_both() -> None:
    these = [finding(hosts=("a", "b")), finding(why="it is 2"), finding(why="it is 3", hosts=())]
    those = [finding(hosts=("b", "c")), finding(why="it is 2", hosts=("z",))]

    (common,) = intersect(these, those)

    assert (common.why, common.subject.host, common.subject.others) == ("it is odd", "b", ())
    assert intersect([finding(hosts=())], [finding(hosts=())]) == (finding(hosts=()),)
