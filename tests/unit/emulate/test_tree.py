import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.dpkg import PackageList
from fleetpolicy.emulate.tree import Kept, Node, TreeWriter

CONTROL = "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <>\nDescription: t\n"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Return a package with a program, a hard link to it, a link and what is left out."""
    tree = tmp_path / "package"
    for folder in ("DEBIAN", "usr/bin", "usr/share/doc/tiny", "var/run"):
        (tree / folder).mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    (tree / "usr/bin/tiny").write_text("#!/bin/sh\n")
    (tree / "usr/bin/tiny").chmod(0o4755)
    (tree / "usr/bin/again").hardlink_to(tree / "usr/bin/tiny")
    (tree / "usr/bin/link").symlink_to("tiny")
    (tree / "usr/share/doc/tiny/changelog").write_text("long\n")
    place = tmp_path / "tiny.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(place)]
    subprocess.run(command, check=True, capture_output=True)
    return place


def written(tiny: Path, kept: Kept) -> tuple[tarfile.TarFile, tuple[str, ...]]:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        writer = TreeWriter(archive, 5)
        writer.add({"var/run": Node("/run")})
        paths = writer.add_package(tiny, kept)
        writer.add({"etc/x/y": Node(b"own\n", 0o640, 42), "usr/bin/tiny": Node(b"late")})
    buffer.seek(0)
    return tarfile.open(fileobj=buffer), paths


def test_tree_holds_packages_and_own_nodes_the_first_winning(tiny: Path) -> None:
    archive, _ = written(tiny, Kept(()))

    found = {
        item.name: (item.type, oct(item.mode), item.gid, item.linkname)
        for item in archive.getmembers()
    }
    names = {name: kind for name, (kind, *_) in found.items()}
    assert names == {
        "etc": tarfile.DIRTYPE,
        "etc/x": tarfile.DIRTYPE,
        "etc/x/y": tarfile.REGTYPE,
        "usr": tarfile.DIRTYPE,
        "usr/bin": tarfile.DIRTYPE,
        "usr/bin/again": found["usr/bin/again"][0],
        "usr/bin/link": tarfile.SYMTYPE,
        "usr/bin/tiny": found["usr/bin/tiny"][0],
        "usr/share": tarfile.DIRTYPE,
        "usr/share/doc": tarfile.DIRTYPE,
        "var": tarfile.DIRTYPE,
        "var/run": tarfile.SYMTYPE,
    }
    assert found["etc/x/y"] == (tarfile.REGTYPE, "0o640", 42, "")
    assert found["var/run"] == (tarfile.SYMTYPE, "0o777", 0, "/run")
    linked, target = sorted(
        (found[name] for name in ("usr/bin/again", "usr/bin/tiny")), reverse=True
    )
    assert {linked[0], target[0]} == {tarfile.LNKTYPE, tarfile.REGTYPE}
    assert linked[1] == target[1] == "0o4755"


def test_add_package_lists_every_path_and_keeps_what_is_wanted(tiny: Path) -> None:
    kept = Kept(("usr/bin/", "nothing"))

    _, paths = written(tiny, kept)

    assert set(paths) == {
        "/.",
        "/usr",
        "/usr/bin",
        "/usr/bin/again",
        "/usr/bin/link",
        "/usr/bin/tiny",
        "/usr/share",
        "/usr/share/doc",
        "/usr/share/doc/tiny",
        "/usr/share/doc/tiny/changelog",
        "/var",
        "/var/run",
    }
    assert list(kept.files.values()) == [b"#!/bin/sh\n"]


def test_files_of_an_older_package_below_lib_are_laid_out_in_usr(tmp_path: Path) -> None:
    tree = tmp_path / "package"
    for folder in ("DEBIAN", "lib/modules/6.1.0"):
        (tree / folder).mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    (tree / "lib/modules/6.1.0/a.ko").write_text("a")
    (tree / "lib/modules/6.1.0/b.ko").hardlink_to(tree / "lib/modules/6.1.0/a.ko")
    place = tmp_path / "old.deb"
    command = ["dpkg-deb", "--root-owner-group", "-b", str(tree), str(place)]
    subprocess.run(command, check=True, capture_output=True)
    buffer = io.BytesIO()

    with tarfile.open(fileobj=buffer, mode="w") as archive:
        writer = TreeWriter(archive, 5)
        writer.add({"lib": Node("usr/lib")})
        paths = writer.add_package(place, Kept(()))

    buffer.seek(0)
    with tarfile.open(fileobj=buffer) as archive:
        members = archive.getmembers()
    modules = "usr/lib/modules/6.1.0"
    assert [item.name for item in members] == [
        *("lib", "usr/lib/modules", modules, f"{modules}/a.ko", f"{modules}/b.ko"),
    ]
    assert {item.linkname for item in members} <= {"", "usr/lib", f"{modules}/a.ko"}
    assert "/lib/modules/6.1.0/a.ko" in paths


@pytest.mark.shows("FP811")
def test_add_package_of_something_else_is_a_finding(tmp_path: Path) -> None:
    place = tmp_path / "no.deb"
    place.write_text("nothing")

    with pytest.raises(FleetPolicyError) as caught, tarfile.open(tmp_path / "t", "w") as archive:
        TreeWriter(archive, 0).add_package(place, Kept(()))

    [finding] = caught.value.diagnostics
    assert finding.rule.id == "FP811"
    assert finding.span.path == str(place)
    assert finding.why == "dpkg-deb cannot read it: empty file"


def test_package_list_is_what_dpkg_reads(tiny: Path, tmp_path: Path) -> None:
    listed = PackageList()
    _, paths = written(tiny, Kept(()))
    listed.add(tiny, paths)
    for path, node in listed.nodes().items():
        place = tmp_path / path
        if node.content is None:
            place.mkdir(parents=True, exist_ok=True)
        else:
            assert isinstance(node.content, bytes)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(node.content)

    query = ["dpkg-query", f"--admindir={tmp_path}/var/lib/dpkg"]
    shown = subprocess.run(
        [*query, "-W", "-f", "${Package} ${Version} ${Status}"],
        capture_output=True,
        text=True,
        check=True,
    )
    files = subprocess.run([*query, "-L", "tiny"], capture_output=True, text=True, check=True)

    assert shown.stdout == "tiny 1 install ok installed"
    assert set(files.stdout.split()) == set(paths)
