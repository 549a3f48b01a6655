"""Describe the regions of a class of hosts as the prover takes them."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import Assignment, HostClass, Region
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.simcore.prove.region import Attested, RegionPoint
from fleetpolicy.simcore.vma import MemoryKind


def list_points(host_class: HostClass) -> Iterator[tuple[Assignment, Region, RegionPoint]]:
    """Yield every region that a guest can map; trapped devices and x86 hosts have none.

    The platform's attestation covers errors, byte enables and unaligned accesses. That the VMM
    leaves a device alone while its guest runs is QEMU's way (hw/vfio/pci.c maps the regions and
    makes no access of its own). What is coherent memory is the DeviceProfile's word. Owners, groups
    and pages are resolved and verified elsewhere, so they count as they should be.
    """
    if host_class.kernel is None:
        return
    attested = bool(host_class.platform and host_class.platform.attested) or None
    for assignment in host_class.assignments:
        if assignment.mapping is MappingMode.TRAPPED:
            continue
        for region in assignment.regions:
            is_memory = region.vma.kind is MemoryKind.COHERENT_DEVICE_MEMORY
            yield (
                assignment,
                region,
                RegionPoint(
                    name=f"{assignment.device.address} {region.name}",
                    kernel=host_class.kernel.behaviour,
                    features=host_class.features,
                    vma=region.vma,
                    attested=Attested(
                        conventional_memory=is_memory,
                        coherent=is_memory,
                        errors_contained=attested,
                        in_band_errors=False if attested else None,
                        vmm_stays_away=True,
                        unaligned=attested,
                        byte_enables=attested,
                    ),
                ),
            )
