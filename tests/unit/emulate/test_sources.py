from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.sources import KEYRING, Mirror, configured_mirrors, source_lines

DEBIAN = Mirror("http://mirror.example.org/debian", "bookworm", KEYRING)
SECURITY = Mirror("http://mirror.example.org/debian-security", "bookworm-security", KEYRING)


def test_mirrors_of_deb822_sources_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "debian.sources").write_text(
        "# a comment\nTypes: deb deb-src\nURIs: http://mirror.example.org/debian/\n"
        "# another\nSuites: bookworm\n bookworm-updates\nComponents: main\nSigned-By: /keys.gpg\n"
        "\nTypes: deb\nURIs: http://vendor.example.org/apt\nSuites: nodistro\nComponents: main\n"
        "\nEnabled: no\nTypes: deb\nURIs: http://off.example.org/debian\nSuites: trixie\n"
        "Components: main\n"
    )

    assert configured_mirrors(tmp_path) == (
        Mirror("http://mirror.example.org/debian", "bookworm", "/keys.gpg"),
        Mirror("http://mirror.example.org/debian", "bookworm-updates", "/keys.gpg"),
    )


def test_mirrors_of_one_line_sources_are_found(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example.org/debian buster main\n"
        "deb [arch=amd64 signed-by=/keys.gpg] http://mirror.example.org/debian trixie main\n"
        "deb-src http://mirror.example.org/debian trixie main\n"
        "deb http://mirror.example.org/debian-security trixie-security main contrib\n"
    )

    assert configured_mirrors(tmp_path) == (
        Mirror("http://mirror.example.org/debian", "trixie", "/keys.gpg"),
        Mirror("http://mirror.example.org/debian-security", "trixie-security", KEYRING),
    )


def test_keys_within_the_sources_leave_debians_own_keyring(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (folder / "debian.sources").write_text(
        "Types: deb\nURIs: http://mirror.example.org/debian\nSuites: sid\nComponents: main\n"
        "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQIN\n"
    )

    assert configured_mirrors(tmp_path) == (
        Mirror("http://mirror.example.org/debian", "sid", KEYRING),
    )


def test_suite_that_is_not_configured_comes_from_the_same_archive() -> None:
    assert source_lines(("trixie", "trixie-security"), "arm64", (DEBIAN, SECURITY)) == (
        f"deb [arch=arm64 signed-by={KEYRING}] http://mirror.example.org/debian trixie main",
        (
            f"deb [arch=arm64 signed-by={KEYRING}] http://mirror.example.org/debian-security "
            "trixie-security main"
        ),
    )


@pytest.mark.accepts("FP810")
def test_suite_that_is_configured_comes_from_where_it_is() -> None:
    near = Mirror("http://near.example.org/debian", "trixie", KEYRING)

    assert source_lines(("trixie",), "arm64", (DEBIAN, near)) == (
        f"deb [arch=arm64 signed-by={KEYRING}] http://near.example.org/debian trixie main",
    )


@pytest.mark.shows("FP810")
def test_suite_without_a_mirror_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETPOLICY_APT", str(tmp_path))

    with pytest.raises(FleetPolicyError) as caught:
        source_lines(("trixie-security",), "arm64", (DEBIAN,))

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.rule.id, finding.why) == (
        str(tmp_path),
        "FP810",
        "no source there is a mirror of security updates, and trixie-security is needed",
    )
