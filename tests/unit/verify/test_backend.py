from pathlib import Path

from fleetpolicy.verify.backend import simulated_host
from tests.unit.plan.fleets import DROP_IN, NVME, make_artifacts
from tests.unit.verify.roots import make_root


def test_simulated_host_shows_its_own_files_to_testinfra(tmp_path: Path) -> None:
    host = simulated_host("a", str(make_root(tmp_path)))
    drop_in = make_artifacts()[0]

    file = host.file(DROP_IN)

    assert file.exists
    assert file.is_file
    assert file.content_string == drop_in.content
    assert file.mode == 0o644
    assert file.size == len(drop_in.content)
    assert file.contains("iommu.passthrough=1")
    assert host.file("/proc/cmdline").content_string == ("root=/dev/vda1 iommu.passthrough=1\n")
    assert not host.file("/etc/passwd").exists
    assert host.file("/etc").listdir() == ["default", "modprobe.d", "udev"]


def test_simulated_host_resolves_links_as_the_host_would(tmp_path: Path) -> None:
    host = simulated_host("a", str(make_root(tmp_path)))

    link = host.file(f"/sys/bus/pci/devices/{NVME}/driver")

    assert link.is_symlink
    assert link.linked_to == "/sys/bus/pci/drivers/vfio-pci"


def test_simulated_host_runs_its_own_programs_first(tmp_path: Path) -> None:
    host = simulated_host("a", str(make_root(tmp_path)))

    done = host.run("virsh list %s", "--all")

    assert (done.rc, done.stdout) == (0, "/etc list --all\n")
    assert host.find_command("virsh") == "/usr/sbin/virsh"


def test_simulated_host_moves_paths_within_a_command(tmp_path: Path) -> None:
    host = simulated_host("a", str(make_root(tmp_path)))

    assert host.check_output("cat /proc/cmdline | sed 's/root=/boot=/' 2>/dev/null") == (
        "boot=/dev/vda1 iommu.passthrough=1"
    )
    assert host.run("test -e '/etc/modprobe.d/fleetpolicy.conf'").succeeded
    assert host.run("/bin/sh -c %s", "exit 3").rc == 3


def test_simulated_host_in_a_folder_with_odd_letters_still_works(tmp_path: Path) -> None:
    host = simulated_host("a", str(make_root(tmp_path / "it's 100% $odd")))

    assert host.file("/proc/cmdline").exists
    assert host.run("cat /proc/cmdline").succeeded
    assert host.run("cat %s", "/proc/cmdline").succeeded
    assert host.backend.get_pytest_id() == "simulated://a"
