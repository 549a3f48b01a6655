# SPDX-License-Identifier: Apache-2.0
"""Find out which boot loader really booted the host; what is not certain is None."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.entries import Entry, efi_variable, read_entries
from ansible.module_utils.fleetpolicy_agent.host import Host

GRUB = "grub"
GRUB_BLS = "grub-bls"
SYSTEMD_BOOT = "systemd-boot"
IMAGE_BASED = "ostree"
GRUB_CONFIGS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg")
BLSCFG = re.compile(r"^\s*blscfg\b", re.MULTILINE)
OSTREE = "/run/ostree-booted"
EFI_PARTITIONS = ("/efi", "/boot/efi", "/boot")


def loader_of(host: Host) -> str | None:
    """Return the boot loader whose command line we know how to change.

    Each needs the evidence of the boot itself and of its files: GRUB tells the kernel its image,
    systemd-boot leaves its name in an EFI variable. On an image-based system ostree writes the
    entries anew with every deployment, whatever reads them. A unified kernel image has its command
    line in itself.

    Source:
        systemd, Boot Loader Interface: LoaderInfo and StubInfo; libostree, /run/ostree-booted
    """
    if efi_variable(host, "StubInfo"):
        return None
    if is_image_based(host):
        return IMAGE_BASED if ostree_entries(host) else None
    if (efi_variable(host, "LoaderInfo") or "").startswith("systemd-boot"):
        boot = systemd_boot_partition(host)
        return SYSTEMD_BOOT if boot and not _has_unified_images(host, boot) else None
    return _grub(host) if "BOOT_IMAGE=" in (host.text("/proc/cmdline") or "") else None


def _grub(host: Host) -> str | None:
    config = grub_config(host)
    if config is None or not host.exists("/etc/default/grub"):
        return None
    if BLSCFG.search(host.text(config) or ""):
        return GRUB_BLS if read_entries(host, "/boot") else None
    return GRUB if config == "/boot/grub/grub.cfg" else None


def is_image_based(host: Host) -> bool:
    """Return whether the host was booted from a deployment of ostree's."""
    return host.exists(OSTREE)


def ostree_entries(host: Host) -> list[Entry]:
    """Return the entries of ostree's deployments, the one that boots by default first.

    Source:
        libostree, src/libostree/ostree-sysroot-deploy.c: entries are named ostree-*.conf, and the
        first deployment has the highest version; ostree-sysroot.c, compare_boot_loader_configs()
    """
    entries = [
        item for item in read_entries(host, "/boot") if item.identifier.startswith("ostree-")
    ]
    if not all(entry.value("version").isdigit() for entry in entries):
        return []
    return sorted(entries, key=lambda entry: int(entry.value("version")), reverse=True)


def grub_config(host: Host) -> str | None:
    """Return the path of GRUB's configuration, or None without one."""
    return next((path for path in GRUB_CONFIGS if host.text(path) is not None), None)


def systemd_boot_partition(host: Host) -> str | None:
    """Return where the partition with systemd-boot's entries is mounted.

    Source:
        bootctl(1): /efi, /boot or /boot/efi
    """
    found = [boot for boot in EFI_PARTITIONS if read_entries(host, boot)]
    return found[0] if len(found) == 1 else None


def _has_unified_images(host: Host, boot: str) -> bool:
    """Return whether there are kernels that carry their command line in themselves."""
    return any(name.lower().endswith(".efi") for name in host.names(f"{boot}/EFI/Linux"))
