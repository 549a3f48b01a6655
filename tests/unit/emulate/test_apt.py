import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import apt as apt_module
from fleetpolicy.emulate.apt import Apt, not_to_be_had
from fleetpolicy.emulate.packages import fetch

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is not installed")

PACKAGES = {
    "linux-image-6.1.0-arm64": "Depends: small (>= 1)\n",
    "linux-image-6.12.1-arm64": "Depends: missing\n",
    "small": "",
}


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
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
    # Nobody signed it.
    line = f"deb [trusted=yes] copy:{mirror} trixie main"
    monkeypatch.setattr(apt_module, "source_lines", lambda *_: (line,))
    found = Apt(("trixie",), "arm64")
    found.update()
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


def test_cache_that_was_moved_is_used_where_it_is(
    apt: Apt, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.rename(tmp_path / "moved")
    monkeypatch.setenv("FLEETPOLICY_CACHE", str(tmp_path / "moved"))
    moved = Apt(apt.suites, apt.arch)
    said: list[str] = []

    moved.update(said.append)

    assert said == []
    assert len(moved.names("linux-image-")) == 2


LISTS = "reading the package lists of trixie (arm64)"
KEPT = "the mirror did not answer; the lists of an earlier day are used"


def test_lists_of_the_last_day_are_not_fetched_again(apt: Apt) -> None:
    said: list[str] = []

    apt.update(said.append)

    assert said == []


@pytest.mark.parametrize("size", [0, 40], ids=["emptied", "cut off"])
def test_lists_that_were_cut_off_are_fetched_again(apt: Apt, size: int) -> None:
    (packages,) = (apt.folder / "lists").glob("*_Packages")
    os.truncate(packages, size)
    said: list[str] = []

    apt.update(said.append)

    assert said == [LISTS]
    assert len(apt.names("linux-image-")) == 2


def test_lists_of_another_mirror_are_used_when_the_new_one_does_not_answer(
    apt: Apt, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "deb [trusted=yes] http://127.0.0.1:9/debian trixie main"
    monkeypatch.setattr(apt_module, "source_lines", lambda *_: (line,))
    said: list[str] = []

    apt.update(said.append)

    assert said == [LISTS, KEPT]
    assert len(apt.names("linux-image-")) == 2


def test_lists_that_were_cut_off_and_cannot_be_fetched_are_a_finding(
    apt: Apt, monkeypatch: pytest.MonkeyPatch
) -> None:
    (packages,) = (apt.folder / "lists").glob("*_Packages")
    os.truncate(packages, 40)
    line = "deb [trusted=yes] http://127.0.0.1:9/debian trixie main"
    monkeypatch.setattr(apt_module, "source_lines", lambda *_: (line,))

    with pytest.raises(FleetPolicyError) as caught:
        apt.update()

    (finding,) = caught.value.diagnostics
    assert str(finding.span) == "the lists of trixie"
    assert "Could not connect to 127.0.0.1:9 (127.0.0.1)" in finding.why


@pytest.mark.shows("FP812")
@pytest.mark.usefixtures("room")
def test_disk_that_was_full_is_told_from_a_mirror_that_lacks_something(cache: Path) -> None:
    cache.mkdir()
    said = "dpkg-deb: error: archive is odd\ntar: ./usr: Cannot write: No space left on device\n"

    (finding,) = not_to_be_had("tiny", said).diagnostics

    assert finding.why == (
        f"tiny: tar: ./usr: Cannot write: No space left on device; 3 MiB are free in {cache}"
    )


@pytest.mark.shows("FP811")
def test_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FleetPolicyError) as caught:
        Apt(("trixie",), "arm64").update()

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.why, finding.fix) == (
        "apt-config, apt-get, apt-cache, dpkg-deb",
        "this machine has no such program",
        "run this on Debian, or its like",
    )
