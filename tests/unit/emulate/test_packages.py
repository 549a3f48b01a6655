import hashlib
import subprocess
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.apt import Package, read_uris
from fleetpolicy.emulate.packages import digest_of, fetch, unpack

CONTROL = (
    "Package: tiny\nVersion: 1:2-3\nArchitecture: all\nMaintainer: Nobody <>\nDescription: t\n"
)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """Return a package in the place of a mirror's."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    (tree / "usr").mkdir()
    (tree / "usr" / "tiny").write_text("content\n" * 1000)
    place = tmp_path / "tiny.deb"
    subprocess.run(["dpkg-deb", "-b", str(tree), str(place)], check=True, capture_output=True)
    return place


def package(path: Path) -> Package:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Package("tiny", "1:2-3", "all", digest, len(content), f"file:{path}")


@pytest.mark.accepts("FP811")
def test_uris_are_read_as_apt_prints_them() -> None:
    digest = "ab" * 32
    text = (
        "Reading package lists...\n"
        f"'http://mirror.example.org/pool/g++_1%3a2%2bb1_arm64.deb' g++_1%3a2+b1_arm64.deb 12 "
        f"SHA256:{digest}\n"
    )

    assert tuple(read_uris(text)) == (
        Package(
            name="g++",
            version="1:2+b1",
            arch="arm64",
            digest=digest,
            size=12,
            uri="http://mirror.example.org/pool/g++_1%3a2%2bb1_arm64.deb",
        ),
    )


def test_package_is_fetched_once_and_unpacked(mirror: Path, cache: Path, tmp_path: Path) -> None:
    said: list[str] = []
    wanted = package(mirror)

    (first,) = fetch((wanted,), said.append)
    mirror.unlink()
    (second,) = fetch((wanted,), said.append)
    unpack(first, tmp_path / "unpacked")

    assert first == second == cache / "packages" / f"{wanted.digest}.deb"
    assert said == ["fetching tiny 1:2-3 (1 of 1)"]
    assert (tmp_path / "unpacked" / "usr" / "tiny").read_text() == "content\n" * 1000


def test_package_that_was_cut_off_is_fetched_anew(mirror: Path, cache: Path) -> None:
    wanted = package(mirror)
    (cache / "packages").mkdir(parents=True)
    kept = cache / "packages" / f"{wanted.digest}.deb"
    kept.write_bytes(mirror.read_bytes()[:100])
    kept.with_suffix(".partial").write_bytes(mirror.read_bytes()[:50])

    (path,) = fetch((wanted,), lambda _: None)

    assert path.read_bytes() == mirror.read_bytes()


def test_package_that_was_changed_is_fetched_anew(mirror: Path, cache: Path) -> None:
    wanted = package(mirror)
    (kept,) = fetch((wanted,), lambda _: None)
    kept.write_bytes(mirror.read_bytes()[:-1] + b"x")

    (path,) = fetch((wanted,), lambda _: None)

    assert path.parent == cache / "packages"
    assert path.read_bytes() == mirror.read_bytes()


def test_package_with_other_content_is_refused(mirror: Path, cache: Path) -> None:
    wanted = package(mirror)
    mirror.write_bytes(mirror.read_bytes()[:-1] + b"x")

    with pytest.raises(FleetPolicyError) as caught:
        fetch((wanted,), lambda _: None)

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id) == ("tiny", "FP811")
    assert "Hash Sum mismatch" in finding.why
    assert list((cache / "packages").glob("*.deb")) == []


@pytest.mark.shows("FP811")
def test_file_that_is_no_package_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.deb"
    broken.write_bytes(b"!<arch>\n")

    with pytest.raises(FleetPolicyError) as caught:
        unpack(broken, tmp_path / "unpacked")

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id) == ("broken.deb", "FP811")


def test_key_of_packages_knows_no_order(mirror: Path) -> None:
    one = package(mirror)
    other = Package("other", "1", "all", "00" * 32, 1, "file:/other")

    assert digest_of((one, other)) == digest_of((other, one))
    assert digest_of((one,)) != digest_of((one,), "word")
