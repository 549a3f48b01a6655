# SPDX-License-Identifier: Apache-2.0
"""Show how a host boots, what its firmware says and which libvirt and modules it has."""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.bootloader import is_image_based, loader_of
from ansible.module_utils.fleetpolicy_agent.host import Host

SWTPM = ("/usr/bin/swtpm", "/usr/local/bin/swtpm")
QEMU_PROGRAMS = ("qemu-system-aarch64", "qemu-system-x86_64", "qemu-kvm")


def firmware_facts(host: Host) -> dict[str, object]:
    """Return what DMI, or else the device tree, calls the machine; empty where neither speaks."""
    model = (host.text("/proc/device-tree/model") or "").strip("\0\n ")
    return {
        "product": host.line("/sys/class/dmi/id/product_name") or model,
        "vendor": host.line("/sys/class/dmi/id/sys_vendor") or "",
    }


def boot_facts(host: Host, release: str) -> dict[str, object]:
    """Return the boot loader that really booted the host, and what makes its initramfs."""
    return {"initramfs": _initramfs(host, release), "loader": loader_of(host)}


def _initramfs(host: Host, release: str) -> str | None:
    if is_image_based(host):
        return "image"
    if host.exists("/usr/sbin/mkinitramfs"):
        return "initramfs-tools"
    if host.exists("/usr/bin/dracut") or host.exists("/usr/sbin/dracut"):
        return "dracut"
    images = (f"/boot/initrd.img-{release}", f"/boot/initramfs-{release}.img")
    has_kernel = host.exists(f"/boot/vmlinuz-{release}")
    return "none" if has_kernel and not any(host.exists(image) for image in images) else None


def libvirt_facts(host: Host) -> dict[str, object] | None:
    """Return the versions of libvirt and QEMU, or None unless both are known."""
    text = host.output("virsh", "version") or ""
    libvirt = _version(r"Using library: libvirt ([\d.]+)", text)
    qemu = _version(r"Running hypervisor: QEMU ([\d.]+)", text)
    for program in ("libvirtd", "virtqemud"):
        libvirt = libvirt or _version(r" ([\d.]+)", host.output(program, "--version") or "")
    if libvirt:
        for program in QEMU_PROGRAMS:
            qemu = qemu or _version(r"version ([\d.]+)", host.output(program, "--version") or "")
    if not libvirt or not qemu:
        return None
    return {"libvirt": libvirt, "qemu": qemu, "swtpm": any(map(host.exists, SWTPM))}


def _version(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    if not found:
        return None
    major, minor, micro = ([int(part) for part in found.group(1).split(".") if part] + [0, 0])[:3]
    return major * 1_000_000 + minor * 1_000 + micro


class Modules:
    """What depmod wrote about a kernel's modules.

    Args:
        tree: What stands before /lib where the kernel is not that of the running system.
    """

    def __init__(self, host: Host, release: str, tree: str = "") -> None:
        folder = f"{tree}/lib/modules/{release}"
        self._host = host
        self._release = release
        self._built_in = host.text(f"{folder}/modules.builtin") or ""
        self._loadable = host.text(f"{folder}/modules.dep") or ""
        self._softdeps = host.text(f"{folder}/modules.softdep") or ""
        aliases = host.text(f"{folder}/modules.alias") or ""
        # Modules that are built in have their aliases in this file, as NAME.alias=PATTERN.
        described = (host.text(f"{folder}/modules.builtin.modinfo") or "").split("\0")
        built_in = (re.match(r"(\w+)\.alias=(\S+)$", item) for item in described)
        self._aliases = aliases + "".join(
            f"\nalias {item.group(2)} {item.group(1)}" for item in built_in if item
        )

    def vfio_modules(self) -> dict[str, str]:
        """Return the VFIO modules of the kernel and whether each is built in."""
        pattern = r"(?:^|/)([\w-]*vfio[\w-]*|iommufd)\.ko"
        found = dict.fromkeys(re.findall(pattern, self._loadable, re.MULTILINE), "module")
        found.update(dict.fromkeys(re.findall(pattern, self._built_in, re.MULTILINE), "builtin"))
        return {name.replace("-", "_"): found[name] for name in sorted(found)}

    def is_built_in(self, module: str) -> bool:
        """Return whether the kernel has a module, spelt with underscores, built in."""
        name = module.replace("_", "[-_]")
        return bool(re.search(rf"(?:^|/){name}\.ko", self._built_in, re.MULTILINE))

    def softdeps(self, modules: set[str]) -> dict[str, dict[str, list[str]]]:
        """Return what modules want loaded before and after themselves; a line of ours hides it.

        Source:
            modprobe.d(5), softdep; kmod libkmod/libkmod-module.c: the first line of a module counts
        """
        found: dict[str, dict[str, list[str]]] = {}
        for module, text in re.findall(r"^softdep (\S+) (.*)$", self._softdeps, re.MULTILINE):
            name = module.replace("-", "_")
            if name in modules and name not in found:
                found[name] = _softdep(text)
        return dict(sorted(found.items()))

    def described(self, modules: list[str]) -> dict[str, str] | None:
        """Return what modinfo(8) prints of each module; None when it does not tell of all."""
        text = self._host.output("modinfo", "-k", self._release, *modules) if modules else None
        if text is None:
            return None
        found: dict[str, str] = {}
        # The file of a module that is built in comes after its name, that of others before it.
        first = r"^(?:name:.*\nfilename:\s+\(builtin\)|filename:(?!\s+\(builtin\)))"
        starts = [block.start() for block in re.finditer(first, text, re.MULTILINE)]
        for index, start in enumerate(starts):
            block = text[start : [*starts, len(text)][index + 1]]
            name = re.search(r"^name:\s+(\S+)$", block, re.MULTILINE)
            if name:
                found[name.group(1).replace("-", "_")] = block
        return found if set(found) == set(modules) else None

    def vfio_aliases(self) -> list[dict[str, str]]:
        """Return the lines that tell which VFIO driver suits which device."""
        lines = re.findall(r"^alias (vfio_pci:\S+) (\S+)$", self._aliases, re.MULTILINE)
        return [{"module": module, "pattern": pattern} for pattern, module in sorted(set(lines))]

    def pci_aliases(self, vendors: set[str]) -> list[tuple[str, str]]:
        """Return the pattern and module of every PCI alias that can concern these vendors.

        Args:
            vendors: Four hex digits each.
        """
        choice = "|".join(sorted(f"0000{vendor.upper()}" for vendor in vendors))
        pattern = rf"^alias (pci:v(?:\*|{choice})d\S+) (\S+)$"
        return re.findall(pattern, self._aliases, re.MULTILINE)


def _parameters(block: str) -> list[tuple[str, str]]:
    """Return the name and kind of each parameter; a description can go on over lines.

    The kind stands in brackets behind the description, or alone where there is none.
    """
    field = r"^parm:\s+(\w+):(.*\n(?:(?![a-z_]+:\s).*\n)*)"
    found = []
    for name, rest in re.findall(field, block + "\n", re.MULTILINE):
        kind = re.search(r"\(([^()]*)\)\s*$", rest) or re.match(r"((?:array of )?\w+)\s*$", rest)
        found.append((name, kind.group(1) if kind else ""))
    return found


def _softdep(text: str) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {"pre:": [], "post:": []}
    current = ""
    for word in text.split():
        if word in lists:
            current = word
        elif current:
            lists[current].append(word.replace("-", "_"))
    return {"pre": lists["pre:"], "post": lists["post:"]}


def parameters_of(described: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return what modules take, and of which kind.

    Args:
        described: Module to what modinfo prints of it.
    """
    return {module: dict(sorted(_parameters(text))) for module, text in described.items()}


def added_modules(described: dict[str, str]) -> dict[str, bool]:
    """Return the modules that did not come with the kernel, and whether each is signed.

    Source:
        depmod.d(5): updates/ and extra/ are for modules of others; modinfo(8) prints the kind of a
        signature as sig_id
    """
    return {
        module: bool(re.search(r"^sig_id:\s*\S", text, re.MULTILINE))
        for module, text in described.items()
        if re.match(r"filename:\s+\S*/lib/modules/[^/]+/(?:updates|extra)/", text)
    }
