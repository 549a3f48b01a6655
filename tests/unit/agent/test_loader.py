from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

Builder = Callable[..., Path]
Load = Callable[[str], ModuleType]

DEBIAN = """\
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
else
   set default="DEFAULT"
fi
function load_video {
  insmod all_video
}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {
        load_video
        if [ x$grub_platform = xxen ]; then insmod xzio; fi
        linux   /boot/vmlinuz-7.0 root=UUID=1 ro  quiet iommu.passthrough=1
        initrd  /boot/initrd.img-7.0
}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {
        menuentry 'Debian, with 7.0' $menuentry_id_option 'gnulinux-7.0' {
                linux   /boot/vmlinuz-7.0 root=UUID=1 ro
        }
        menuentry 'Debian, with 6.1' $menuentry_id_option 'gnulinux-6.1' {
                linux   /boot/vmlinuz-6.1 root=UUID=1 ro quiet $vt_handoff
        }
}
menuentry 'Unclear' {
        linux   /boot/vmlinuz-7.0 root=$root
}
"""
OLD = "BOOT_IMAGE=/boot/vmlinuz-6.1 root=UUID=1 ro quiet"
SIMPLE = "BOOT_IMAGE=/boot/vmlinuz-7.0 root=UUID=1 ro quiet iommu.passthrough=1"


def next_line(host: ModuleType, loader: ModuleType, root: Path) -> str | None:
    line: str | None = loader.next_command_line(host.Host(str(root)))
    return line


@pytest.mark.parametrize(
    ("default", "environment", "expected"),
    [
        ("0", "", SIMPLE),
        ("gnulinux-advanced>gnulinux-6.1", "", OLD),
        ("1>1", "", OLD),
        ("1", "", "BOOT_IMAGE=/boot/vmlinuz-7.0 root=UUID=1 ro"),
        ("${saved_entry}", "saved_entry=1>1\n", OLD),
        ("${saved_entry}", "", SIMPLE),
        ("0", "next_entry=1>1\n", OLD),
        ("Unclear", "", None),
        ("9", "", None),
        ("${something}", "", None),
    ],
)
def test_next_command_line_follows_the_default_entry(
    tiny_host: Builder, agent_module: Load, default: str, environment: str, expected: str | None
) -> None:
    root = tiny_host()
    (root / "boot/grub/grub.cfg").write_text(DEBIAN.replace("DEFAULT", default))
    (root / "boot/grub/grubenv").write_text(f"# GRUB Environment Block\n{environment}####")

    assert next_line(agent_module("host"), agent_module("loader"), root) == expected


def test_next_command_line_of_entries_kept_elsewhere_is_unknown(
    tiny_host: Builder, agent_module: Load
) -> None:
    root = tiny_host()
    (root / "boot/grub/grub.cfg").write_text("insmod blscfg\nblscfg\n")

    assert next_line(agent_module("host"), agent_module("loader"), root) is None
