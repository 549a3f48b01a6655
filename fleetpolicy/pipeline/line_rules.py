"""List the rules about the kernel command line as a whole."""

from fleetpolicy.diagnostics import Rule, Severity

LINE_TOO_LONG = Rule(
    "FP616",
    "command-line-too-long",
    Severity.ERROR,
    "The kernel keeps 2,048 bytes of its command line and drops the rest in silence: what stands "
    "on it already counts, and so does the NUL at its end.",
    "Linux, COMMAND_LINE_SIZE in arch/arm64/include/uapi/asm/setup.h and "
    "arch/x86/include/asm/setup.h",
    rejected="/proc/cmdline has 2,030 bytes.\nPolicy asks for iommu.passthrough=0.",
    accepted="/proc/cmdline has 300 bytes.\nPolicy asks for iommu.passthrough=0.",
)
