from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load.places import Places, find_places
from fleetpolicy.load.settings import Settings


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir()
        else:
            path.write_text("")
    return folder


@pytest.mark.accepts("FP116")
@pytest.mark.parametrize("hosts", ["hosts.yaml", "hosts.yml", "hosts.ini", "hosts", "inventory/"])
def test_folder_of_a_fleet_holds_all_of_it(tmp_path: Path, hosts: str) -> None:
    fleet = make(tmp_path / "demo", hosts, "policies/", "facts/", "checks/")

    places = find_places(Settings(), fleet)

    assert places == Places(
        inventory=fleet / hosts.rstrip("/"),
        policies=(fleet / "policies",),
        facts=fleet / "facts",
        checks=fleet / "checks",
        default_facts=fleet / "facts",
    )


def test_fleet_without_records_says_where_they_would_go(tmp_path: Path) -> None:
    fleet = make(tmp_path / "demo", "hosts.yaml")

    places = find_places(Settings(), fleet)

    assert places == Places(fleet / "hosts.yaml", (), None, default_facts=fleet / "facts")


@pytest.mark.parametrize("named", ["all.ini", "sources/"])
def test_other_inventory_has_policies_and_facts_beside_it(tmp_path: Path, named: str) -> None:
    make(tmp_path, named, "policies/", "facts/")
    inventory = tmp_path / named.rstrip("/")

    places = find_places(Settings(), inventory)

    assert places == Places(
        inventory,
        (tmp_path / "policies",),
        tmp_path / "facts",
        default_facts=tmp_path / "facts",
    )


def test_command_line_wins_over_settings_and_settings_over_the_fleet(tmp_path: Path) -> None:
    fleet = make(tmp_path / "demo", "hosts.yaml", "policies/", "facts/")
    make(tmp_path, "shared/", "recorded/", "named/")
    settings = Settings(
        policies=(tmp_path / "shared",), facts=tmp_path / "recorded", inventory=fleet
    )

    by_settings = find_places(settings)
    by_words = find_places(settings, fleet, [tmp_path / "p.yaml"], tmp_path / "named")

    assert (by_settings.inventory, by_settings.policies, by_settings.facts) == (
        fleet / "hosts.yaml",
        (tmp_path / "shared",),
        tmp_path / "recorded",
    )
    assert (by_words.policies, by_words.facts) == ((tmp_path / "p.yaml",), tmp_path / "named")


def test_facts_folder_that_is_named_but_missing_is_not_replaced_by_a_look(tmp_path: Path) -> None:
    fleet = make(tmp_path / "demo", "hosts.yaml")

    places = find_places(Settings(), fleet, (), tmp_path / "fcats")

    assert (places.facts, places.default_facts) == (tmp_path / "fcats", tmp_path / "fcats")


def test_nothing_named_is_no_fleet() -> None:
    assert find_places(Settings()) == Places(None, (), None)


def test_policies_alone_need_no_inventory() -> None:
    places = find_places(Settings(), None, [Path("p.yaml")])

    assert (places.inventory, places.policies) == (None, (Path("p.yaml"),))


@pytest.mark.shows("FP116")
def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    fleet = make(tmp_path / "demo", "policies/", "file")

    told = []
    for inventory, facts in ((tmp_path / "absent", None), (fleet, fleet / "file")):
        with pytest.raises(FleetPolicyError) as caught:
            find_places(Settings(), inventory, (), facts)
        told += [
            f"{item.span}: {item.rule.name}: {item.why}; fix: {item.fix}"
            for item in caught.value.diagnostics
        ]

    assert [line.replace(f"{tmp_path}/", "") for line in told] == [
        (
            "absent: no-such-fleet: there is no such file or folder; "
            "fix: correct the path after -i, or the inventory of the settings"
        ),
        (
            "demo: no-such-fleet: the folder has none of hosts.yaml, hosts.yml, hosts.ini, hosts, "
            "inventory; fix: add hosts.yaml with the fleet's hosts"
        ),
        (
            "demo/file: no-such-fleet: facts are kept in a folder, and this is a file; "
            "fix: name the folder"
        ),
    ]
