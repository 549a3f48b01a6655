"""List what a host can fail to be after it was deployed, and how it can drift."""

from fleetpolicy.diagnostics import Rule, Severity

_OURS = "docs/command-line.md"
_KVM = "Linux, arch/arm64/kvm/mmu.c; Documentation/virt/kvm/api.rst, capability 243"
_VFIO = "docs.kernel.org/driver-api/vfio.html"

FILE_NOT_IN_PLACE = Rule(
    "FP701",
    "file-not-in-place",
    Severity.ERROR,
    "Every rendered file is on the host, to the byte and with its permissions, and no other file "
    "of ours is.",
    _OURS,
)
COMMAND_LINE_UNMET = Rule(
    "FP702",
    "kernel-command-line-unmet",
    Severity.ERROR,
    "The running kernel was booted with every word that policy asks for.",
    "Linux, Documentation/admin-guide/kernel-parameters.rst",
)
MODULE_PARAMETER_UNMET = Rule(
    "FP703",
    "module-parameter-unmet",
    Severity.ERROR,
    "A loaded module shows the parameters that policy asks for.",
    "Linux, Documentation/ABI/stable/sysfs-module",
)
DRIVER_NOT_BOUND = Rule(
    "FP704",
    "driver-not-bound",
    Severity.ERROR,
    "Every assigned function is bound to its VFIO driver.",
    "Linux, Documentation/ABI/testing/sysfs-bus-pci, driver_override",
)
MAPPING_NOT_AS_DECLARED = Rule(
    "FP705",
    "mapping-not-as-declared",
    Severity.ERROR,
    "Worked out again from what the host shows now (kernel, CPU, bound driver), every region is "
    "mapped as policy declares it.",
    _KVM,
    waivable=True,
)
GROUP_NOT_VIABLE = Rule(
    "FP706",
    "iommu-group-not-viable",
    Severity.ERROR,
    "Every function of an assigned device's IOMMU group is bound to a VFIO driver or to none; "
    "otherwise no guest can open the group.",
    _VFIO,
)
DOMAIN_NOT_AS_RENDERED = Rule(
    "FP707",
    "domain-not-as-rendered",
    Severity.ERROR,
    "libvirt keeps every part of a rendered domain.",
    "libvirt.org/formatdomain.html",
)
MANIFEST_MISSING = Rule(
    "FP708",
    "manifest-missing",
    Severity.ERROR,
    "A host that was deployed carries the manifest of what was deployed.",
    _OURS,
)
CHECKS_NOT_RUN = Rule(
    "FP709",
    "checks-not-run",
    Severity.ERROR,
    "The testinfra checks run to their end; a run that broke off has proved nothing.",
    _OURS,
)
MEANING_CHANGED = Rule(
    "FP711",
    "mapping-meaning-changed",
    Severity.ERROR,
    "A mapping still means what it meant when it was deployed: another kernel can give another "
    "stage-2 type to the same configuration.",
    _KVM,
)
CONTENT_DRIFTED = Rule(
    "FP712",
    "content-drifted",
    Severity.WARNING,
    "Files and domains of ours are as they were deployed.",
    _OURS,
    waivable=True,
)
RUNNING_STATE_DRIFTED = Rule(
    "FP713",
    "running-state-drifted",
    Severity.WARNING,
    "The running host shows what its deployed files ask for.",
    _OURS,
    waivable=True,
)
NEVER_DEPLOYED = Rule(
    "FP714",
    "never-deployed",
    Severity.WARNING,
    "Drift is judged by the manifest that the last apply left on the host.",
    _OURS,
    waivable=True,
)
HOST_LEFT_OUT = Rule(
    "FP715",
    "deployed-host-left-out",
    Severity.ERROR,
    "A host that policy skips, or that has errors, is neither verified nor pruned: what an earlier "
    "apply put there still works, and may mean something else by now.",
    _OURS,
)
