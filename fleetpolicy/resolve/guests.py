"""Give every guest the assignments of its host that it takes."""

from collections.abc import Iterable

from fleetpolicy.model.fleet import AssignedDevice, Assignment, ResolvedGuest
from fleetpolicy.model.guest import Guest, GuestDevice, GuestSpec
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.profiles import DeviceProfileSpec
from fleetpolicy.model.scalars import canonical_module, size_kib
from fleetpolicy.resolve.situation import Situation


def resolve_guests(
    situation: Situation, assignments: Iterable[Assignment]
) -> tuple[ResolvedGuest, ...]:
    """Return the guests of a host, by name."""
    by_address = {assignment.device.address: assignment for assignment in assignments}
    return tuple(_resolve(situation, guest, by_address) for guest in situation.guests)


def _resolve(
    situation: Situation, guest: Located[Guest], by_address: dict[str, Assignment]
) -> ResolvedGuest:
    spec = guest.model.spec
    taken = [(item, by_address[item.device.address]) for item in spec.devices]
    profiles = {
        assignment.device.address: profile
        for _, assignment in taken
        if (profile := _active_profile(situation, assignment))
    }
    devices = tuple(
        _assign(spec, item, assignment, profiles.get(assignment.device.address))
        for item, assignment in taken
    )
    return ResolvedGuest(
        name=guest.model.metadata.name,
        spec=spec,
        origin=guest.span,
        devices=devices,
        generic_initiator_nodes={
            address: profile.generic_initiator_nodes for address, profile in profiles.items()
        },
        mmio_aperture_kib=_aperture_kib(spec, profiles.values()),
        template=situation.policy.templates.get(guest.model.metadata.name),
    )


def _assign(
    spec: GuestSpec, item: GuestDevice, assignment: Assignment, profile: DeviceProfileSpec | None
) -> AssignedDevice:
    """Return a device as the guest sees it; an SMMU needs an expander bus, and /dev/iommu."""
    wanted = item.smmu or (profile.smmu if profile and spec.iommu == "profile" else None)
    expander = item.placement == "expander" or (
        item.placement == "profile" and bool(profile and profile.expander)
    )
    return AssignedDevice(
        assignment,
        item.boot_order or 0,
        expander=expander or wanted is not None,
        iommufd=bool(item.iommufd) or wanted is not None,
        smmu=wanted,
    )


def _aperture_kib(spec: GuestSpec, profiles: Iterable[DeviceProfileSpec]) -> int:
    """Return the window that the guest asks for, else the largest that a profile does."""
    if spec.mmio_aperture:
        return size_kib(spec.mmio_aperture)
    asked = (size_kib(item.mmio_aperture) for item in profiles if item.mmio_aperture)
    return max(asked, default=0)


def _active_profile(situation: Situation, assignment: Assignment) -> DeviceProfileSpec | None:
    """Return the device's profile where its variant driver is the one that is bound."""
    located = situation.policy.devices.get(assignment.device.id)
    if located is None or not located.model.spec.variant_driver:
        return None
    variant = canonical_module(located.model.spec.variant_driver)
    return located.model.spec if variant == assignment.driver.module else None
