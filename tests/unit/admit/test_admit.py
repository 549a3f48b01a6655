import sys
from pathlib import Path

import pytest

from fleetpolicy.admit import admit
from fleetpolicy.admit import schemas as schemas_module
from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError
from fleetpolicy.render import render
from tests.unit.admit.schemafiles import write_lax_schemas
from tests.unit.render.fleets import NEW_LIBVIRT, gpu_policy, resolved


def found(folder: Path, named: Path | None) -> tuple[Diagnostic, ...]:
    """Return what the schemas have against the domain of a Grace guest under libvirt 12.8.0."""
    fleet = resolved(folder, gpu_policy(), **NEW_LIBVIRT)
    rendering, _ = render(fleet)
    return admit(fleet, rendering, named)


@pytest.mark.accepts("FP440", "FP441", "FP442")
def test_domain_that_is_admitted_is_no_finding(tmp_path: Path) -> None:
    schemas = write_lax_schemas(tmp_path / "schemas" / "12.8.0")

    assert found(tmp_path, schemas.parent) == ()


@pytest.mark.shows("FP440")
def test_domain_that_is_not_admitted_is_refused_with_its_line(tmp_path: Path) -> None:
    schemas = write_lax_schemas(tmp_path / "schemas", without="acpi")
    fleet = resolved(tmp_path, gpu_policy(), **NEW_LIBVIRT)
    rendering, _ = render(fleet)
    lines = rendering.domains["gh-01"][0].content.splitlines()

    findings = admit(fleet, rendering, schemas)

    first, second = (n for n, line in enumerate(lines, 1) if "<acpi" in line)
    assert [finding.rule.id for finding in findings] == ["FP440", "FP440"]
    assert findings[0].why == (
        f"line {first} of /etc/libvirt/qemu/trainer.xml, features/acpi: it is not admitted there, "
        f"or lacks something; says {schemas}/domain.rng (libvirt of unknown version)"
    )
    assert f"line {second} " in findings[1].why
    assert "devices/hostdev/acpi" in findings[1].why
    assert findings[0].fix == (
        "change what causes it in guest trainer or its template; "
        "fleetpolicy render --host gh-01 shows the file"
    )
    assert findings[0].subject.host == "gh-01"


@pytest.mark.shows("FP441")
def test_domain_beyond_older_schemas_is_not_judged(tmp_path: Path) -> None:
    schemas = write_lax_schemas(tmp_path / "schemas" / "9.0.0", without="acpi")

    (finding,) = found(tmp_path, schemas.parent)

    assert (finding.rule.id, finding.why, finding.fix) == (
        "FP441",
        (
            f"guest trainer is for libvirt 12.8.0, and the schemas in {schemas} (libvirt 9.0.0) "
            "are older and do not know all of it"
        ),
        (
            "install the schemas of libvirt 12.8.0 here, or name the folder of its release with "
            "--libvirt-schemas"
        ),
    )


@pytest.mark.shows("FP441")
def test_domain_that_newer_schemas_admit_is_not_judged(tmp_path: Path) -> None:
    schemas = write_lax_schemas(tmp_path / "schemas" / "13.0.0")

    (finding,) = found(tmp_path, schemas.parent)

    assert finding.why == (
        f"guest trainer is for libvirt 12.8.0, and the schemas in {schemas} (libvirt 13.0.0) are "
        "newer and may know more"
    )


@pytest.mark.shows("FP441")
def test_domain_is_not_judged_where_no_schemas_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas_module, "INSTALLED", tmp_path / "missing")

    (finding,) = found(tmp_path, None)

    assert (finding.rule.id, finding.why) == (
        "FP441",
        "there is no domain.rng, so no domain was judged by libvirt's schemas",
    )


@pytest.mark.shows("FP441")
def test_domain_is_not_judged_without_lxml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas_module, "INSTALLED", write_lax_schemas(tmp_path / "schemas"))
    monkeypatch.setitem(sys.modules, "lxml", None)

    (finding,) = found(tmp_path, None)

    assert (finding.rule.id, finding.why, finding.fix) == (
        "FP441",
        "lxml is not installed, so no domain was judged by them",
        "run: python -m pip install 'fleetpolicy[schemas]'",
    )


@pytest.mark.shows("FP442")
def test_schemas_that_are_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(FleetPolicyError):
        found(tmp_path, tmp_path / "missing")


@pytest.mark.shows("FP442")
def test_schemas_that_are_named_need_lxml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lxml", None)

    with pytest.raises(FleetPolicyError) as raised:
        found(tmp_path, write_lax_schemas(tmp_path / "schemas"))

    (finding,) = raised.value.diagnostics
    assert (finding.rule.id, finding.why) == (
        "FP442",
        "lxml is not installed, so no domain was judged by them",
    )


def test_fleet_without_domains_needs_no_schemas(tmp_path: Path) -> None:
    fleet = resolved(tmp_path, gpu_policy().rsplit("---", 1)[0], **NEW_LIBVIRT)
    rendering, _ = render(fleet)

    assert admit(fleet, rendering, tmp_path / "missing") == ()


@pytest.mark.shows("FP442")
def test_schemas_that_lack_what_they_include_are_refused(tmp_path: Path) -> None:
    (tmp_path / "domain.rng").write_text(
        '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="no.rng"/></grammar>'
    )

    with pytest.raises(FleetPolicyError):
        found(tmp_path, tmp_path)
