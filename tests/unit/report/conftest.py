"""Make products whose words every format must keep apart from its own."""

from dataclasses import replace

import pytest

from fleetpolicy.diagnostics import (
    Diagnostic,
    Profile,
    Rule,
    Severity,
    Span,
    Subject,
    Waiver,
)
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.plan import Check, FileAction, HostPlan, Plan, Verb
from fleetpolicy.report.colour import Palette
from fleetpolicy.report.document import findings_document, silenced_document
from fleetpolicy.report.product import Product

LEAK = Rule("FP299", "drops-water", Severity.ERROR, "Taps are shut.", "plumbing(8)")
DRIP = Rule("FP298", "may-drip", Severity.WARNING, "Taps are tight.", "plumbing(8)")


LEAKS = LEAK.at(
    Span("policies/gpü 1.yaml", 14, 18),
    why='100% of a|b `c` <d> & "e"\nsecond: line, end',
    fix="shut @team's #1 tap",
    subject=Subject("kvm-1", ("kvm-2",), "0000:01:00.0", "facts/a.json, 2026-08-20"),
)
DRIPS = DRIP.at(Span("command line"), why="it drips", fix="shut it")
WAIVED = replace(
    DRIP.at(Span("hosts.yaml", 3), why="it drips", fix="shut it", subject=Subject(host="kvm-3")),
    waiver=Waiver("tap-3", "2027-03-01", "plumbers", "no part | yet", Span("ex.yaml", 2, 1)),
)
ACTION = FileAction(
    Verb.CHANGE,
    "/etc/modprobe.d/fleetpolicy.conf",
    ArtifactKind.MODULE_OPTIONS,
    "1" * 64,
    "2" * 64,
    0o644,
    "",
    (Span("policies/fleet.yaml", 9, 16),),
)


def silent(palette: Palette) -> str:
    del palette
    return ""


@pytest.fixture
def validated() -> Product:
    findings: tuple[Diagnostic, ...] = (LEAKS, DRIPS)
    return Product(
        "validate",
        "invalid",
        silent,
        lambda: {
            "findings": findings_document(findings, Profile.SAFETY),
            "silenced": silenced_document((WAIVED,), Profile.SAFETY),
        },
        findings=findings,
        silenced=(WAIVED,),
        hosts=("kvm-1", "kvm-2", "kvm-3"),
        files=("policies/gpü 1.yaml", "policies/guests.yaml"),
        folder="/srv/fleet",
        rules=lambda: (LEAK, DRIP),
    )


@pytest.fixture
def planned() -> Product:
    hosts = tuple(
        HostPlan(name, (ACTION,), ("module parameters: a changed",), ("`t`|",), "", "6.12", "{}")
        for name in ("kvm-1", "kvm-2")
    )
    blobs = {"1" * 64: "options a=0\n", "2" * 64: "# ```\noptions a=1\n"}
    plan = Plan("f" * 64, "e" * 64, "hosts.yaml", hosts, blobs)
    return Product("plan", "changes", silent, dict, hosts=("kvm-1", "kvm-2"), plan=plan)


@pytest.fixture
def verified() -> Product:
    message = "def test_tap():\nE   assert 1 == 2\n\x1b[31m]]>&\n"
    checks = (Check("kvm-1", "test_tap[a]", (), message), Check("kvm-2", "test_tap[b]", ()))
    return Product("verify", "failed", silent, dict, hosts=("kvm-1", "kvm-2"), checks=checks)


@pytest.fixture
def drifted() -> Product:
    found = (DRIP.at(Span("a.yaml", 1, 1), why="it drips", fix="-", subject=Subject("kvm-2")),)
    return Product("drift", "drift", silent, dict, drift=found, hosts=("kvm-1", "kvm-2"))


@pytest.fixture
def carrying() -> Product:
    """Return a product with a list that no format knows by name."""
    rows = [{"part": "tap", "sizes": [1, 2], "spare": True, "note": ""}]
    return Product("validate", "ok", silent, lambda: {"parts": rows})
