"""Fuzz what reads files from outside, guided by coverage; `make fuzz` runs it.

python tests/fuzz/atheris_loader.py TARGET [libFuzzer's options] CORPUS...

Targets: policy, record, settings, plan, template. An input fails if it ends in anything but
findings, or if a finding is not fit to be read. libFuzzer's -timeout and -rss_limit_mb add the
limits of time and memory.
"""

import gzip
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris  # type: ignore[import-untyped,unused-ignore]  # in a venv of its own

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
with atheris.instrument_imports(include=["fleetpolicy", "yaml"]):
    from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
    from fleetpolicy.load import policy, records, settings, source
    from fleetpolicy.load.files import PolicyFile
    from fleetpolicy.load.validation import judge
    from fleetpolicy.model.template import Template
    from fleetpolicy.plan import parse_plan
    from fleetpolicy.render.rules import TEMPLATE_UNUSABLE
    from fleetpolicy.render.template import Fault, read_template
    from fleetpolicy.render.xml import write_xml

LONGEST = 4_000


def fuzz_policy(data: bytes) -> Iterable[Diagnostic]:
    shelf = policy._Shelf()
    policy._read_documents(PolicyFile("fuzz.yaml", "fuzz.yaml", data), shelf)
    policy._check_fleets(shelf, [Path("fuzz.yaml")])
    for entry in shelf.entries:
        assert entry.located.span.line > 0
    return shelf.findings


def fuzz_record(data: bytes) -> Iterable[Diagnostic]:
    record = records.parse_record(data, Span("fuzz.json"))
    again = records.parse_record(records.dump_record(record), Span("fuzz.json"))
    assert again.facts == record.facts
    return ()


def fuzz_settings(data: bytes) -> Iterable[Diagnostic]:
    read = source.parse_source(data, "fleetpolicy.yaml")
    judged = (judge(document, settings.SettingsDocument) for document in read.documents)
    return (*read.findings, *(finding for _, findings in judged for finding in findings))


def fuzz_plan(data: bytes) -> Iterable[Diagnostic]:
    packed = data if data[:2] == b"\x1f\x8b" else gzip.compress(data, 1, mtime=0)
    parse_plan(packed, Span("fuzz.fpz"))
    return ()


def fuzz_template(data: bytes) -> Iterable[Diagnostic]:
    found = read_template(Template("fuzz.xml", data, ""))
    if not isinstance(found, Fault):
        assert read_template(Template("again.xml", write_xml(found).encode(), "")) == found
        return ()
    place = Span("fuzz.xml", found.line, 1)
    return (TEMPLATE_UNUSABLE.at(place, why=found.why, fix=found.fix),)


TARGETS = {
    "policy": fuzz_policy,
    "record": fuzz_record,
    "settings": fuzz_settings,
    "plan": fuzz_plan,
    "template": fuzz_template,
}


def guard(target: Callable[[bytes], Iterable[Diagnostic]]) -> Callable[[bytes], None]:
    """Return the target with a judgement on every finding that it leaves."""

    def fuzz(data: bytes) -> None:
        try:
            findings = target(data)
        except FleetPolicyError as error:
            findings = error.diagnostics
            assert findings, "stopped without a finding"
        for finding in findings:
            complaint = complain(finding)
            assert not complaint, f"{complaint}: {finding}"

    return fuzz


def complain(finding: Diagnostic) -> str:
    """Return what makes a finding unfit to be read; empty if nothing does."""
    for text in (finding.rule.id, str(finding.span), finding.why, finding.fix):
        if not text.strip():
            return "a part is empty"
        if not text.replace("\n", "").isprintable():
            return "a part cannot be printed"
        if len(text) > LONGEST:
            return f"a part has {len(text)} characters"
    return ""


if __name__ == "__main__":
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, guard(TARGETS[name]))
    atheris.Fuzz()
