import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.cache import cache_folder, cached
from fleetpolicy.emulate.room import cache_refusal, need_room

# Says that it began, then is killed in the middle of its work.
BUILDER = """
import sys, time
from fleetpolicy.emulate.cache import cached
def make(folder):
    folder.mkdir()
    (folder / "half").touch()
    print("began", flush=True)
    time.sleep(60)
cached("trees", "key", make)
"""


def test_folder_is_that_of_the_variable_or_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEETPOLICY_CACHE", "/srv/cache")
    chosen = cache_folder()
    monkeypatch.delenv("FLEETPOLICY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/me/cache")
    base = cache_folder()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")

    assert [str(item) for item in (chosen, base, cache_folder())] == [
        "/srv/cache",
        "/home/me/cache/fleetpolicy",
        "/home/me/.cache/fleetpolicy",
    ]


@pytest.mark.accepts("FP812")
def test_thing_is_made_once(cache: Path) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        place.write_text("content")

    places = [cached("files", "key", make) for _ in range(2)]

    assert places == [cache / "files" / "key"] * 2
    assert places[0].read_text() == "content"
    assert len(made) == 1


def test_thing_that_a_killed_process_left_half_made_is_made_anew(cache: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLEETPOLICY_CACHE": str(cache)},
    ) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "began\n"
        builder.send_signal(signal.SIGKILL)
    left = sorted(path.name for path in (cache / "trees").iterdir())

    def make(place: Path) -> None:
        place.mkdir()
        (place / "whole").touch()

    place = cached("trees", "key", make)

    assert left == [".key.lock", ".key.partial"]
    assert [path.name for path in place.iterdir()] == ["whole"]
    assert sorted(path.name for path in place.parent.iterdir()) == [".key.lock", ".key.seal", "key"]


@pytest.mark.parametrize("damage", ["cut off", "gone"])
def test_thing_that_was_damaged_is_made_anew(cache: Path, damage: str) -> None:
    def make(place: Path) -> None:
        place.mkdir()
        (place / "whole").write_text("content")

    place = cached("trees", "key", make)
    if damage == "gone":
        (place / "whole").unlink()
    else:
        (place / "whole").write_text("con")

    assert cached("trees", "key", make) == place

    assert (place / "whole").read_text() == "content"
    assert sorted(path.name for path in (cache / "trees").iterdir()) == [
        ".key.lock",
        ".key.seal",
        "key",
    ]


def test_thing_that_another_process_makes_is_waited_for(cache: Path) -> None:
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER.replace("sleep(60)", "sleep(0.5)")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLEETPOLICY_CACHE": str(cache)},
    ) as builder:
        assert builder.stdout is not None
        assert builder.stdout.readline() == "began\n"
        place = cached("trees", "key", Path.mkdir, said.append)

    assert [path.name for path in place.iterdir()] == ["half"]
    assert said == [
        f"waiting for process {builder.pid}, or what it started, to be done with {place}"
    ]


def test_thing_that_fails_to_be_made_is_not_there(cache: Path) -> None:
    def fail(place: Path) -> None:
        place.mkdir()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached("trees", "key", fail)

    assert not (cache / "trees" / "key").exists()


@pytest.mark.shows("FP812")
@pytest.mark.usefixtures("room")
def test_disk_that_is_full_is_a_finding(cache: Path) -> None:
    def make(place: Path) -> None:
        place.mkdir()
        with Path("/dev/full").open("wb") as full:
            full.write(b"x")
        place.touch()

    with pytest.raises(FleetPolicyError) as caught:
        cached("files", "key", make)

    (finding,) = caught.value.diagnostics
    place = cache / "files" / "key"
    assert (str(finding.span), finding.rule.id, finding.why) == (
        str(place),
        "FP812",
        f"{place}: No space left on device; 3 MiB are free in {place.parent}",
    )
    assert sorted(path.name for path in place.parent.iterdir()) == [".key.lock"]


@pytest.mark.shows("FP812")
@pytest.mark.usefixtures("room")
def test_disk_without_room_is_a_finding_before_the_work(cache: Path) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        need_room(cache, 1 << 60, cache_refusal)

    (finding,) = caught.value.diagnostics
    assert finding.rule.id == "FP812"
    why = f"1,099,511,627,776 MiB are needed, and 3 MiB are free in {cache}"
    assert (str(finding.span), finding.why) == (str(cache), why)
