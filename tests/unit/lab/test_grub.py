import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.lab import boot, set_kernel
from fleetpolicy.lab.grub import installed, read_environment, write_environment
from fleetpolicy.lab.tree import Tree
from fleetpolicy.model.inventory import InventoryHost

Describe = Callable[..., InventoryHost]
Run = Callable[..., subprocess.CompletedProcess[str]]
DROP_IN = "etc/default/grub.d/99-fleetpolicy.cfg"


def booted(host: InventoryHost) -> str:
    boot(host)
    return Path(host.root, "proc/cmdline").read_text().strip()


def test_update_grub_twice_writes_the_same_bytes(make: Describe, run: Run) -> None:
    host = make()
    config = Path(host.root, "boot/grub/grub.cfg")
    first = config.read_bytes()

    done = run(host, "update-grub")

    assert config.read_bytes() == first
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == (
        "Found linux image: /boot/vmlinuz-7.3.4-arm64\n"
        "Found linux image: /boot/vmlinuz-6.1.176-arm64\n"
        "done\n"
    )


def test_update_grub_reads_settings_as_the_shell_does(make: Describe, run: Run) -> None:
    host = make()
    Path(host.root, "etc/default/grub.d/50-site.cfg").write_text('GRUB_CMDLINE_LINUX="a=1"\n')
    Path(host.root, DROP_IN).write_text(
        'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }b=2 # no comment"\n'
    )
    Path(host.root, "etc/default/grub.d/60-other.txt").write_text("exit 1\n")
    run(host, "update-grub")

    assert booted(host).endswith(" ro a=1 b=2 # no comment quiet")


@pytest.mark.parametrize("text", ["if\n", 'GRUB_CMDLINE_LINUX="a\n', "exit 3\n", "false\n"])
def test_update_grub_fails_over_settings_that_fail(make: Describe, run: Run, text: str) -> None:
    host = make()
    config = Path(host.root, "boot/grub/grub.cfg")
    before = config.read_bytes()
    Path(host.root, DROP_IN).write_text(text)

    done = run(host, "update-grub")

    assert done.returncode == 1
    assert done.stderr
    assert config.read_bytes() == before


def test_update_grub_keeps_a_default_that_settings_name(make: Describe, run: Run) -> None:
    host = make()
    Path(host.root, DROP_IN).write_text('GRUB_DEFAULT="1>1"\n')
    run(host, "update-grub")

    assert booted(host).startswith("BOOT_IMAGE=/boot/vmlinuz-6.1.176-arm64 ")


def test_default_that_is_not_there_leaves_the_first_entry(make: Describe) -> None:
    host = make()
    write_environment(Tree(host.root), {"saved_entry": "gone>gone"})

    assert booted(host).startswith("BOOT_IMAGE=/boot/vmlinuz-7.3.4-arm64 ")


def test_entry_that_is_chosen_for_one_boot_is_used_up_by_it(make: Describe) -> None:
    host = make()
    tree = Tree(host.root)
    set_kernel(host, "7.3.4-arm64")
    write_environment(tree, {**read_environment(tree), "next_entry": "1>1"})

    first, second = booted(host), booted(host)

    assert first.startswith("BOOT_IMAGE=/boot/vmlinuz-6.1.176-arm64 ")
    assert second.startswith("BOOT_IMAGE=/boot/vmlinuz-7.3.4-arm64 ")


def test_environment_block_has_the_size_that_grub_demands(make: Describe) -> None:
    host = make()

    block = Path(host.root, "boot/grub/grubenv").read_bytes()

    assert len(block) == 1024
    assert block.startswith(b"# GRUB Environment Block\nsaved_entry=gnulinux-advanced-")


def test_words_with_blanks_stay_quoted(make: Describe, run: Run) -> None:
    host = make()
    Path(host.root, DROP_IN).write_text("""GRUB_CMDLINE_LINUX='dyndbg="file x +p"'\n""")
    run(host, "update-grub")

    assert booted(host).endswith(' ro "dyndbg=file x +p" quiet')


def test_installed_kernels_are_sorted_by_number(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    for release in ("6.9.1", "6.12.107+deb13-arm64", "6.12.9-arm64", "7.3.4~rc1"):
        (tmp_path / "boot" / f"vmlinuz-{release}").write_text("")

    assert installed(Tree(tmp_path)) == [
        "7.3.4~rc1",
        "6.12.107+deb13-arm64",
        "6.12.9-arm64",
        "6.9.1",
    ]
