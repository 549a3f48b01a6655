"""Decide which devices a host gives away, and which line of policy speaks for each."""

from collections.abc import Iterator

from msgspec import Struct

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.guest import Guest, GuestDevice
from fleetpolicy.model.policy import DeviceMatch, DevicePolicy, DevicePolicySpec
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.record import PciDevice
from fleetpolicy.resolve.rules import (
    HOST_USES_DEVICE,
    NO_DEVICE,
    PRIORITY_TIE,
    TWO_GUESTS,
    WRONG_DEVICE,
)
from fleetpolicy.resolve.situation import Situation

BRIDGE_CLASS = "0604"


class Taker(Struct, frozen=True):
    """A guest's line that takes a device."""

    guest: Located[Guest]
    index: int

    @property
    def span(self) -> Span:
        """The place of the device in the guest."""
        return self.guest.span_of(("spec", "devices", self.index))

    @property
    def name(self) -> str:
        """The guest's name."""
        return self.guest.model.metadata.name

    @property
    def device(self) -> GuestDevice:
        """What the guest says of the device."""
        return self.guest.model.spec.devices[self.index]


class Claim(Struct, frozen=True):
    """A device and what claims it: a policy, a guest, or both.

    Args:
        companion: The device is taken only because its IOMMU group demands it.
    """

    device: PciDevice
    policy: Located[DevicePolicy] | None
    taker: Taker | None
    companion: bool = False

    @property
    def spec(self) -> DevicePolicySpec | None:
        """What the winning policy says, if any does."""
        return self.policy.model.spec if self.policy else None

    @property
    def span(self) -> Span:
        """The place that made the device a claimed one."""
        if self.policy:
            return self.policy.span_of(("spec", "match", "device"))
        if self.taker:
            return self.taker.span
        raise AssertionError("a claim without a claimant")  # never built


def claim_devices(
    situation: Situation,
) -> tuple[tuple[Claim, ...], tuple[Diagnostic, ...]]:
    """Return the claimed devices in the order of their addresses."""
    findings: list[Diagnostic] = []
    takers: dict[str, Taker] = {}
    for taker in _takers(situation):
        finding = _check_taker(situation, taker, takers)
        if finding:
            findings.append(finding)
        else:
            takers[taker.device.device.address] = taker
    claims: list[Claim] = []
    for device in situation.facts.devices:
        ranked = _matching(situation, device)
        findings += _check_tie(situation, device, ranked)
        own = takers.get(device.address)
        if ranked or own:
            claim = Claim(device, ranked[0] if ranked else None, own)
            claims.append(claim)
            findings += _check_use(situation, claim)
    return tuple(claims), tuple(findings)


def _takers(situation: Situation) -> Iterator[Taker]:
    for guest in situation.guests:
        for index in range(len(guest.model.spec.devices)):
            yield Taker(guest, index)


def _check_taker(situation: Situation, taker: Taker, takers: dict[str, Taker]) -> Diagnostic | None:
    """Return what is wrong with a guest's device, if anything is."""
    unit = taker.device.device
    present = {device.address: device for device in situation.facts.devices}
    found = present.get(unit.address)
    if found is None:
        same = [device.address for device in present.values() if device.id == unit.id]
        return situation.find(
            NO_DEVICE,
            taker.span,
            why=f"{situation.host} has no device at {unit.address}; "
            f"{unit.id} sits at {', '.join(same) if same else 'no address of it'}",
            fix="correct the address, or collect the facts again if the device is new",
            device=unit.address,
        )
    serial = situation.serials.get(unit.address, "unknown")
    if found.id != unit.id or (unit.serial and unit.serial != serial):
        wanted = unit.id + (f" serial {unit.serial}" if unit.serial else "")
        seen = found.id + (f" serial {serial}" if unit.serial else "")
        return situation.find(
            WRONG_DEVICE,
            taker.span,
            why=f"{unit.address} is {seen}; guest {taker.name} expects {wanted}",
            fix="find the device's new address, and correct the guest",
            device=unit.address,
        )
    other = takers.get(unit.address)
    if other:
        return situation.find(
            TWO_GUESTS,
            taker.span,
            why=f"{unit.address} is given to guest {other.name} at {other.span} "
            f"and to guest {taker.name} here",
            fix=f"remove {unit.address} from guest {other.name} or from guest {taker.name}",
            device=unit.address,
        )
    return None


def _matching(situation: Situation, device: PciDevice) -> list[Located[DevicePolicy]]:
    """Return the policies that match a device, the highest priority first."""
    matching = [
        located
        for located in situation.applicable
        if matches_device(located.model.spec, device, situation.serials.get(device.address))
    ]
    return sorted(matching, key=lambda located: -located.model.spec.priority)


def matches_device(spec: DevicePolicySpec, device: PciDevice, serial: str | None) -> bool:
    """Return whether every part of a policy's device match holds."""
    return fits(spec.match.device, device, serial)


def fits(match: DeviceMatch, device: PciDevice, serial: str | None) -> bool:
    """Return whether a device is one that is meant: every part that is given holds."""
    return (
        match.id in {None, device.id}
        and match.subsystem in {None, device.subsystem}
        and match.address in {None, device.address}
        and match.serial in {None, serial}
        and device.device_class.startswith(match.device_class or "")
    )


def _check_tie(
    situation: Situation, device: PciDevice, ranked: list[Located[DevicePolicy]]
) -> Iterator[Diagnostic]:
    """Find each policy that matches a device as strongly as the first."""
    for other in ranked[1:]:
        first, priority = ranked[0], ranked[0].model.spec.priority
        if other.model.spec.priority != priority:
            return
        yield situation.find(
            PRIORITY_TIE,
            other.span_of(("spec", "priority")),
            why=f"{other.model.metadata.name} and {first.model.metadata.name} "
            f"({first.span_of(('spec', 'priority'))}) both match {device.address} "
            f"({device.id}) with priority {priority}",
            fix="give one of them a higher priority, or narrow its match",
            device=device.address,
        )


def _check_use(situation: Situation, claim: Claim) -> Iterator[Diagnostic]:
    if claim.device.used_by:
        yield situation.find(
            HOST_USES_DEVICE,
            claim.span,
            why=f"{claim.device.address} ({claim.device.id}) is the host's "
            f"{', '.join(claim.device.used_by)}",
            fix="match the other devices by address, so that this one is left to the host",
            device=claim.device.address,
        )
