import bz2
import gzip
import lzma
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Load = Callable[[str], ModuleType]

RULES = "usr/lib/udev/rules.d/70-fleetpolicy.rules"
CONTENT = {
    RULES: b"rules",
    "etc/modprobe.d/other.conf": b"other",
    "usr/lib/modules/7.0/kernel/drivers/vfio/pci/vfio-pci.ko.xz": b"x" * 5000,
    "usr/lib/modules/7.0/kernel/drivers/nvme/host/nvme.ko": b"y",
}


def archive(content: dict[str, bytes]) -> bytes:
    """Return a cpio archive in the form that the kernel reads."""
    made = b""
    for name, data in {**content, "TRAILER!!!": b""}.items():
        fields = (1, 0o100644, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        made += b"070701" + "".join(f"{field:08X}" for field in fields).encode()
        made += name.encode() + b"\0"
        made += bytes(-len(made) % 4) + data
        made += bytes(-len(made) % 4)
    return made


def run(program: str, data: bytes) -> bytes:
    if not shutil.which(program):
        pytest.skip(f"{program} is missing")
    return subprocess.run([program, "-c"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    "compress",
    [
        bytes,
        gzip.compress,
        bz2.compress,
        lzma.compress,
        lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
        lambda data: run("zstd", data),
    ],
    ids=["plain", "gzip", "bzip2", "xz", "lzma", "zstd"],
)
@pytest.mark.parametrize("early", [b"", archive({"kernel/x86/microcode": b"code"}) + bytes(512)])
def test_image_shows_copies_of_our_files_and_modules(
    tmp_path: Path, agent_module: Load, compress: Callable[[bytes], bytes], early: bytes
) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(early + compress(archive(CONTENT)))

    copies, names = agent_module("image").read_image(str(path))

    assert copies == [(RULES, b"rules")]
    assert names == {"vfio_pci", "nvme"}


@pytest.mark.parametrize(
    "data",
    [
        archive(CONTENT)[:-200],
        gzip.compress(archive(CONTENT))[:-40],
        b"no archive at all",
        archive({}) + b"070701" + b"0" * 50,
    ],
    ids=["cut", "cut-gzip", "other", "cut-second"],
)
def test_image_that_is_damaged_is_not_read(tmp_path: Path, agent_module: Load, data: bytes) -> None:
    path = tmp_path / "initrd"
    path.write_bytes(data)
    image = agent_module("image")

    with pytest.raises((image.UnreadableError, EOFError)):
        image.read_image(str(path))


def test_image_of_no_known_form_shows_nothing(tmp_path: Path, agent_module: Load) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/initrd.img-7.0").write_text("{}")
    host = agent_module("host").Host(str(tmp_path))

    assert (
        agent_module("image").image_state(host, agent_module("image").images_of("7.0"), set())
        is None
    )


def test_image_that_is_not_there_shows_nothing(tmp_path: Path, agent_module: Load) -> None:
    host = agent_module("host").Host(str(tmp_path))

    assert (
        agent_module("image").image_state(host, agent_module("image").images_of("7.0"), set())
        is None
    )
