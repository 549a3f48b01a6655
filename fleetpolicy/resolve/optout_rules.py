"""List the rules about drivers that withhold Normal-NC."""

from fleetpolicy.diagnostics import Rule, Severity

COHERENT_MEMORY_LOST = Rule(
    "FP270",
    "coherent-memory-lost",
    Severity.WARNING,
    "A device's coherent memory exists for a guest through its variant driver alone; a driver that "
    "withholds Normal-NC, and vfio-pci, show the BARs and no memory.",
    "Linux, drivers/vfio/pci/nvgrace-gpu/main.c (701ab935859f)",
    waivable=True,
    rejected=(
        "kind: FleetPolicy  # and a DevicePolicy that gives away 0009:01:00.0, a GH200\n"
        "spec: {memoryMapping: {globalOptOut: true}}"
    ),
    accepted=(
        "kind: FleetPolicy  # and a DevicePolicy that gives away 0009:01:00.0, a GH200\n"
        "spec: {memoryMapping: {globalOptOut: false}}"
    ),
)
UNSIGNED_MODULE = Rule(
    "FP271",
    "unsigned-module",
    Severity.ERROR,
    "A kernel that takes signed modules only, as under Secure Boot, refuses a driver that nobody "
    "signed; the device would have no driver after the boot.",
    "Linux, Documentation/admin-guide/module-signing.rst",
    rejected=(
        '"kernel": {"signaturesEnforced": true, ...}, "addedModules": {"optout_vfio_pci": false}'
    ),
    accepted=(
        '"kernel": {"signaturesEnforced": true, ...}, "addedModules": {"optout_vfio_pci": true}'
    ),
)
