"""List the regions that a driver lets the VMM map, with the mapping of each."""

from fleetpolicy.model.fleet import Region, VfioDriver
from fleetpolicy.model.profiles import DeviceProfileSpec, DriverProfileSpec, RegionProfile
from fleetpolicy.model.record import PciDevice
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.simcore.kvm import VFIO_PCI_BAR, MemoryKind, Pgprot, Vma, VmFlag
from fleetpolicy.simcore.vma import withhold

_PGPROT = {
    "device-ngnrne": Pgprot.NONCACHED,
    "device-ngnre": Pgprot.DEVICE,
    "normal-nc": Pgprot.WRITECOMBINE,
    "normal-wb": Pgprot.CACHED,
}


def vfio_driver(spec: DriverProfileSpec) -> VfioDriver:
    """Return a driver as its profile describes it."""
    withheld_by = spec.opt_out.parameter if spec.opt_out else ""
    consent = spec.consent and not withheld_by
    return VfioDriver(canonical_module(spec.module), spec.driver, consent, withheld_by)


def list_device_regions(
    device: PciDevice, profile: DeviceProfileSpec | None, driver: VfioDriver
) -> tuple[Region, ...]:
    """Return the regions of a device under a driver; empty where nothing is known of them."""
    variant = canonical_module(profile.variant_driver or "") if profile else ""
    if profile and variant == driver.module:
        return tuple(
            Region(region.index, region.name, _profile_vma(region, driver))
            for region in profile.regions
        )
    return tuple(Region(bar.index, f"bar{bar.index}", _bar_vma(driver)) for bar in device.regions)


def _bar_vma(driver: VfioDriver) -> Vma:
    return VFIO_PCI_BAR if driver.consent else withhold(VFIO_PCI_BAR)


def _profile_vma(region: RegionProfile, driver: VfioDriver) -> Vma:
    flags = {VmFlag.PFNMAP, VmFlag.SHARED}
    if region.consent and driver.consent:
        flags.add(VmFlag.ALLOW_ANY_UNCACHED)
    coherent = region.memory == "coherent"
    kind = MemoryKind.COHERENT_DEVICE_MEMORY if coherent else MemoryKind.PCIE_MMIO
    return Vma(_PGPROT[region.pgprot], frozenset(flags), kind)
