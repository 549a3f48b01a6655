import os
import shutil
import stat
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.access import make_keys
from fleetpolicy.emulate.hostfolder import HostFolder
from fleetpolicy.emulate.hosts import left_behind, status, switch_off
from fleetpolicy.emulate.image import Image
from fleetpolicy.emulate.process import find
from fleetpolicy.emulate.programs import Programs
from fleetpolicy.model.emulated import EmulatedHost
from tests.unit.emulate.emulators import answering

RELEASE = "6.12.1-arm64"
MARKER = f'{{"format": "fleetpolicy emulated host 1", "releases": ["{RELEASE}"]}}'
IMAGE = Image(Path("/nowhere"), (RELEASE,))
NOBODY = 65534
NO_PROGRAMS = Programs(Path("/nowhere"), "0")


@pytest.fixture
def folder(tmp_path: Path) -> HostFolder:
    """Return the folder of a host that was made."""
    place = tmp_path / ".lab" / "arm-01"
    place.mkdir(parents=True, mode=0o700)
    (place / "host.json").write_text(MARKER)
    (place / "disk").touch()
    make_keys(place, "arm-01")
    return HostFolder(place, "arm-01")


@pytest.mark.accepts("FP841", "FP842")
def test_keys_get_the_mode_that_ssh_asks_for(folder: HostFolder) -> None:
    (folder.path / "key").chmod(0o644)

    folder.make(IMAGE, EmulatedHost(), NO_PROGRAMS)

    assert stat.S_IMODE((folder.path / "key").stat().st_mode) == 0o600


@pytest.mark.shows("FP841")
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_folder_that_others_may_look_into_is_refused(folder: HostFolder, mode: int) -> None:
    folder.path.chmod(mode)

    with pytest.raises(FleetPolicyError) as caught:
        folder.make(IMAGE, EmulatedHost(), NO_PROGRAMS)

    (finding,) = caught.value.diagnostics
    assert finding.why == f"others may use it: its mode is {mode:o}"


def test_folder_of_another_user_is_refused(
    folder: HostFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)

    with pytest.raises(FleetPolicyError) as caught:
        folder.secure()

    (finding,) = caught.value.diagnostics
    assert (finding.why, finding.fix) == (
        f"it belongs to user {me}, and 4711 runs this",
        "run this as that user, or move it away",
    )


@pytest.mark.shows("FP842")
@pytest.mark.parametrize("name", ["key", "host_key.pub"])
@pytest.mark.parametrize("is_there", [True, False], ids=["cut off", "gone"])
def test_key_that_was_lost_is_not_replaced_by_one_that_the_disk_does_not_know(
    folder: HostFolder, name: str, *, is_there: bool
) -> None:
    (folder.path / name).unlink()
    if is_there:
        (folder.path / name).touch()

    with pytest.raises(FleetPolicyError) as caught:
        folder.make(IMAGE, EmulatedHost(), NO_PROGRAMS)

    (finding,) = caught.value.diagnostics
    assert finding.why == f"{name} cannot be read, and its disk knows no other"


@pytest.mark.parametrize("name", ["key", "key.pub", "host_key", "host_key.pub"])
def test_keys_that_were_cut_off_before_there_was_a_disk_are_made_anew(
    tmp_path: Path, name: str
) -> None:
    make_keys(tmp_path, "arm-01")
    whole = (tmp_path / "host_key.pub").read_text()
    (tmp_path / name).write_text("")

    make_keys(tmp_path, "arm-01")

    assert (tmp_path / name).read_text()
    changed = name.startswith("host_key")
    assert ((tmp_path / "host_key.pub").read_text() != whole) is changed


@pytest.mark.shows("FP835")
def test_folder_of_another_version_is_left_alone_but_its_machine_is_ended(
    folder: HostFolder,
) -> None:
    (folder.path / "host.json").write_text(MARKER.replace("host 1", "host 2"))

    with answering(folder.path, "running"), pytest.raises(FleetPolicyError) as caught:
        switch_off(left_behind(folder.path.parent, ())[0])

    (finding,) = caught.value.diagnostics
    assert finding.why == "another version of fleetpolicy made it: fleetpolicy emulated host 2"
    assert find(folder.path) is None
    assert folder.has_disk


def test_hosts_that_the_inventory_has_no_more_are_found(folder: HostFolder, tmp_path: Path) -> None:
    (tmp_path / ".lab" / "sim-01").mkdir()
    (tmp_path / ".lab" / ".arm-01.lock").touch()

    (found,) = left_behind(tmp_path / ".lab", ("sim-02",))

    assert (found.name, found.lab) == ("arm-01", str(folder.path))
    assert left_behind(tmp_path / ".lab", ("arm-01",)) == ()
    assert left_behind(tmp_path / "none", ()) == ()


@pytest.mark.parametrize("removed", ["host", "lab"])
def test_host_whose_folder_was_removed_is_shown_and_ended(folder: HostFolder, removed: str) -> None:
    lab = folder.path.parent

    with answering(folder.path, "running") as pid:
        shutil.rmtree(lab if removed == "lab" else folder.path)
        (found,) = left_behind(lab, ())
        shown = status(found)
        ended = switch_off(found)

    assert (found.name, found.lab) == ("arm-01", str(folder.path))
    assert shown == f"its folder was removed, process {pid} works on"
    assert ended is True
    assert left_behind(lab, ()) == ()


def test_half_a_folder_is_removed(tmp_path: Path) -> None:
    place = tmp_path / ".lab" / "arm-01"
    place.mkdir(parents=True, mode=0o700)
    (place / "host.json").write_text(MARKER)
    (place / ".disk").write_text("half")

    assert switch_off(left_behind(tmp_path / ".lab", ())[0]) is True

    assert [path.name for path in (tmp_path / ".lab").iterdir()] == [".arm-01.lock"]


def test_known_hosts_that_was_lost_is_written_anew(folder: HostFolder) -> None:
    folder.make(IMAGE, EmulatedHost(), NO_PROGRAMS)
    whole = (folder.path / "known_hosts").read_text()
    (folder.path / "known_hosts").unlink()

    folder.make(IMAGE, EmulatedHost(), NO_PROGRAMS)

    assert (folder.path / "known_hosts").read_text() == whole


@pytest.mark.shows("FP841")
def test_folder_that_cannot_be_looked_into_is_refused(folder: HostFolder) -> None:
    folder.path.chmod(0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(FleetPolicyError) as caught:
            _ = folder.is_made
    finally:
        os.seteuid(me)
        folder.path.chmod(0o700)

    (finding,) = caught.value.diagnostics
    assert finding.why == "it cannot be looked into: Permission denied"
