"""Read the templates of guests, and let them count for the revision."""

from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import load_policies

FLEET = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
GUEST = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {name: NAME}
spec: {host: a, vcpus: 2, memory: 4GiB, template: ../templates/base.xml}
"""


def write(folder: Path, template: str | None) -> Path:
    policies = folder / "policies"
    policies.mkdir(exist_ok=True)
    (folder / "templates").mkdir(exist_ok=True)
    guests = GUEST.replace("NAME", "one") + GUEST.replace("NAME", "two")
    (policies / "guests.yaml").write_text(FLEET + guests)
    if template is not None:
        (folder / "templates/base.xml").write_text(template)
    return policies


def test_template_is_read_from_the_folder_of_its_policy(tmp_path: Path) -> None:
    policy, _ = load_policies([write(tmp_path, "<domain/>")])

    assert sorted(policy.templates) == ["one", "two"]
    assert policy.templates["one"].data == b"<domain/>"
    assert policy.templates["one"].path == str(tmp_path / "policies/../templates/base.xml")


def test_template_that_changes_is_another_revision(tmp_path: Path) -> None:
    first, _ = load_policies([write(tmp_path, "<domain/>")])
    second, _ = load_policies([write(tmp_path, "<domain />")])

    assert first.revision != second.revision
    assert first.templates["one"].digest != second.templates["one"].digest


@pytest.mark.shows("FP101")
def test_template_that_is_missing_is_told_of_each_guest(tmp_path: Path) -> None:
    folder = write(tmp_path, None)

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([folder])

    found = [
        (item.span.line, item.span.column, item.rule.id, item.why.replace(str(tmp_path), ""))
        for item in caught.value.diagnostics
    ]
    why = "/policies/../templates/base.xml: there is no such file"
    assert found == [(9, 51, "FP101", why), (14, 51, "FP101", why)]


@pytest.mark.parametrize("path", ["/etc/base.xml", "", "a\\x01b"])
def test_template_outside_of_the_repository_by_name_is_refused(tmp_path: Path, path: str) -> None:
    folder = write(tmp_path, "<domain/>")
    text = (folder / "guests.yaml").read_text().replace("../templates/base.xml", f'"{path}"')
    (folder / "guests.yaml").write_text(text)

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([folder])

    assert {item.rule.id for item in caught.value.diagnostics} == {"FP112"}
