import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import kernels
from fleetpolicy.emulate.apt import Apt, not_to_be_had
from fleetpolicy.emulate.kernels import find_kernel, release_order


def test_releases_are_sorted_by_their_numbers() -> None:
    releases = [
        "6.12.117+deb13-arm64",
        "7.3.4+deb13-arm64",
        "6.1.0-9-arm64",
        "6.12.95+deb12-arm64",
        "6.1.0-50-arm64",
        "6.12.95+deb13.1-arm64",
    ]

    assert sorted(releases, key=release_order) == [
        "6.1.0-9-arm64",
        "6.1.0-50-arm64",
        "6.12.95+deb12-arm64",
        "6.12.95+deb13.1-arm64",
        "6.12.117+deb13-arm64",
        "7.3.4+deb13-arm64",
    ]


@pytest.mark.shows("FP811")
def test_kernel_that_no_suite_has_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Apt, "update", lambda *_: None)
    monkeypatch.setattr(kernels, "_releases", lambda *_: ())

    with pytest.raises(FleetPolicyError):
        find_kernel("5.4")


@pytest.mark.shows("FP811")
def test_package_that_apt_says_nothing_of_is_a_finding() -> None:
    assert not_to_be_had("linux-image", "W: odd\n").diagnostics[0].span.path == "linux-image"


@pytest.mark.shows("FP811")
def test_newest_kernel_is_none_of_an_older_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    def releases(apt: Apt, *_: str) -> list[str]:
        return ["6.1.0-50-arm64"] if apt.suites == ("bookworm",) else []

    monkeypatch.setattr(Apt, "update", lambda *_: None)
    monkeypatch.setattr(kernels, "_releases", releases)

    with pytest.raises(FleetPolicyError) as caught:
        find_kernel("newest")

    (finding,) = caught.value.diagnostics
    assert finding.why == "trixie, trixie-backports have no such kernel"
