"""Write GRUB's files as grub-install and update-grub of a Debian host would."""

from collections.abc import Sequence

from fleetpolicy.emulate.tree import Node, Nodes

EFI_PROGRAM = "usr/lib/grub/arm64-efi/monolithic/grubaa64.efi"
_CONSOLE = "console=ttyAMA0"
_ENVIRONMENT_BYTES = 1024
# Saved: update-grub puts the newest kernel first, and the lab says which of them boots.
_DEFAULTS = f"""\
GRUB_DEFAULT=saved
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT=""
GRUB_CMDLINE_LINUX="{_CONSOLE}"
GRUB_TERMINAL=console
GRUB_DISABLE_OS_PROBER=true
"""
_HEAD = """\
if [ -s $prefix/grubenv ]; then
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
else
   set default="${saved_entry}"
fi
set timeout=0
"""


def entry_of(release: str, root_uuid: str) -> str:
    """Return what grub-set-default takes to boot a kernel."""
    return f"gnulinux-advanced-{root_uuid}>gnulinux-{release}-advanced-{root_uuid}"


def loader_files(releases: Sequence[str], root_uuid: str) -> Nodes:
    """Return GRUB's files; the first kernel boots until told otherwise."""
    return {
        "boot/grub/grub.cfg": Node(_configuration(releases, root_uuid).encode(), 0o600),
        "boot/grub/grubenv": Node(_environment(entry_of(releases[0], root_uuid))),
        "etc/default/grub": Node(_DEFAULTS.encode()),
    }


def finder(root_uuid: str) -> bytes:
    """Return the grub.cfg of the EFI system partition, which leads to the one of the root."""
    lines = (
        f"search.fs_uuid {root_uuid} root",
        "set prefix=($root)/boot/grub",
        "configfile $prefix/grub.cfg",
    )
    return "".join(f"{line}\n" for line in lines).encode()


def _configuration(releases: Sequence[str], root_uuid: str) -> str:
    simple = _entry("Debian GNU/Linux", f"gnulinux-simple-{root_uuid}", releases[0], root_uuid)
    entries = "".join(
        _entry(
            f"Debian GNU/Linux, with Linux {release}",
            f"gnulinux-{release}-advanced-{root_uuid}",
            release,
            root_uuid,
        )
        for release in releases
    )
    head = (
        "submenu 'Advanced options for Debian GNU/Linux' "
        f"$menuentry_id_option 'gnulinux-advanced-{root_uuid}' {{\n"
    )
    ids = 'menuentry_id_option="--id"\nexport menuentry_id_option\n'
    return f"{_HEAD}{ids}{simple}{head}{entries}}}\n"


def _entry(title: str, identifier: str, release: str, root_uuid: str) -> str:
    return (
        f"menuentry '{title}' --class debian $menuentry_id_option '{identifier}' {{\n"
        f"\tsearch --no-floppy --fs-uuid --set=root {root_uuid}\n"
        f"\tlinux\t/boot/vmlinuz-{release} root=UUID={root_uuid} ro {_CONSOLE}\n"
        f"\tinitrd\t/boot/initrd.img-{release}\n"
        "}\n"
    )


def _environment(saved: str) -> bytes:
    text = f"# GRUB Environment Block\nsaved_entry={saved}\n".encode()
    return text.ljust(_ENVIRONMENT_BYTES, b"#")
