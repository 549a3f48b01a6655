"""The schemas that domains are judged by without libvirt say what libvirt itself says."""

import subprocess
from pathlib import Path

import pytest

from fleetpolicy.admit.grammar import Grammar
from fleetpolicy.admit.schemas import INSTALLED, find_schemas
from tests.integration.consumers.programs import needs
from tests.integration.libvirt.driver import fit, judge, tell_apart
from tests.integration.libvirt.goldens import CASES, GOLDEN, libvirt_of
from tests.integration.libvirt.stacks import Stack, installed

REFUSED = "failed to validate against schema"
TRACES = ("devices/hostdev", "devices/iommu", "devices/controller")


@pytest.mark.libvirt
def test_schemas_of_a_libvirt_refuse_the_domains_that_it_refuses(stack: Stack) -> None:
    grammar = Grammar(stack.root / str(INSTALLED).lstrip("/"))
    sent = tell_apart([fit(path.read_text()) for path in GOLDEN])

    judged = judge(stack, sent)

    for path, domain, one in zip(GOLDEN, sent, judged, strict=True):
        faults = grammar.faults(domain)
        place = str(path.relative_to(CASES))
        assert (place, bool(faults)) == (place, REFUSED in one.said)
        assert all(fault.path.startswith(TRACES) for fault in faults), faults


@pytest.mark.libvirt
@pytest.mark.parametrize("path", GOLDEN, ids=[str(path.relative_to(CASES)) for path in GOLDEN])
def test_domain_of_a_case_is_judged_alike_by_virt_xml_validate(path: Path) -> None:
    needs("xmllint")
    done = subprocess.run(
        [needs("virt-xml-validate"), path, "domain"], capture_output=True, text=True, check=False
    )

    faults = Grammar(INSTALLED).faults(path.read_text())

    assert (done.returncode == 0) == (faults == ()), done.stderr
    assert not faults or libvirt_of(path) > installed().libvirt


@pytest.mark.libvirt
def test_installed_schemas_are_told_by_the_version_of_libvirt() -> None:
    (found,) = find_schemas(None)

    assert found.version == installed().libvirt
