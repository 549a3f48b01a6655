"""Leave the traces that a booted kernel leaves: its log, its types, KVM's answers."""

import json
import struct
from collections.abc import Iterator

from fleetpolicy.lab.hardware import Hardware, Kernel
from fleetpolicy.lab.tree import Tree
from fleetpolicy.simcore.boot import BootTrace
from fleetpolicy.simcore.boot.cmdline import parse_cmdline

LOG = "/var/log/dmesg"
TRACE = "/var/log/boot-trace"
_FWB = "CPU features: detected: Stage-2 Force Write-Back"
_DIC = "CPU features: detected: Instruction cache invalidation not required for I/D coherence"
_MARKER = "KVM_PGTABLE_PROT_NORMAL_NC"
_BTF_MAGIC = 0xEB9F
_AT_NULL, _AT_PAGESZ, _AT_CLKTCK = 0, 6, 17
_VFIO = ("vfio-pci", "vfio_pci")


def leave_evidence(
    tree: Tree, hardware: Hardware, kernel: Kernel, command_line: str, trace: BootTrace
) -> None:
    """Write what the probes of a look find."""
    tree.write("/sys/kernel/btf/vmlinux", _types(kernel))
    tree.write("/proc/self/auxv", _vector(kernel))
    if kernel.enforces_signatures is not None:
        shown = "Y" if kernel.enforces_signatures else "N"
        tree.write("/sys/module/module/parameters/sig_enforce", f"{shown}\n")
    answers = {"capabilityOnKvm": _on_kvm(kernel), "capabilityOnVm": _on_vm(hardware, kernel)}
    tree.write("/run/fleetpolicy/kvm.json", json.dumps(answers) + "\n")
    lines = enumerate(_log(hardware, kernel, command_line, trace))
    tree.write(LOG, "".join(f"[{number / 100:12.6f}] {line}\n" for number, line in lines))
    steps = (
        f"{event.stage}: {event.subject}: {event.what} ({event.cause})\n" for event in trace.events
    )
    unused = (f"unused: {item.setting}: {item.why}\n" for item in trace.ignored)
    tree.write(TRACE, "".join((*steps, *unused)))


def _types(kernel: Kernel) -> bytes:
    """Return a BTF section without types, whose strings have the marker or not.

    Source:
        Linux, Documentation/bpf/btf.rst, struct btf_header.
    """
    names = ["", "kvm_pgtable", "KVM_PGTABLE_PROT_DEVICE"]
    names += [_MARKER] if kernel.has_marker else []
    strings = b"".join(name.encode() + b"\0" for name in names)
    return struct.pack("<HBBIIIII", _BTF_MAGIC, 1, 0, 24, 0, 0, 0, len(strings)) + strings


def _vector(kernel: Kernel) -> bytes:
    pairs = ((_AT_CLKTCK, 100), (_AT_PAGESZ, kernel.page_size_kib * 1024), (_AT_NULL, 0))
    return b"".join(struct.pack("=QQ", key, value) for key, value in pairs)


def _on_kvm(kernel: Kernel) -> str:
    """Return what /dev/kvm answers when it is asked for capability 243.

    Source:
        Linux, commit f55ce5a6cd33: KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED needs a VM; without one
        a kernel that knows it says EINVAL, an older one 0.
    """
    return "einval" if kernel.knows_cacheable else "0"


def _on_vm(hardware: Hardware, kernel: Kernel) -> str:
    return "1" if kernel.knows_cacheable and hardware.fwb and hardware.dic else "0"


def _log(hardware: Hardware, kernel: Kernel, command_line: str, trace: BootTrace) -> Iterator[str]:
    """Yield the lines of the kernel's log.

    Where the model leaves a feature of the CPU open, the start of the log is gone, so that the
    absence of a line proves nothing.

    Source:
        Linux, arch/arm64/kernel/cpufeature.c: a line per feature that all CPUs have.
    """
    if hardware.arch != "aarch64" or None not in {hardware.fwb, hardware.dic}:
        yield f"Linux version {kernel.release} (lab@fleetpolicy) #1 SMP"
        yield f"Kernel command line: {command_line}"
    if hardware.arch == "aarch64":
        yield "CPU features: detected: GIC system register CPU interface"
        yield from [_FWB] * bool(hardware.fwb)
        yield from [_DIC] * bool(hardware.dic)
        yield "kvm [1]: VHE mode initialized successfully"
    yield f"iommu: Default domain type: {_domain_type(command_line)}"
    for address, owner in trace.owners.items():
        if owner and owner.endswith(_VFIO):
            yield f"{owner} {address}: bound"


def _domain_type(command_line: str) -> str:
    tokens = {token.key: token.value for token in parse_cmdline(command_line)}
    asked = tokens.get("iommu.passthrough")
    kind = "Passthrough" if asked == "1" else "Translated"
    return f"{kind} (set via kernel command line)" if asked else kind
