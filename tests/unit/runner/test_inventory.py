import os
from dataclasses import replace
from pathlib import Path

import pytest

from fleetpolicy.runner import InventoryRequest, read_inventory
from fleetpolicy.runner.inventory import InventoryReading
from fleetpolicy.runner.inventory_cache import InventoryCache

HOSTS = "all:\n  hosts:\n    a:\n    b:\n"


@pytest.fixture
def request_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InventoryRequest:
    """Return a request for two hosts, with a cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    (fleet / "hosts.yaml").write_text(HOSTS)
    return InventoryRequest(fleet / "hosts.yaml")


def cache_of(request: InventoryRequest) -> InventoryCache:
    cache = InventoryCache.of(request, request.encode())
    assert cache
    return cache


def test_cache_keeps_what_was_saved(request_of: InventoryRequest) -> None:
    cache_of(request_of).save(b"{}")

    assert cache_of(request_of).load() == b"{}"


def test_cache_of_another_limit_is_another(request_of: InventoryRequest) -> None:
    cache_of(request_of).save(b"{}")

    assert cache_of(replace(request_of, limit="a")).load() is None


@pytest.mark.parametrize(
    "name", ["hosts.yaml", "group_vars/all.yaml", "group_vars/all/more", "host_vars/a.yaml"]
)
def test_cache_after_a_changed_file_is_another(request_of: InventoryRequest, name: str) -> None:
    before = cache_of(request_of)
    path = request_of.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)

    path.write_text("changed: 1\n")

    assert cache_of(request_of) != before


def test_cache_after_a_changed_mode_is_another(request_of: InventoryRequest) -> None:
    before = cache_of(request_of)

    request_of.source.chmod(0o755)

    assert cache_of(request_of) != before


def test_cache_after_changed_settings_of_ansible_is_another(
    request_of: InventoryRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_CONFIG", str(tmp_path / "site.cfg"))
    before = cache_of(request_of)

    (tmp_path / "site.cfg").write_text("[defaults]\nhash_behaviour = merge\n")

    assert cache_of(request_of) != before


def test_cache_of_a_folder_ignores_what_is_no_inventory(request_of: InventoryRequest) -> None:
    folder = request_of.folder
    request = InventoryRequest(folder, ignored=(folder / "facts",))
    before = cache_of(request)
    (folder / "facts").mkdir()
    (folder / ".lab").mkdir()

    (folder / "facts" / "a.json").write_text("{}")
    (folder / ".lab" / "disk").write_text("")

    assert cache_of(request) == before


def test_cache_of_a_pipe_is_none(request_of: InventoryRequest) -> None:
    pipe = request_of.folder / "pipe"
    os.mkfifo(pipe)

    assert InventoryCache.of(InventoryRequest(pipe), b"") is None


def test_cache_that_is_damaged_is_ignored(request_of: InventoryRequest) -> None:
    cache = cache_of(request_of)
    cache.save(b'{"names": ["a"]}')
    kept = cache.path.read_bytes()

    cache.path.write_bytes(kept.replace(b"a", b"b"))

    assert cache.load() is None


def test_cache_drops_the_oldest_readings(request_of: InventoryRequest) -> None:
    caches = [cache_of(replace(request_of, limit=f"host{number}")) for number in range(20)]
    for number, cache in enumerate(caches):
        cache.save(b"{}")
        os.utime(cache.path, (number, number))

    caches[0].save(b"{}")

    assert [cache.load() is not None for cache in caches] == [True] + [False] * 4 + [True] * 15


def test_cache_that_cannot_be_written_is_no_error(
    request_of: InventoryRequest, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")

    cache_of(request_of).save(b"{}")

    assert cache_of(request_of).load() is None


@pytest.mark.ansible
def test_read_inventory_of_static_files_asks_ansible_once(request_of: InventoryRequest) -> None:
    request = replace(request_of, limit="a", patterns=("b", "~^[ab]$"))

    first = read_inventory(request)

    assert first.names == ("a", "b")
    assert first.groups == ("all", "ungrouped")
    assert first.patterns == {"b": (1,), "~^[ab]$": (0, 1)}
    assert [host.name for host in first.hosts] == ["a"]
    assert first.static
    cache = cache_of(request)
    marked = (cache.load() or b"").replace(b'"ungrouped"', b'"from the cache"')
    cache.save(marked)
    assert read_inventory(request).groups == ("all", "from the cache")


@pytest.mark.ansible
def test_read_inventory_with_a_kept_reading_of_another_form_reads_anew(
    request_of: InventoryRequest,
) -> None:
    cache_of(request_of).save(b"[1, 2]")

    reading = read_inventory(request_of)

    assert reading.names == ("a", "b")
    assert cache_of(request_of).load() != b"[1, 2]"


@pytest.mark.ansible
def test_read_inventory_of_a_script_is_not_kept(request_of: InventoryRequest) -> None:
    script = request_of.folder / "hosts.sh"
    script.write_text('#!/bin/sh\necho \'{"gh": {"hosts": ["gh-01"]}}\'\n')
    script.chmod(0o755)
    request = InventoryRequest(script)

    reading = read_inventory(request)

    assert reading.names == ("gh-01",)
    assert not reading.static
    assert cache_of(request).load() is None


@pytest.mark.ansible
def test_read_inventory_without_ansible_says_what_stopped_it(
    request_of: InventoryRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_INVENTORY_ENABLED", "no_such_plugin")
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")

    reading = read_inventory(request_of)

    assert [item.kind for item in reading.errors] == ["crashed"]
    assert reading == InventoryReading(errors=reading.errors)
