"""List what makes a Debian boot whose packages were unpacked and never configured."""

from fleetpolicy.emulate.tree import Node, Nodes

PACKAGES = (
    "base-files", "base-passwd", "bash", "bsdutils", "busybox-static", "coreutils", "dash", "dbus",
    "debianutils", "diffutils", "dpkg", "e2fsprogs", "findutils", "grep", "grub-efi-arm64", "gzip",
    "hostname", "init-system-helpers", "initramfs-tools", "iproute2", "kmod", "libc-bin",
    "libpam-modules", "linux-base", "login", "mount", "ncurses-base", "ncurses-bin",
    "openssh-server", "passwd",
    "pciutils", "perl-base", "procps", "python3", "sed", "systemd-sysv", "tar", "udev",
    "util-linux", "zstd",
)  # fmt: skip

_UNIT = "/usr/lib/systemd/system/"
# They cost an emulated machine most of its boot, and do nothing that anybody asks of it.
_MASKED = (
    "apt-daily-upgrade.timer", "apt-daily.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
    "e2scrub_reap.service", "fstrim.timer", "getty.target", "ldconfig.service",
    "serial-getty@ttyAMA0.service", "systemd-firstboot.service", "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service", "systemd-networkd-wait-online.service",
    "systemd-pstore.service", "systemd-sysusers.service", "systemd-update-done.service",
    "tpm2.target", "systemd-tpm2-setup.service", "systemd-tpm2-setup-early.service",
)  # fmt: skip
_ENABLED = {
    "multi-user.target.wants": ("ssh.service", "systemd-networkd.service"),
    "sockets.target.wants": ("systemd-networkd.socket",),
}
_PAM = {
    "auth": "auth [success=1 default=ignore] pam_unix.so nullok\n"
    "auth requisite pam_deny.so\nauth required pam_permit.so\n",
    "account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
    "account requisite pam_deny.so\naccount required pam_permit.so\n",
    "password": "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n"
    "password requisite pam_deny.so\npassword required pam_permit.so\n",
    "session": "session required pam_permit.so\nsession required pam_unix.so\n",
    "session-noninteractive": "session required pam_permit.so\nsession required pam_unix.so\n",
}
# Where update-alternatives would have put links.
_ALTERNATIVES = {"awk": "mawk", "which": "which.debianutils", "pager": "less"}
_FOLDERS = (
    "etc/opt", "media", "mnt", "opt", "srv", "usr/local/bin", "usr/local/lib", "usr/local/sbin",
    "usr/local/share", "var/log/journal", "var/opt", "boot/efi", "boot/grub",
)  # fmt: skip

MANAGEMENT_MAC = "52:54:00:12:34:56"
_NETWORK = f"""\
[Match]
MACAddress={MANAGEMENT_MAC}
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
LinkLocalAddressing=no
IPv6AcceptRA=no
"""
# Where the machine that emulates is busy, a second here is long.
_PATIENCE = "[Manager]\nDefaultTimeoutStartSec=900s\nDefaultDeviceTimeoutSec=900s\n"
_UDEV_PATIENCE = "event_timeout=900\n"
_INITRAMFS = "COMPRESS=zstd\nCOMPRESSLEVEL=1\nRESUME=none\n"


def first_nodes() -> Nodes:
    """Return what stands in the place of something that a package brings."""
    return {
        "var/lock": Node("/run/lock"),
        "var/run": Node("/run"),
        **{f"usr/bin/{name}": Node(target) for name, target in _ALTERNATIVES.items()},
    }


def settings(root_uuid: str) -> Nodes:
    """Return the settings that maintainer scripts and an installer would have left.

    Args:
        root_uuid: Of the root file system.
    """
    units = {f"{name}": Node("/dev/null") for name in _MASKED}
    units |= {
        f"{folder}/{name}": Node(_UNIT + name)
        for folder, names in _ENABLED.items()
        for name in names
    }
    units["default.target"] = Node(f"{_UNIT}multi-user.target")
    return {
        **{f"etc/systemd/system/{name}": node for name, node in units.items()},
        **{f"etc/pam.d/common-{kind}": Node(text.encode()) for kind, text in _PAM.items()},
        **{path: Node(None, 0o755) for path in _FOLDERS},
        "etc/dpkg/origins/default": Node("debian"),
        "etc/fstab": Node(_fstab(root_uuid)),
        "etc/initramfs-tools/conf.d/lab": Node(_INITRAMFS.encode()),
        "etc/ssh/sshd_config.d/lab.conf": Node(b"UseDNS no\nPasswordAuthentication no\n"),
        "etc/systemd/network/10-management.network": Node(_NETWORK.encode()),
        "etc/systemd/system.conf.d/lab.conf": Node(_PATIENCE.encode()),
        "etc/udev/udev.conf.d/lab.conf": Node(_UDEV_PATIENCE.encode()),
        "root/.ssh": Node(None, 0o700),
    }


def _fstab(root_uuid: str) -> bytes:
    root = f"UUID={root_uuid} / ext4 noatime,errors=remount-ro 0 1\n"
    return f"{root}LABEL=LABESP /boot/efi vfat umask=0077,nofail 0 1\n".encode()
