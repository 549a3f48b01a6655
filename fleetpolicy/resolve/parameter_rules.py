"""List the rules about words of the kernel command line."""

from fleetpolicy.diagnostics import Rule, Severity

_PARAMETERS = "Linux, Documentation/admin-guide/kernel-parameters.txt"

UNKNOWN_KERNEL_PARAMETER = Rule(
    "FP230",
    "unknown-kernel-parameter",
    Severity.WARNING,
    "The kernel hands words that it does not know on to init in silence; what is asked for is "
    "known here, or declared by a ParameterProfile.",
    _PARAMETERS,
    production=Severity.ERROR,
    waivable=True,
    rejected="spec:\n  kernel: {parameters: {acme.turbo: max}}",
    accepted=(
        "kind: ParameterProfile\n"
        "spec:\n"
        "  parameters: {acme.turbo: {type: choice, values: [max], meaning: Our kernel's mode.}}\n"
        "  source: our own kernel\n"
        "---\n"
        "kind: FleetPolicy\n"
        "spec:\n"
        "  kernel: {parameters: {acme.turbo: max}}"
    ),
)
MISSPELT_KERNEL_PARAMETER = Rule(
    "FP231",
    "misspelt-kernel-parameter",
    Severity.ERROR,
    "A word that is all but a known parameter does nothing, and the kernel does not say so; one "
    "that is meant needs a ParameterProfile.",
    _PARAMETERS,
    waivable=True,
    rejected='spec:\n  kernel: {parameters: {iommu.pasthrough: "1"}}',
    accepted='spec:\n  kernel: {parameters: {iommu.passthrough: "1"}}',
)
OTHER_ARCHITECTURE = Rule(
    "FP232",
    "parameter-of-another-architecture",
    Severity.ERROR,
    "Some parameters are read on some architectures only, and are ignored elsewhere without a "
    "word.",
    _PARAMETERS,
    waivable=True,
    rejected="spec:  # with arm64 hosts in the fleet\n  kernel: {parameters: {iommu: pt}}",
    accepted='spec:  # for every host\n  kernel: {parameters: {iommu.passthrough: "1"}}',
)
WRONG_VALUE = Rule(
    "FP233",
    "wrong-value-of-kernel-parameter",
    Severity.ERROR,
    "A parameter takes the values that its reader can read; others are dropped at boot.",
    _PARAMETERS,
    rejected='spec:\n  kernel: {parameters: {iommu.strict: "2"}}',
    accepted='spec:\n  kernel: {parameters: {iommu.strict: "1"}}',
)
NOT_IN_KERNEL = Rule(
    "FP234",
    "kernel-without-parameter",
    Severity.WARNING,
    "A parameter came with a kernel or went with one; by its release this kernel has none of it. "
    "Vendors backport, so this is a warning.",
    _PARAMETERS,
    waivable=True,
    rejected=(
        "spec:  # legacy has Linux 6.1\n"
        "  overrides:\n"
        "    - hosts: {group: legacy}\n"
        '      kernel: {parameters: {kvm.enable_virt_at_load: "1"}}'
    ),
    accepted=(
        "spec:  # neoverse has Linux 6.12\n"
        "  overrides:\n"
        "    - hosts: {group: neoverse}\n"
        '      kernel: {parameters: {kvm.enable_virt_at_load: "1"}}'
    ),
)
SET_TWICE = Rule(
    "FP235",
    "parameter-set-twice",
    Severity.ERROR,
    "A module's parameter can be set for modprobe.d and on the kernel command line; with two "
    "values one is lost, and which depends on how the module comes in.",
    "kmod, modprobe.d(5): options; Linux, Documentation/admin-guide/kernel-parameters.rst",
    rejected=(
        "spec:\n"
        '  kernel: {parameters: {vfio_pci.disable_idle_d3: "N"}}\n'
        '  modules: {vfio_pci: {disable_idle_d3: "Y"}}'
    ),
    accepted='spec:\n  modules: {vfio_pci: {disable_idle_d3: "Y"}}',
)
NEEDED_BLACKLISTED = Rule(
    "FP236",
    "needed-module-blacklisted",
    Severity.ERROR,
    "A blacklist on the kernel command line keeps a module out whoever asks for it: the one that "
    "drives the root disk or the network, or the one that policy binds a device to.",
    "Linux, kernel/module/main.c, blacklisted(); kmod, modprobe(8); dracut.cmdline(7)",
    rejected="spec:  # the root disks are on ahci and nvme\n"
    "  kernel: {parameters: {modprobe.blacklist: 'nvme,ahci'}}",
    accepted="spec:\n  kernel: {parameters: {modprobe.blacklist: nouveau}}",
)
NO_SUCH_HUGEPAGES = Rule(
    "FP237",
    "no-such-hugepages-of-the-host",
    Severity.ERROR,
    "Which huge pages there are depends on the architecture and the kernel's page size; words "
    "about others are dropped at boot, and so are the counts behind them.",
    "Linux, Documentation/arch/arm64/hugetlbpage.rst",
    rejected="spec:  # arm64 with pages of 4 KiB\n  kernel: {parameters: {hugepagesz: 512M}}",
    accepted="spec:  # every kernel has these\n  kernel: {parameters: {hugepagesz: 2M}}",
)
TOO_MANY_VALUES = Rule(
    "FP238",
    "too-many-values-of-parameter",
    Severity.ERROR,
    "A parameter takes several values if each of its words counts; hugepages takes one for each "
    "hugepagesz, behind which it is written.",
    "Linux, Documentation/admin-guide/kernel-parameters.txt; admin-guide/mm/hugetlbpage.rst",
    rejected="spec:\n  kernel: {parameters: {hugepagesz: [1G, 2M], hugepages: ['4', '8', '16']}}",
    accepted="spec:\n  kernel: {parameters: {hugepagesz: [1G, 2M], hugepages: ['4', '512']}}",
)
