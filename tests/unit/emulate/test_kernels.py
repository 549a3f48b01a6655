from fleetpolicy.emulate.kernels import release_order


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
