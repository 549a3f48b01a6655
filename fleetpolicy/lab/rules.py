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
)
NO_KERNEL = Rule(
    "FP802",
    "kernel-not-installed",
    Severity.ERROR,
    "A simulated host boots a kernel that its model lists.",
    _SOURCE,
)
NO_BOOT = Rule(
    "FP803",
    "host-does-not-boot",
    Severity.ERROR,
    "What is on a simulated host's disk must boot, as on a real one.",
    _SOURCE,
)
NOT_WRITTEN = Rule(
    "FP804",
    "simulated-host-not-written",
    Severity.ERROR,
    "The folder of a simulated host can be read and written.",
    _SOURCE,
)
