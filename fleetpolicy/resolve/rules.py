"""List the rules that a policy can break once it meets the fleet's hosts."""

from fleetpolicy.diagnostics import Rule, Severity

_VFIO = "docs.kernel.org/driver-api/vfio.html"
_ABI = "Linux, Documentation/ABI/testing/sysfs-bus-pci"
_OURS = "docs/policy-language.md"

UNKNOWN_HOST = Rule(
    "FP201",
    "unknown-host",
    Severity.ERROR,
    "A guest runs on a host that the inventory does not have.",
    _OURS,
)
UNKNOWN_GROUP = Rule(
    "FP202",
    "unknown-group",
    Severity.ERROR,
    "A policy matches an Ansible group that the inventory does not have.",
    _OURS,
)
GROUP_PARTNER = Rule(
    "FP203",
    "iommu-group-partner",
    Severity.ERROR,
    "Every function of an IOMMU group is bound to a VFIO driver or to none; "
    "one function cannot be taken from its group.",
    _VFIO,
)
NO_GROUP = Rule(
    "FP204",
    "no-iommu-group",
    Severity.ERROR,
    "A device without an IOMMU group cannot be assigned: the SMMU is off or firmware hides it.",
    _VFIO,
)
SHARED_GROUP = Rule(
    "FP205",
    "iommu-group-shared",
    Severity.ERROR,
    "All functions of an IOMMU group go to one guest.",
    _VFIO,
)
PRIORITY_TIE = Rule(
    "FP206",
    "priority-tie",
    Severity.ERROR,
    "Two DevicePolicies of equal priority match one device; which of them wins must be said.",
    _OURS,
)
NO_DEVICE = Rule(
    "FP207",
    "no-such-device",
    Severity.ERROR,
    "A guest takes a device that its host does not have at that address.",
    _OURS,
)
WRONG_DEVICE = Rule(
    "FP208",
    "wrong-device",
    Severity.ERROR,
    "A device is identified by its address and its ids; another device sits at the address.",
    _OURS,
)
TWO_GUESTS = Rule(
    "FP209",
    "device-in-two-guests",
    Severity.ERROR,
    "A device belongs to one guest.",
    _VFIO,
)
NO_FACTS = Rule(
    "FP210",
    "no-facts",
    Severity.ERROR,
    "A host without recorded facts cannot be judged, and what cannot be judged is refused.",
    _OURS,
)
UNKNOWN_KERNEL = Rule(
    "FP211",
    "unknown-kernel",
    Severity.ERROR,
    "What the kernel does at stage 2 is known by probes, not by its version; "
    "without an answer from them nothing can be promised.",
    "Linux, arch/arm64/kvm/mmu.c; Documentation/virt/kvm/api.rst, capability 243",
)
KERNEL_DISAGREES = Rule(
    "FP212",
    "kernel-profile-disagrees",
    Severity.ERROR,
    "A KernelProfile may state what a kernel does, but the host's probes must agree.",
    _OURS,
)
HOST_USES_DEVICE = Rule(
    "FP213",
    "device-in-use-by-host",
    Severity.ERROR,
    "A device that backs the host's root disk, network or console is never given away.",
    _ABI,
)
NO_DRIVER = Rule(
    "FP214",
    "no-driver",
    Severity.ERROR,
    "The VFIO driver must exist in the host's kernel and take the device.",
    "Linux, drivers/vfio/pci; scripts/mod/file2alias.c (vfio_pci: aliases)",
)
NO_OPT_OUT = Rule(
    "FP215",
    "no-opt-out-mechanism",
    Severity.ERROR,
    "The global opt-out needs something on the host that withholds Normal-NC; "
    "no upstream kernel has a parameter for it.",
    "Linux, commits 8c47ce3e1d2c and a39d3a966a09: unconditional since 6.9",
)
UNKNOWN_MODULE = Rule(
    "FP216",
    "unknown-module",
    Severity.ERROR,
    "Parameters are set for modules that the host's kernel has, and that are known here.",
    "Linux, drivers/vfio: module_param()",
)
UNKNOWN_PARAMETER = Rule(
    "FP217",
    "unknown-module-parameter",
    Severity.ERROR,
    "A module takes the parameters that its source declares; others are ignored or refused.",
    "Linux, drivers/vfio: module_param()",
)
UNMATCHED_POLICY = Rule(
    "FP218",
    "policy-matches-nothing",
    Severity.WARNING,
    "A DevicePolicy that matches no device of any host is a mistake or a leftover.",
    _OURS,
)
HOST_SKIPPED = Rule(
    "FP219",
    "host-skipped",
    Severity.WARNING,
    "onUnsupported: skip-host leaves a host out that cannot honour a mapping.",
    _OURS,
    waivable=True,
)
TRAPPED_INSTEAD = Rule(
    "FP220",
    "trapped-instead",
    Severity.WARNING,
    "onUnsupported: trapped lets the VMM emulate each access where a mapping is not honoured.",
    "QEMU, hw/vfio/pci.c: x-no-mmap",
    waivable=True,
)
CONFLICTING_PARAMETER = Rule(
    "FP221",
    "conflicting-kernel-parameter",
    Severity.ERROR,
    "A word that a mechanism needs cannot be set to something else by the fleet's defaults.",
    "Linux, Documentation/admin-guide/kernel-parameters.txt",
)
UNKNOWN_PATTERN = Rule(
    "FP222",
    "pattern-matches-nothing",
    Severity.WARNING,
    "A host pattern that matches no host of the inventory is a mistake or a leftover.",
    "Ansible, Patterns: targeting hosts and groups",
)
NO_REGIONS = Rule(
    "FP223",
    "no-regions",
    Severity.ERROR,
    "A device whose memory regions the host did not show cannot be judged.",
    _OURS,
)
