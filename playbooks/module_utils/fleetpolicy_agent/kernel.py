# SPDX-License-Identifier: Apache-2.0
"""Show what the running kernel and the CPUs can do; a fact without evidence is null."""

from __future__ import annotations

import errno
import gzip
import json
import os
import re
import struct

from ansible.module_utils.fleetpolicy_agent.host import Host

NORMAL_NC_MARKER = b"KVM_PGTABLE_PROT_NORMAL_NC"
KVM_CREATE_VM = 0xAE01
KVM_CHECK_EXTENSION = 0xAE03
KVM_CAP_ARM_VM_IPA_SIZE = 165
KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED = 243
KVM_STAND_IN = "/run/fleetpolicy/kvm.json"
AT_PAGESZ = 6
FWB_LINE = "CPU features: detected: Stage-2 Force Write-Back"
DIC_LINE = "CPU features: detected: Instruction cache invalidation not required for I/D coherence"
OPTIONS = ("ARM_SMMU_V3_IOMMUFD", "IOMMUFD", "TEGRA241_CMDQV", "VFIO_DEVICE_CDEV")
ARM_PARTS = {
    "0xd0c": "Neoverse-N1",
    "0xd40": "Neoverse-V1",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
    "0xd84": "Neoverse-V3",
    "0xd8e": "Neoverse-N3",
}


def arch_of(host: Host) -> str:
    """Return the machine's architecture as uname spells it.

    Source:
        Documentation/admin-guide/sysctl/kernel.rst, arch (Linux 6.1 and later)
    """
    if host.is_simulated:
        return host.line("/proc/sys/kernel/arch") or "unknown"
    return os.uname().machine


def release_of(host: Host) -> str:
    """Return the running kernel's release."""
    return host.line("/proc/sys/kernel/osrelease") or os.uname().release


def kernel_facts(host: Host) -> dict[str, object]:
    """Return the running kernel and what the era probes show.

    The two probes of stage 2 have a meaning on arm64 only.
    """
    on_kvm: str | None = None
    on_vm: str | None = None
    marker: bool | None = None
    if arch_of(host) == "aarch64":
        marker = _has_marker(host)
        on_kvm, on_vm = _stand_in(host) if host.is_simulated else _capabilities()
    return {
        "capabilityOnKvm": on_kvm,
        "capabilityOnVm": on_vm,
        "normalNcMarker": marker,
        "options": _options(host, release_of(host)),
        "pageSizeKib": _page_size_kib(host),
        "release": release_of(host),
        "signaturesEnforced": _enforces_signatures(host),
    }


def cpu_facts(host: Host, capability_on_vm: object) -> dict[str, object]:
    """Return the CPU's model and whether it shows FWB and DIC.

    Source:
        arch/arm64/kernel/cpufeature.c prints a line per feature that all CPUs have and none for
        an absent one, so absence needs a log that reaches back to the start of the boot
    """
    shown: dict[str, bool | None] = {"fwb": None, "dic": None}
    if capability_on_vm == "1":
        shown = {"fwb": True, "dic": True}
    elif arch_of(host) == "aarch64":
        shown = _features(host)
    return {"model": _cpu_model(host), **shown}


def _enforces_signatures(host: Host) -> bool | None:
    """Return whether unsigned modules are refused; None where the kernel does not say.

    Source:
        Linux, kernel/module/signing.c: sig_enforce; security/lockdown/lockdown.c, its file names
        every mode and puts the one in force into brackets
    """
    enforced = host.line("/sys/module/module/parameters/sig_enforce")
    lockdown = host.line("/sys/kernel/security/lockdown")
    if enforced == "Y" or (lockdown and "[none]" not in lockdown):
        return True
    return False if enforced == "N" or lockdown else None


def _options(host: Host, release: str) -> dict[str, str] | None:
    """Return the build options of OPTIONS that are set, None where no configuration is kept.

    Source:
        Linux, Documentation/kbuild/kconfig.rst; CONFIG_IKCONFIG_PROC for /proc/config.gz
    """
    text = host.text(f"/boot/config-{release}") or host.text(f"/lib/modules/{release}/config")
    if text is None:
        try:
            packed = gzip.decompress(host.data("/proc/config.gz") or b"")
        except (OSError, EOFError):
            return None
        text = packed.decode("utf-8", "replace")
    if not text:
        return None
    found = dict(re.findall(r"^CONFIG_(\w+)=([ym])$", text, re.MULTILINE))
    return {name: found[name] for name in OPTIONS if name in found}


def _page_size_kib(host: Host) -> int:
    vector = host.data("/proc/self/auxv") or b""
    for key, value in struct.iter_unpack("=QQ", vector[: len(vector) // 16 * 16]):
        if key == AT_PAGESZ:
            return int(value) // 1024
    return os.sysconf("SC_PAGE_SIZE") // 1024


def _has_marker(host: Host) -> bool | None:
    # Read, not mapped: sysfs gained mmap for this file long after the kernels that matter here.
    types = host.data("/sys/kernel/btf/vmlinux")
    return None if types is None else NORMAL_NC_MARKER in types


def _stand_in(host: Host) -> tuple[str | None, str | None]:
    answers = json.loads(host.text(KVM_STAND_IN) or "{}")
    return answers.get("capabilityOnKvm"), answers.get("capabilityOnVm")


def _capabilities() -> tuple[str | None, str | None]:
    try:
        kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None, None
    try:
        on_kvm = _check_extension(kvm)
        on_vm = _check_on_vm(kvm)
    finally:
        os.close(kvm)
    return on_kvm, None if on_vm == "einval" else on_vm


def _check_on_vm(kvm: int) -> str | None:
    machine = _create_vm(kvm)
    if machine is None:
        return None
    try:
        return _check_extension(machine)
    finally:
        os.close(machine)


def _create_vm(kvm: int) -> int | None:
    from fcntl import ioctl  # noqa: PLC0415 only arm64 hosts come here

    try:
        return ioctl(kvm, KVM_CREATE_VM, 0)
    except OSError:
        pass
    try:
        ipa_bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE)
        return ioctl(kvm, KVM_CREATE_VM, ipa_bits & 0xFF)
    except OSError:
        return None


def _check_extension(descriptor: int) -> str | None:
    from fcntl import ioctl  # noqa: PLC0415 only arm64 hosts come here

    try:
        answer = ioctl(descriptor, KVM_CHECK_EXTENSION, KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED)
    except OSError as error:
        return "einval" if error.errno == errno.EINVAL else None
    return str(answer) if answer in {0, 1} else None


def _features(host: Host) -> dict[str, bool | None]:
    seen = ""
    for command in (("dmesg",), ("journalctl", "-k", "-b", "-o", "cat", "--no-pager")):
        log = host.output(*command) or ""
        if "Linux version " in log and "CPU features: detected:" in log:
            return {"fwb": FWB_LINE in log, "dic": DIC_LINE in log}
        seen += log
    return {"fwb": True if FWB_LINE in seen else None, "dic": True if DIC_LINE in seen else None}


def _cpu_model(host: Host) -> str:
    text = host.text("/proc/cpuinfo") or ""
    for pattern in (r"^model name\s*: (.+)$", r"^Model\s*: (.+)$"):
        found = re.search(pattern, text, re.MULTILINE)
        if found:
            return found.group(1).strip()
    implementer = re.search(r"^CPU implementer\s*: (\S+)", text, re.MULTILINE)
    part = re.search(r"^CPU part\s*: (\S+)", text, re.MULTILINE)
    if not implementer or not part:
        return "unknown"
    known = ARM_PARTS.get(part.group(1)) if implementer.group(1) == "0x41" else None
    return known or f"implementer {implementer.group(1)} part {part.group(1)}"
