"""List what can stand in the way of a simulated host."""

from fleetpolicy.diagnostics import Rule, Severity

_SOURCE = "docs/simulated-hosts.md"

NO_HOST_FOLDER = Rule(
    "FP801",
    "no-simulated-host-folder",
    Severity.ERROR,
    "The root of a simulated host is a folder that fleetpolicy built, or nothing yet; "
    "anything else in its place is left alone.",
    _SOURCE,
    rejected="fleetpolicy_root: /srv/data\n# a folder that fleetpolicy did not build",
    accepted="fleetpolicy_root: /srv/lab/gh-01\n"
    "# nothing yet, or a host that fleetpolicy lab up built",
)
NO_KERNEL = Rule(
    "FP802",
    "kernel-not-installed",
    Severity.ERROR,
    "A simulated host boots a kernel that its model lists.",
    _SOURCE,
    rejected="fleetpolicy lab boot -i inventories/demo gh-02 --kernel 5.4.0",
    accepted="fleetpolicy lab boot -i inventories/demo gh-02 --kernel 6.14.0-arm64",
)
NO_BOOT = Rule(
    "FP803",
    "host-does-not-boot",
    Severity.ERROR,
    "What is on a simulated host's disk must boot, as on a real one.",
    _SOURCE,
    rejected="/boot/grub/grub.cfg of the host was removed.",
    accepted="/boot/grub/grub.cfg of the host has an entry that starts an installed kernel.",
)
NOT_WRITTEN = Rule(
    "FP804",
    "simulated-host-not-written",
    Severity.ERROR,
    "The folder of a simulated host can be read and written.",
    _SOURCE,
    rejected="The disk below the folder of the host is full.",
    accepted="The folder belongs to the user who runs fleetpolicy, and its disk has room.",
)
