"""Install a prebuilt module on this machine, whose /lib/modules is another folder for the while."""

import json
import lzma
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.emulate.kernels import Kernel, find_kernel, provide_kernel
from tests.integration.consumers.programs import needs

pytestmark = pytest.mark.ansible
ROOT = Path(__file__).resolve().parents[3]
HOSTS = """\
all:
  hosts:
    here: {ansible_connection: local, ansible_python_interpreter: "%s"}
"""
POLICY = """\
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return provide_kernel(find_kernel("6.12"), lambda _: None)


@pytest.fixture
def built(tmp_path: Path, kernel: Kernel) -> Path:
    """Lay out a module as a build farm would: for a kernel of the host, and for another."""
    folder = tmp_path / "built" / kernel.release
    folder.mkdir(parents=True)
    source = next(kernel.modules.rglob("vfio-pci.ko*"))
    data = source.read_bytes()
    plain = lzma.decompress(data) if source.suffix == ".xz" else data
    (folder / "optout_vfio_pci.ko").write_bytes(plain)
    return folder.parent


@pytest.fixture
def run(tmp_path: Path, kernel: Kernel) -> Run:
    """Return a runner of the command where /lib/modules has the kernel, and nothing else."""
    needs("depmod")
    if os.geteuid():
        pytest.skip("another /lib/modules for a process needs root")
    modules = tmp_path / "upper/modules" / kernel.release
    shutil.copytree(kernel.modules / "kernel/drivers/vfio", modules / "kernel/drivers/vfio")
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel.modules / name, modules / name)
    (tmp_path / "work").mkdir()
    fleet = tmp_path / "fleet"
    (fleet / "policies").mkdir(parents=True)
    (fleet / "hosts.yaml").write_text(HOSTS % sys.executable)
    (fleet / "policies/fleet.yaml").write_text(POLICY)
    # What is written below /usr/lib goes to "upper", which need not have been there.
    options = f"lowerdir=/usr/lib,upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    script = 'mount -t overlay overlay -o "$1" /usr/lib && shift && exec "$@"'

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fleetpolicy", "modules", "install", "-q"]
        inside = ["sh", "-c", script, "sh", options, *command, "-i", str(fleet)]
        return subprocess.run(
            [needs("unshare"), "--mount", *inside, *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_module_is_installed_for_the_kernels_of_the_host_and_found_by_modprobe(
    run: Run, built: Path, tmp_path: Path, kernel: Kernel
) -> None:
    here = tmp_path / "upper/modules" / kernel.release
    path = "updates/fleetpolicy/optout_vfio_pci.ko"

    done = run("--from", str(built))

    assert (done.stdout, done.stderr) == ("  here  changed, 1 changed\n", "")
    assert done.returncode == 0
    assert (here / path).read_bytes() == (
        built / kernel.release / "optout_vfio_pci.ko"
    ).read_bytes()
    assert f"\n{path}: " in "\n" + (here / "modules.dep").read_text()

    again = run("--from", str(built), "--output", "json")

    document = json.loads(again.stdout)
    assert document["deployment"] == [
        {"host": "here", "status": "unchanged", "changed": [], "rebooted": False, "message": ""}
    ]


def test_host_without_the_kernel_is_left_as_it_is(
    run: Run, built: Path, tmp_path: Path, kernel: Kernel
) -> None:
    (tmp_path / "upper/modules" / kernel.release).rename(tmp_path / "upper/modules/6.1.0-1-arm64")

    done = run("--from", str(built))

    assert done.stdout == "  here  unchanged, it has none of these kernels\n"
    assert done.returncode == 0


def test_module_of_another_kernel_is_refused_before_a_host_is_touched(
    run: Run, built: Path, kernel: Kernel
) -> None:
    (built / kernel.release).rename(built / "7.3.4-arm64")
    (built / "6.1.0-1-arm64").mkdir()
    (built / "6.1.0-1-arm64/none.ko").write_text("none")

    done = run("--from", str(built))

    assert done.returncode == 3
    assert "error FP195 unfit-module\n  why: it is no kernel module\n" in done.stdout + done.stderr
    assert (
        f"  why: it was built for {kernel.release}, not 7.3.4-arm64\n"
        "  fix: build it against the headers of 7.3.4-arm64\n"
    ) in done.stdout + done.stderr
