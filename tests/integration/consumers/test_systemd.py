"""systemd's modules-load against the list of modules."""

import subprocess
from pathlib import Path

from fleetpolicy.simcore.boot.modprobe import order_files
from tests.integration.consumers.programs import needs
from tests.unit.render.fleets import NEW_LIBVIRT, gpu_policy, rendered

LIST = "/etc/modules-load.d/fleetpolicy.conf"


def test_modules_load_reads_our_list_from_etc(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)
    root = tmp_path / "root"
    for path, text in {LIST: files[LIST].content, f"/usr/lib{LIST[4:]}": "hidden\n"}.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text(text)

    command = [needs("systemd-analyze"), f"--root={root}", "cat-config", "modules-load.d"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert said == f"# {root}{LIST}\n{files[LIST].content}"
    assert order_files({LIST: "a", f"/usr/lib{LIST[4:]}": "b"}, ("/etc/modules-load.d",), ".conf")


def test_modules_load_asks_for_exactly_the_modules_of_our_list(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)
    path = tmp_path / "fleetpolicy.conf"
    path.write_text(files[LIST].content.replace("nvgrace", "no_such_nvgrace"))
    program = needs("/usr/lib/systemd/systemd-modules-load")

    done = subprocess.run([program, str(path)], capture_output=True, text=True, check=False)

    assert "Failed to find module 'no_such_nvgrace_gpu_vfio_pci'" in done.stdout + done.stderr
    assert (done.stdout + done.stderr).count("module '") == 1
