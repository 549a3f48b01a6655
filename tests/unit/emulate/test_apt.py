import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.apt import Apt
from fleetpolicy.emulate.packages import fetch

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is not installed")

PACKAGES = {
    "linux-image-6.1.0-arm64": "Depends: small (>= 1)\n",
    "linux-image-6.12.1-arm64": "Depends: missing\n",
    "small": "",
}


@pytest.fixture
def apt(tmp_path: Path) -> Apt:
    """Return apt's view of a mirror of three packages for another architecture."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    index = ""
    for name, depends in PACKAGES.items():
        tree = tmp_path / name / "DEBIAN"
        tree.mkdir(parents=True)
        control = (
            f"Package: {name}\nVersion: 1:2.0+b1\nArchitecture: arm64\nMaintainer: Nobody <>\n"
            f"{depends}Description: a package\n"
        )
        (tree / "control").write_text(control)
        path = mirror / f"{name}.deb"
        command = ["dpkg-deb", "-b", str(tree.parent), str(path)]
        subprocess.run(command, check=True, capture_output=True)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        index += f"{control}Filename: {path.name}\nSize: {path.stat().st_size}\n"
        index += f"SHA256: {digest}\n\n"
    lists = mirror / "dists" / "trixie" / "main" / "binary-arm64"
    lists.mkdir(parents=True)
    (lists / "Packages").write_text(index)
    digest = hashlib.sha256(index.encode()).hexdigest()
    (mirror / "dists" / "trixie" / "Release").write_text(
        "Codename: trixie\nSuite: stable\nArchitectures: arm64\nComponents: main\nSHA256:\n"
        f" {digest} {len(index)} main/binary-arm64/Packages\n"
    )
    found = Apt(("trixie",), "arm64")
    found._lay_out((f"deb [trusted=yes] file:{mirror} trixie main",))
    done = found._run("apt-get", "-q", "update")
    assert done.returncode == 0, done.stderr
    return found


def test_packages_are_resolved_with_what_they_depend_on(apt: Apt) -> None:
    packages = apt.resolve(("linux-image-6.1.0-arm64",))

    assert [(item.name, item.version, item.arch) for item in packages] == [
        ("linux-image-6.1.0-arm64", "1:2.0+b1", "arm64"),
        ("small", "1:2.0+b1", "arm64"),
    ]
    paths = fetch(packages, lambda _: None)
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == [
        item.digest for item in packages
    ]


def test_package_is_found_without_what_it_depends_on(apt: Apt) -> None:
    assert [item.name for item in apt.find(("linux-image-6.12.1-arm64",))] == [
        "linux-image-6.12.1-arm64"
    ]


def test_names_and_fields_of_the_lists_are_shown(apt: Apt) -> None:
    assert apt.names("linux-image-6.1") == (
        "linux-image-6.1.0-arm64",
        "linux-image-6.12.1-arm64",
    )
    (shown,) = apt.show("linux-image-6.1.0-arm64")
    assert shown["Depends"] == "small (>= 1)"


def test_system_is_left_alone(apt: Apt, cache: Path) -> None:
    text = (apt.folder / "apt.conf").read_text()

    assert f'Dir::State::Status "{cache}/apt/trixie_arm64/status";' in text
    assert (apt.folder / "status").read_bytes() == b""


@pytest.mark.parametrize("name", ["linux-image-6.12.1-arm64", "linux-image-5.4"])
def test_package_that_cannot_be_had_is_reported(apt: Apt, name: str) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        apt.resolve((name,))

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id) == (name, "FP811")
    assert name in finding.why


def test_suite_without_lists_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sources.list").write_text(f"deb file:{tmp_path}/none trixie main\n")
    monkeypatch.setenv("FLEETPOLICY_APT", str(tmp_path))

    with pytest.raises(FleetPolicyError) as caught:
        Apt(("trixie",), "arm64").update()

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id) == ("the lists of trixie", "FP811")
