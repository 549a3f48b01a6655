"""List the rule about kernel modules that were built elsewhere."""

from fleetpolicy.diagnostics import Rule, Severity

UNFIT_MODULE = Rule(
    "FP195",
    "unfit-module",
    Severity.ERROR,
    "A prebuilt module lies in a folder named after the kernel release that it was built for; "
    "another kernel would refuse it.",
    "Linux, include/linux/vermagic.h; docs/opt-out.md",
    rejected="modules/7.3.4+deb13-arm64/optout_vfio_pci.ko\n"
    "modinfo -F vermagic: 6.12.107+deb13-arm64 SMP mod_unload modversions aarch64",
    accepted="modules/6.12.107+deb13-arm64/optout_vfio_pci.ko\n"
    "modinfo -F vermagic: 6.12.107+deb13-arm64 SMP mod_unload modversions aarch64",
)
