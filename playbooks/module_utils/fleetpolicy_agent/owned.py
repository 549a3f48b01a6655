# SPDX-License-Identifier: Apache-2.0
"""Name the files that are ours on a host, and the foreign ones that concern us."""

from __future__ import annotations

import hashlib
import re

MANIFEST = "/var/lib/fleetpolicy/manifest.json"
PENDING = "/var/lib/fleetpolicy/pending.json"
DROP_IN = "/etc/default/grub.d/99-fleetpolicy.cfg"
WORD_LIST = "/etc/kernel/fleetpolicy.cmdline"
IMAGE_WORDS = "/usr/lib/bootc/kargs.d/90-fleetpolicy.toml"
OWNED = (
    DROP_IN,
    WORD_LIST,
    "/etc/dracut.conf.d/fleetpolicy.conf",
    "/etc/initramfs-tools/hooks/fleetpolicy",
    "/etc/modprobe.d/fleetpolicy.conf",
    "/etc/modules-load.d/fleetpolicy.conf",
    "/etc/udev/rules.d/70-fleetpolicy.rules",
)
FOREIGN_FOLDERS = (
    "/boot/efi/loader/entries",
    "/boot/loader/entries",
    "/efi/loader/entries",
    "/etc/default/grub.d",
    "/etc/modprobe.d",
    "/etc/modules-load.d",
    "/etc/udev/rules.d",
)
FOREIGN_FILES = ("/etc/default/grub", "/etc/kernel/cmdline", "/etc/tuned/bootcmdline")
CONCERNS_US = re.compile(rb"vfio|driver_override|iommu|GRUB_CMDLINE|^linux\s", re.MULTILINE)
MOST_CONTENT = 64 * 1024
DOMAIN_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?\Z")


def digest_of(data: bytes) -> str:
    """Return the digest that plans and manifests know contents by."""
    return hashlib.sha256(data).hexdigest()
