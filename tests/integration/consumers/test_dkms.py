"""Package the kernel module as Debian does, and let dkms see the package."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.consumers.programs import needs

KERNEL = Path(__file__).resolve().parents[3] / "kernel"
NAME, VERSION = "optout-vfio-pci", "0.1.0"


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the Debian package, and return what it unpacks to."""
    needs("dh_dkms")
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(KERNEL, folder / "source")
    subprocess.run(
        [needs("dpkg-buildpackage"), "--build=binary", "--unsigned-source", "--unsigned-changes"],
        cwd=folder / "source",
        check=True,
        capture_output=True,
    )
    (package,) = folder.glob("*.deb")
    assert package.name == f"{NAME}-dkms_{VERSION}_all.deb"
    subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    return folder / "root"


def test_package_brings_the_sources_and_nothing_that_is_built(unpacked: Path) -> None:
    sources = unpacked / "usr/src" / f"{NAME}-{VERSION}"

    assert sorted(path.name for path in sources.iterdir()) == [
        "Kbuild",
        "Makefile",
        "dkms.conf",
        "optout_vfio_pci.c",
    ]


def test_dkms_takes_the_package_and_leaves_other_architectures_alone(
    unpacked: Path, tmp_path: Path
) -> None:
    headers = tmp_path / "headers"
    headers.mkdir()
    (headers / ".config").write_text("CONFIG_VFIO_PCI_CORE=m\n")
    trees = ["--dkmstree", str(tmp_path), "--sourcetree", str(unpacked / "usr/src")]
    what = ["-m", NAME, "-v", VERSION]
    dkms = needs("dkms")

    added = subprocess.run(
        [dkms, "add", *what, *trees], capture_output=True, text=True, check=False
    )
    built = subprocess.run(
        [dkms, "build", *what, "-k", "6.12.0-amd64", "-a", "x86_64", "--kernelsourcedir", headers,
         *trees],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    assert added.returncode == 0, added.stderr
    assert "BUILD_EXCLUSIVE" in built.stdout + built.stderr
