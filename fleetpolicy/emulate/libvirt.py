"""Put libvirt and QEMU on an emulated host, as their maintainer scripts would have."""

from fleetpolicy.emulate.accounts import SYSUSERS
from fleetpolicy.emulate.tree import Node, Nodes

PACKAGES = (
    "libvirt-clients", "libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-daemon-lock",
    "libvirt-daemon-log", "qemu-efi-aarch64", "qemu-system-arm",
)  # fmt: skip
_ACCOUNTS = b"""\
g libvirt -
g libvirt-qemu 64055
u libvirt-qemu 64055:kvm "Libvirt Qemu" /var/lib/libvirt
m libvirt-qemu libvirt-qemu
"""
ACCOUNTS = {f"{SYSUSERS}libvirt.conf": _ACCOUNTS}
"""What takes the place of sysusers.d, which these packages lack."""
_SOCKETS = ("libvirtd.socket", "libvirtd-ro.socket", "virtlockd.socket", "virtlogd.socket")


def libvirt_nodes() -> Nodes:
    """Return the links that start libvirt when somebody asks for it."""
    return {
        f"etc/systemd/system/sockets.target.wants/{name}": Node(f"/usr/lib/systemd/system/{name}")
        for name in _SOCKETS
    }
