"""List what can stand in the way of an emulated machine."""

from fleetpolicy.diagnostics import Rule, Severity

_SOURCE = "docs/lab.md"

NO_MIRROR = Rule(
    "FP810",
    "no-debian-mirror",
    Severity.ERROR,
    "Kernels and programs of emulated machines come from the Debian mirrors that this machine's "
    "apt is configured with; each suite that is needed must have one.",
    _SOURCE,
    rejected="# /etc/apt/sources.list names no Debian mirror",
    accepted="deb https://mirror.example.org/debian bookworm main",
)
PACKAGE_MISSING = Rule(
    "FP811",
    "package-not-to-be-had",
    Severity.ERROR,
    "The packages that an emulated machine is made of can be resolved and fetched.",
    _SOURCE,
    rejected="fleetpolicy lab measure --kernel 5.4\n# no suite has such a kernel",
    accepted="fleetpolicy lab measure --kernel 6.12",
)
CACHE_NOT_WRITTEN = Rule(
    "FP812",
    "cache-not-written",
    Severity.ERROR,
    "The cache can be written, and its disk has room for what is fetched and unpacked.",
    _SOURCE,
    rejected="FLEETPOLICY_CACHE=/mnt/full fleetpolicy lab measure",
    accepted="FLEETPOLICY_CACHE=/srv/cache fleetpolicy lab measure",
)
NO_EMULATOR = Rule(
    "FP813",
    "no-emulator",
    Severity.ERROR,
    "Machines are emulated by QEMU 7.2 or newer: the installed one, the one that FLEETPOLICY_QEMU "
    "names, or Debian's, unpacked into the cache.",
    _SOURCE,
    rejected="FLEETPOLICY_QEMU=/usr/bin/false fleetpolicy lab measure",
    accepted="FLEETPOLICY_QEMU=/usr/bin/qemu-system-aarch64 fleetpolicy lab measure",
)
MACHINE_NOT_STARTED = Rule(
    "FP814",
    "machine-not-started",
    Severity.ERROR,
    "QEMU starts with the machine that was described.",
    _SOURCE,
    rejected="fleetpolicy lab measure --cpu pentium",
    accepted="fleetpolicy lab measure --cpu neoverse-n1",
)
NO_ANSWER = Rule(
    "FP815",
    "measurement-without-answer",
    Severity.ERROR,
    "A kernel that is measured boots, binds the devices, tells what it found and powers off in "
    "its time.",
    _SOURCE,
    rejected="fleetpolicy lab measure --module broken/\n# a module that makes the kernel panic",
    accepted="fleetpolicy lab measure --module good/ --timeout 600",
)
MODULE_NOT_BUILT = Rule(
    "FP816",
    "module-not-built",
    Severity.ERROR,
    "A module that is to be measured compiles for every kernel that is asked for.",
    _SOURCE,
    rejected="fleetpolicy lab measure --module empty/\n# no Kbuild file",
    accepted="fleetpolicy lab measure --module kernel/\n# Kbuild: obj-m := site_vfio_pci.o",
)
