from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.disk import write_files
from tests.unit.emulate.shells import shell


@pytest.mark.accepts("FP830")
def test_write_files_hands_debugfs_contents_and_modes(tmp_path: Path) -> None:
    body = f"cd {tmp_path}; cat > said; cp disk.0 content; echo Allocated inode: 7"
    programs = shell(tmp_path, "debugfs", body)

    write_files(programs, tmp_path / "disk", {"/etc/hostname": (b"arm-01\n", 0o644)})

    assert (tmp_path / "said").read_text() == (
        f'write "{tmp_path}/disk.0" /etc/hostname\n'
        "sif /etc/hostname mode 0100644\n"
        "sif /etc/hostname uid 0\n"
        "sif /etc/hostname gid 0\n"
    )
    assert (tmp_path / "content").read_text() == "arm-01\n"
    assert not (tmp_path / "disk.0").exists()


@pytest.mark.shows("FP830")
def test_write_files_that_debugfs_did_not_write_is_a_finding(tmp_path: Path) -> None:
    programs = shell(tmp_path, "debugfs", "cat > /dev/null; echo debugfs: no such folder")

    with pytest.raises(FleetPolicyError) as caught:
        write_files(programs, tmp_path / "disk", {"/no/hostname": (b"", 0o644)})

    [finding] = caught.value.diagnostics
    assert finding.rule.id == "FP830"
    assert finding.why == "debugfs: no such folder"


@pytest.mark.shows("FP830")
def test_program_that_fails_is_a_finding(tmp_path: Path) -> None:
    programs = shell(tmp_path, "mke2fs", "echo no room >&2; exit 1")

    with pytest.raises(FleetPolicyError) as caught:
        programs.run("mke2fs", "-d", "tree")

    [finding] = caught.value.diagnostics
    assert (finding.span.path, finding.why) == ("mke2fs", "-d tree ended with 1: no room")
