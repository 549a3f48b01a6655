"""List the rules about what a host's kernel, drivers and modules can do for a policy."""

from fleetpolicy.diagnostics import Rule, Severity

_OURS = "docs/policy-language.md"

UNKNOWN_KERNEL = Rule(
    "FP211",
    "unknown-kernel",
    Severity.ERROR,
    "What the kernel does at stage 2 is known by probes, not by its version; "
    "without an answer from them nothing can be promised.",
    "Linux, arch/arm64/kvm/mmu.c; Documentation/virt/kvm/api.rst, capability 243",
    rejected='"kernel": {"normalNcMarker": null, "capabilityOnKvm": null, ...}',
    accepted='"kernel": {"normalNcMarker": true, "capabilityOnKvm": "einval", ...}',
)
KERNEL_DISAGREES = Rule(
    "FP212",
    "kernel-profile-disagrees",
    Severity.ERROR,
    "A KernelProfile may state what a kernel does, but the host's probes must agree.",
    _OURS,
    rejected=(
        "kind: KernelProfile\n"
        "spec:  # the probes of 6.12 show no cacheable PFNMAP\n"
        '  match: {release: "6.12.*"}\n'
        "  stage2: {vfioPci: normal-nc, cacheablePfnmap: true}\n"
        "  source: our own kernel"
    ),
    accepted=(
        "kind: KernelProfile\n"
        "spec:  # the probes of 6.12 show no cacheable PFNMAP\n"
        '  match: {release: "6.12.*"}\n'
        "  stage2: {vfioPci: normal-nc, cacheablePfnmap: false}\n"
        "  source: our own kernel"
    ),
)
NO_DRIVER = Rule(
    "FP214",
    "no-driver",
    Severity.ERROR,
    "The VFIO driver must exist in the host's kernel and take the device.",
    "Linux, drivers/vfio/pci; scripts/mod/file2alias.c (vfio_pci: aliases)",
    rejected=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {group: neoverse}, device: {id: "144d:a80a"}}\n'
        "  driver: nvgrace_gpu_vfio_pci  # not in these kernels"
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {group: neoverse}, device: {id: "144d:a80a"}}\n'
        "  driver: vfio-pci"
    ),
)
NO_OPT_OUT = Rule(
    "FP215",
    "no-opt-out-mechanism",
    Severity.ERROR,
    "The global opt-out needs something on the host that withholds Normal-NC; "
    "no upstream kernel has a parameter for it.",
    "Linux, commits 8c47ce3e1d2c and a39d3a966a09: unconditional since 6.9",
    rejected="spec:  # on kernels that give Normal-NC\n  memoryMapping: {globalOptOut: true}",
    accepted=(
        "spec:  # on kernels that give Normal-NC\n"
        "  memoryMapping: {globalOptOut: true, onUnsupported: trapped}"
    ),
)
UNKNOWN_MODULE = Rule(
    "FP216",
    "unknown-module",
    Severity.ERROR,
    "Parameters are set for modules that the host's kernel has, and that are known here.",
    "Linux, drivers/vfio: module_param()",
    rejected='spec:\n  modules: {vfio_pcii: {disable_idle_d3: "Y"}}',
    accepted='spec:\n  modules: {vfio_pci: {disable_idle_d3: "Y"}}',
)
UNKNOWN_PARAMETER = Rule(
    "FP217",
    "unknown-module-parameter",
    Severity.ERROR,
    "A module takes the parameters that its source declares; others are ignored or refused.",
    "Linux, drivers/vfio: module_param()",
    rejected='spec:\n  modules: {vfio_pci: {disable_idle_d4: "Y"}}',
    accepted='spec:\n  modules: {vfio_pci: {disable_idle_d3: "Y"}}',
)
HOST_SKIPPED = Rule(
    "FP219",
    "host-skipped",
    Severity.WARNING,
    "onUnsupported: skip-host leaves a host out that cannot honour a mapping.",
    _OURS,
    waivable=True,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: normal-nc\n"
        "  onUnsupported: skip-host"
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: device\n"
        "  onUnsupported: skip-host"
    ),
)
TRAPPED_INSTEAD = Rule(
    "FP220",
    "trapped-instead",
    Severity.WARNING,
    "onUnsupported: trapped lets the VMM emulate each access where a mapping is not honoured.",
    "QEMU, hw/vfio/pci.c: x-no-mmap",
    waivable=True,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: normal-nc\n"
        "  onUnsupported: trapped"
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: device\n"
        "  onUnsupported: trapped"
    ),
)
CONFLICTING_PARAMETER = Rule(
    "FP221",
    "conflicting-kernel-parameter",
    Severity.ERROR,
    "A word that a mechanism needs cannot be set to something else by the fleet's defaults.",
    "Linux, Documentation/admin-guide/kernel-parameters.txt",
    rejected=(
        "spec:  # a KernelProfile has optOut.parameter: kvm-arm.vfio_device_map=device\n"
        "  memoryMapping: {globalOptOut: true}\n"
        "  kernel: {parameters: {kvm-arm.vfio_device_map: normal}}"
    ),
    accepted=(
        "spec:  # a KernelProfile has optOut.parameter: kvm-arm.vfio_device_map=device\n"
        "  memoryMapping: {globalOptOut: true}"
    ),
)
