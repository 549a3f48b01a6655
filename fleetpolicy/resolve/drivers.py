"""Choose the VFIO driver of a claimed device, and the regions that it maps."""

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.fleet import Region, VfioDriver
from fleetpolicy.model.profiles import DeviceProfileSpec
from fleetpolicy.model.record import PciDevice
from fleetpolicy.model.regions import list_device_regions, vfio_driver
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.claims import BRIDGE_CLASS, Claim
from fleetpolicy.resolve.kernel_rules import NO_DRIVER
from fleetpolicy.resolve.rules import NO_REGIONS
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.boot.aliases import driver_for

VFIO_PCI = "vfio_pci"


def driver_span(situation: Situation, claim: Claim) -> Span:
    """Return the line that decides over the driver of a device."""
    if claim.policy:
        return claim.policy.span_of(("spec", "driver"))
    return claim.taker.span if claim.taker else situation.defaults_span


def refuse_bridge(situation: Situation, claim: Claim) -> Diagnostic | None:
    """Return a finding where the device is a bridge.

    Source:
        Linux, drivers/vfio/pci/vfio_pci_core.c: a header type other than normal is -EINVAL.
    """
    if not claim.device.device_class.startswith(BRIDGE_CLASS):
        return None
    return situation.find(
        NO_DRIVER,
        claim.span,
        why=f"{claim.device.address} ({claim.device.id}) is a bridge, which every VFIO driver "
        "refuses",
        fix="match the devices behind it, by id, class or address",
        device=claim.device.address,
    )


def choose_driver(situation: Situation, claim: Claim, *, uncached: bool) -> VfioDriver | Diagnostic:
    """Return the driver of a device.

    Args:
        situation: The class of hosts.
        claim: The device, with the policy that speaks for it.
        uncached: The device must not be mapped cacheable, so that `auto` leaves a driver alone
            which would do that.
    """
    named = named_driver(situation, claim)
    if named != "auto":
        return _check_driver(situation, claim, canonical_module(named), named)
    aliases = tuple((alias.pattern, alias.module) for alias in situation.facts.vfio_aliases)
    module = driver_for(claim.device.modalias, aliases)
    if module is None:
        return situation.find(
            NO_DRIVER,
            driver_span(situation, claim),
            why=f"modules.alias of kernel {situation.facts.kernel.release} has no vfio_pci: "
            f"line for {claim.device.address} ({claim.device.modalias})",
            fix="install the kernel's vfio-pci module and run depmod, or name the driver",
            device=claim.device.address,
        )
    module = canonical_module(module)
    profile = device_profile(situation, claim.device)
    if uncached and profile and _maps_cacheable(profile, module):
        module = VFIO_PCI
    return _check_driver(situation, claim, module, module)


def named_driver(situation: Situation, claim: Claim) -> str:
    """Return the driver that policy names, auto for a companion that this one would not take."""
    named = claim.spec.driver if claim.spec else "auto"
    known = situation.policy.drivers.get(canonical_module(named))
    if claim.companion and known and known.model.spec.ids:
        return named if claim.device.id in known.model.spec.ids else "auto"
    return named


def _check_driver(
    situation: Situation, claim: Claim, module: str, named: str
) -> VfioDriver | Diagnostic:
    """Return the driver, or why it cannot own the device."""
    known = situation.policy.drivers.get(module)
    if known is None:
        why = f"no DriverProfile knows {named}: there are {', '.join(_pci_drivers(situation))}"
        fix = "correct the name, or add a DriverProfile for it"
    elif known.model.spec.bus != "pci":
        why = f"{known.model.spec.driver} binds no PCI device"
        fix = "use driver: auto or vfio-pci"
    elif module not in situation.facts.modules:
        why = f"kernel {situation.facts.kernel.release} has no module {module}"
        fix = "install a kernel that has it, or choose another driver"
    elif known.model.spec.ids and claim.device.id not in known.model.spec.ids:
        why = (
            f"{known.model.spec.driver} takes {', '.join(known.model.spec.ids)}, "
            f"not {claim.device.id}"
        )
        fix = "use driver: auto or vfio-pci"
    else:
        return vfio_driver(known.model.spec)
    span = driver_span(situation, claim)
    return situation.find(NO_DRIVER, span, why=why, fix=fix, device=claim.device.address)


def _pci_drivers(situation: Situation) -> list[str]:
    found = (located.model.spec for located in situation.policy.drivers.values())
    return sorted(spec.driver for spec in found if spec.bus == "pci")


def device_profile(situation: Situation, device: PciDevice) -> DeviceProfileSpec | None:
    """Return what is known of the device's model."""
    located = situation.policy.devices.get(device.id)
    return located.model.spec if located else None


def _maps_cacheable(profile: DeviceProfileSpec, module: str) -> bool:
    return (
        profile.variant_driver is not None
        and canonical_module(profile.variant_driver) == module
        and any(region.pgprot == "normal-wb" for region in profile.regions)
    )


def list_regions(
    situation: Situation, claim: Claim, driver: VfioDriver
) -> tuple[Region, ...] | Diagnostic:
    """Return the regions that the VMM can map, by index."""
    return list_device_regions(claim.device, device_profile(situation, claim.device), driver) or (
        situation.find(
            NO_REGIONS,
            claim.span,
            why=f"{claim.device.address} ({claim.device.id}) showed no memory BAR",
            fix="collect the facts again as root; a device without memory BARs "
            "cannot be mapped, so leave it out of the match",
            device=claim.device.address,
        )
    )
