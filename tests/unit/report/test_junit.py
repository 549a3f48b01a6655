from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from lxml import etree

from fleetpolicy.report.junit import write_junit
from fleetpolicy.report.product import Product

FAILURE = """\
      <failure message="FP299 drops-water" type="finding">\
policies/gpü 1.yaml:14:18: error FP299 drops-water
  hosts kvm-1, kvm-2, device 0000:01:00.0
  why: 100% of a|b `c` &lt;d&gt; &amp; "e"
       second: line, end
  fix: shut @team's #1 tap
  see: plumbing(8); fleetpolicy explain FP299  [facts: facts/a.json, 2026-08-20]
</failure>
"""
VALIDATED = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="fleetpolicy validate" tests="7" failures="3" errors="0">
  <testsuite name="fleetpolicy.validate.files" tests="3" failures="0" errors="0" skipped="0">
    <testcase classname="fleetpolicy.validate.files" name="command line" time="0">
      <system-out>command line: warning FP298 may-drip
  why: it drips
  fix: shut it
  see: plumbing(8); fleetpolicy explain FP298
</system-out>
    </testcase>
    <testcase classname="fleetpolicy.validate.files" name="policies/gpü 1.yaml" time="0"/>
    <testcase classname="fleetpolicy.validate.files" name="policies/guests.yaml" time="0"/>
  </testsuite>
  <testsuite name="fleetpolicy.validate.hosts" tests="3" failures="2" errors="0" skipped="0">
    <testcase classname="fleetpolicy.validate.hosts" name="kvm-1" time="0">
{FAILURE}    </testcase>
    <testcase classname="fleetpolicy.validate.hosts" name="kvm-2" time="0">
{FAILURE}    </testcase>
    <testcase classname="fleetpolicy.validate.hosts" name="kvm-3" time="0"/>
  </testsuite>
  <testsuite name="fleetpolicy.validate.run" tests="1" failures="1" errors="0" skipped="0">
    <testcase classname="fleetpolicy.validate.run" name="result" time="0">
      <failure message="the result is invalid" type="finding">the result is invalid</failure>
      <system-out>hosts.yaml:3:0: FP298 may-drip, host kvm-3: \
silenced by Exception tap-3 until 2027-03-01 (plumbers, no part | yet)</system-out>
    </testcase>
  </testsuite>
</testsuites>
"""


def failures_of(product: Product) -> dict[str, str]:
    root = etree.fromstring(write_junit(product).encode())
    assert [suite.get("tests") for suite in root] == [str(len(suite)) for suite in root]
    assert root.get("tests") == str(len(root.findall(".//testcase")))
    assert root.get("failures") == str(len(root.findall(".//failure")))
    return {
        f"{case.get('classname')} {case.get('name')}": failure.get("message") or ""
        for case in root.iter("testcase")
        for failure in case.iter("failure")
    }


def test_write_junit_has_a_case_per_file_and_host(validated: Product) -> None:
    assert write_junit(validated) == VALIDATED


def test_write_junit_of_a_check_shows_the_first_error_and_no_forbidden_character(
    verified: Product,
) -> None:
    text = write_junit(verified)

    assert (
        '    <testcase classname="fleetpolicy.verify.checks.kvm-1" name="test_tap[a]" time="0">\n'
        '      <failure message="assert 1 == 2" type="finding">def test_tap():\n'
        "E   assert 1 == 2\n"
        "\N{REPLACEMENT CHARACTER}[31m]]&gt;&amp;</failure>\n"
        "    </testcase>\n"
    ) in text
    assert list(failures_of(verified)) == [
        "fleetpolicy.verify.checks.kvm-1 test_tap[a]",
        "fleetpolicy.verify.run result",
    ]


def test_write_junit_of_a_strict_run_fails_warnings(validated: Product) -> None:
    lax = failures_of(replace(validated, result="ok"))
    strict = failures_of(replace(validated, result="ok", strict=True))

    assert strict == {"fleetpolicy.validate.files command line": "FP298 may-drip", **lax}


def test_write_junit_of_drift_fails_whatever_its_severity(drifted: Product) -> None:
    assert failures_of(drifted) == {
        "fleetpolicy.drift.hosts kvm-2": "FP298 may-drip",
        "fleetpolicy.drift.run result": "the result is drift",
    }


def test_write_junit_of_a_plan_is_green_and_has_a_case(planned: Product) -> None:
    assert failures_of(planned) == {}
    assert failures_of(replace(planned, hosts=())) == {}


def test_write_junit_escapes_attributes(verified: Product) -> None:
    check = replace(verified.checks[0], name='a"<&>\n\t\r\0', message="x")

    text = write_junit(replace(verified, checks=(check,)))

    assert 'name="a&quot;&lt;&amp;&gt;&#10;&#9;&#13;\N{REPLACEMENT CHARACTER}"' in text


def test_write_junit_carries_lists_of_the_document(carrying: Product) -> None:
    assert "<system-out>parts: part: tap; sizes: 1, 2; spare: yes</system-out>" in write_junit(
        carrying
    )


@pytest.mark.parametrize("name", ["validated", "planned", "verified", "drifted", "carrying"])
def test_write_junit_is_read_alike_by_a_reader_of_others(
    name: str, readers: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(readers)
    text = write_junit(request.getfixturevalue(name))
    ours = etree.fromstring(text.encode())

    theirs = import_module("junitparser").JUnitXml.fromstring(text.encode())

    assert (theirs.tests, theirs.failures, theirs.errors) == (
        int(ours.get("tests") or -1),
        int(ours.get("failures") or -1),
        0,
    )
    assert [
        (suite.name, case.classname, case.name, [item.message for item in case.result])
        for suite in theirs
        for case in suite
    ] == [
        (
            suite.get("name"),
            case.get("classname"),
            case.get("name"),
            [item.get("message") for item in case.iter("failure")],
        )
        for suite in ours
        for case in suite
    ]
