import subprocess
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.deb import open_files, read_control

CONTROL = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <>\nDescription: t\n"
FILES = ("first", "second", "third")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Return a package whose files are not compressed."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    for name in FILES:
        (tree / name).write_bytes(name.encode() * 1000)
    place = tmp_path / "tiny.deb"
    command = ["dpkg-deb", "-Znone", "-b", str(tree), str(place)]
    subprocess.run(command, check=True, capture_output=True)
    return place


def names(package: Path) -> list[str]:
    with open_files(package) as members:
        return [member.name for member in members]


def test_files_of_a_package_are_read(package: Path) -> None:
    assert names(package) == [".", *(f"./{name}" for name in FILES)]
    assert read_control(package)["control"] == CONTROL.encode()


@pytest.mark.parametrize("where", ["between members", "within a member"])
def test_package_that_was_cut_off_is_refused(package: Path, where: str) -> None:
    data = package.read_bytes()
    header = data.index(b"./third\0")
    package.write_bytes(data[: header if where == "between members" else header + 600])

    with pytest.raises(FleetPolicyError) as caught:
        names(package)

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id) == (str(package), "FP811")
    assert finding.why.startswith("dpkg-deb cannot read it: ")
