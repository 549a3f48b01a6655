"""Give every guest the assignments of its host that it takes."""

from collections.abc import Iterable

from fleetpolicy.model.fleet import AssignedDevice, Assignment, ResolvedGuest
from fleetpolicy.model.policy import Guest
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
    devices = tuple(
        AssignedDevice(by_address[item.device.address], item.boot_order or 0)
        for item in spec.devices
    )
    profiles = {
        device.assignment.device.address: profile
        for device in devices
        if (profile := _active_profile(situation, device.assignment))
    }
    return ResolvedGuest(
        name=guest.model.metadata.name,
        spec=spec,
        origin=guest.span,
        devices=devices,
        generic_initiator_nodes={
            address: profile.generic_initiator_nodes for address, profile in profiles.items()
        },
        mmio_aperture_kib=max(
            (
                size_kib(profile.mmio_aperture)
                for profile in profiles.values()
                if profile.mmio_aperture
            ),
            default=0,
        ),
    )


def _active_profile(situation: Situation, assignment: Assignment) -> DeviceProfileSpec | None:
    """Return the device's profile where its variant driver is the one that is bound."""
    located = situation.policy.devices.get(assignment.device.id)
    if located is None or not located.model.spec.variant_driver:
        return None
    variant = canonical_module(located.model.spec.variant_driver)
    return located.model.spec if variant == assignment.driver.module else None
