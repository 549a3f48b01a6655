"""Write a product as JUnit XML: what was judged are test cases, findings their failures."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.plan import Check
from fleetpolicy.report.findings import group_findings, write_findings, write_silenced
from fleetpolicy.report.product import Product, flatten, headline

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTES = _ESCAPES | str.maketrans({'"': "&quot;", "\t": "&#9;", "\n": "&#10;"})


@dataclass(frozen=True, slots=True)
class _Case:
    """One test case; it failed if it has a failure.

    Args:
        failure: Headline of what is wrong.
        detail: All of it.
        remark: What is to be known though it is no failure.
    """

    suite: str
    name: str
    failure: str = ""
    detail: str = ""
    remark: str = ""


def write_junit(product: Product) -> str:
    """Return a suite each for files, hosts and checks, and a case for the run as a whole.

    A file's case fails by its findings, a host's by those about it; warnings are failures under
    --strict, else its output.

    Source:
        github.com/jenkinsci/xunit-plugin, junit-10.xsd
    """
    suites: dict[str, list[_Case]] = {}
    for case in _cases(product):
        suites.setdefault(case.suite, []).append(case)
    return "".join(line + "\n" for line in _document(product, suites))


def _cases(product: Product) -> Iterator[_Case]:
    files: dict[str, list[Diagnostic]] = {name: [] for name in product.files}
    hosts: dict[str, list[Diagnostic]] = {name: [] for name in product.hosts}
    for item in (*product.findings, *product.drift):
        about = [name for name in (item.subject.host, *item.subject.others) if name]
        for name in about:
            hosts.setdefault(name, []).append(item)
        if not about:
            files.setdefault(item.span.path, []).append(item)
    for suite, judged in (("files", files), ("hosts", hosts)):
        for name, findings in sorted(judged.items()):
            yield _judged(product, suite, name, findings)
    for check in product.checks:
        yield _checked(product, check)
    failure = f"the result is {product.result}" if product.is_bad else ""
    yield _Case("run", "result", failure, failure, "\n".join(_extra_lines(product)))


def _judged(product: Product, suite: str, name: str, findings: Iterable[Diagnostic]) -> _Case:
    grouped = group_findings(findings)
    drifted = {item.rule for item in product.drift}
    failed = [item for item in grouped if item.rule in drifted or product.fails(item)]
    others = [item for item in grouped if item not in failed]
    return _Case(
        suite,
        name,
        ", ".join(dict.fromkeys(f"{item.rule.id} {item.rule.name}" for item in failed)),
        write_findings(failed, product.profile),
        write_findings(others, product.profile),
    )


def _checked(product: Product, check: Check) -> _Case:
    """Return the case of a check, which its class names by the host."""
    found = write_findings(check.findings, product.profile)
    rules = ", ".join(dict.fromkeys(f"{item.rule.id} {item.rule.name}" for item in check.findings))
    failure = rules or headline(check.message)
    return _Case(f"checks.{check.host}", check.name, failure, found + check.message.strip())


def _extra_lines(product: Product) -> Iterator[str]:
    yield from write_silenced(product.silenced).splitlines()
    for name, rows in product.extras().items():
        for row in rows:
            said = "; ".join(f"{key}: {value}" for key, value in flatten(row).items())
            yield f"{name}: {said}"


def _document(product: Product, suites: dict[str, list[_Case]]) -> Iterator[str]:
    cases = [case for suite in suites.values() for case in suite]
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="fleetpolicy {_attribute(product.command)}" {_count(cases)}>'
    for suite, members in suites.items():
        classname = f"fleetpolicy.{product.command.replace(' ', '.')}.{suite}"
        yield f'  <testsuite name="{_attribute(classname)}" {_count(members)} skipped="0">'
        for case in members:
            yield from _case(classname, case)
        yield "  </testsuite>"
    yield "</testsuites>"


def _count(cases: list[_Case]) -> str:
    failed = sum(bool(case.failure) for case in cases)
    return f'tests="{len(cases)}" failures="{failed}" errors="0"'


def _case(classname: str, case: _Case) -> Iterator[str]:
    head = f'    <testcase classname="{_attribute(classname)}" name="{_attribute(case.name)}"'
    if not case.failure and not case.remark:
        yield f'{head} time="0"/>'
        return
    yield f'{head} time="0">'
    if case.failure:
        message = _attribute(case.failure)
        yield f'      <failure message="{message}" type="finding">{_text(case.detail)}</failure>'
    if case.remark:
        yield f"      <system-out>{_text(case.remark)}</system-out>"
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return _escape(text, _IN_ATTRIBUTES)


def _text(text: str) -> str:
    return _escape(text, _ESCAPES)


def _escape(text: str, escapes: dict[int, str]) -> str:
    """Return text for XML 1.0, whose forbidden characters become replacement characters."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text).translate(escapes)
