from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from fleetpolicy.emulate.grub import entry_of, finder, loader_files

RELEASES = ("6.12.1-arm64", "7.3.4-arm64")


def write(root: Path, saved: str = "") -> None:
    for path, node in loader_files(RELEASES, "11-22").items():
        assert isinstance(node.content, bytes)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(node.content)
    if saved:
        (root / "boot/grub/grubenv").write_text(f"# GRUB Environment Block\nsaved_entry={saved}\n")


@pytest.mark.parametrize(
    ("saved", "release"),
    [("", RELEASES[0]), (entry_of(RELEASES[1], "11-22"), RELEASES[1])],
)
def test_loader_files_boot_the_saved_kernel_as_the_agent_reads_them(
    tmp_path: Path, agent_module: Callable[[str], ModuleType], saved: str, release: str
) -> None:
    write(tmp_path, saved)

    host = agent_module("host").Host(str(tmp_path))

    assert agent_module("loader").next_command_line(host) == (
        f"BOOT_IMAGE=/boot/vmlinuz-{release} root=UUID=11-22 ro console=ttyAMA0"
    )


def test_environment_block_has_the_size_that_grub_demands() -> None:
    content = loader_files(RELEASES, "11-22")["boot/grub/grubenv"].content

    assert isinstance(content, bytes)
    assert len(content) == 1024
    assert content.endswith(b"#")


def test_finder_leads_from_the_efi_partition_to_the_root() -> None:
    assert finder("11-22").decode() == (
        "search.fs_uuid 11-22 root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n"
    )
