"""Take IOMMU groups as a whole."""

from collections.abc import Iterable, Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.record import PciDevice
from fleetpolicy.resolve.claims import Claim
from fleetpolicy.resolve.rules import GROUP_PARTNER, NO_GROUP, SHARED_GROUP
from fleetpolicy.resolve.situation import Situation

_BRIDGE = "0604"


def complete_groups(
    situation: Situation, claims: tuple[Claim, ...]
) -> tuple[tuple[Claim, ...], tuple[Diagnostic, ...]]:
    """Return the claims on functions that belong along with claimed ones.

    Returns:
        Claims of companions that policy allows to take (group: take-all), and findings for
        devices without a group, groups with unclaimed functions, groups split over guests.
    """
    claimed = {claim.device.address: claim for claim in claims}
    companions: dict[str, Claim] = {}
    findings: list[Diagnostic] = []
    members = _members(situation.facts.devices)
    for claim in claims:
        if claim.device.iommu_group is None:
            findings.append(_find_no_group(situation, claim))
            continue
        for partner in members[claim.device.iommu_group]:
            if partner.address in claimed or partner.address in companions:
                continue
            if claim.spec and claim.spec.group == "take-all" and not partner.used_by:
                companions[partner.address] = Claim(partner, claim.policy, None)
            else:
                findings.append(_find_partner(situation, claim, partner))
    findings += _find_shared(situation, claims)
    return tuple(companions.values()), tuple(findings)


def _members(devices: Iterable[PciDevice]) -> Mapping[int, list[PciDevice]]:
    """Return each group's functions, bridges left out: pcieport does no DMA for them."""
    members: dict[int, list[PciDevice]] = {}
    for device in devices:
        if device.iommu_group is not None and not device.device_class.startswith(_BRIDGE):
            members.setdefault(device.iommu_group, []).append(device)
    return members


def _find_no_group(situation: Situation, claim: Claim) -> Diagnostic:
    return situation.find(
        NO_GROUP,
        claim.span,
        why=f"{claim.device.address} ({claim.device.id}) is in no IOMMU group",
        fix="switch the SMMU or IOMMU on in firmware, boot, and collect the facts again",
        device=claim.device.address,
    )


def _find_partner(situation: Situation, claim: Claim, partner: PciDevice) -> Diagnostic:
    group = claim.device.iommu_group
    if partner.used_by:
        state = f"which is the host's {', '.join(partner.used_by)}"
        fix = "leave the whole group to the host, or move the host to another device"
    else:
        state = f"{partner.id} ({partner.native_driver or 'no driver'}), which no policy claims"
        fix = f"match {partner.address} too, or set spec.group: take-all"
    return situation.find(
        GROUP_PARTNER,
        claim.span,
        why=f"{claim.device.address} shares IOMMU group {group} with {partner.address}, {state}",
        fix=fix,
        device=claim.device.address,
    )


def _find_shared(situation: Situation, claims: tuple[Claim, ...]) -> Iterator[Diagnostic]:
    """Find groups whose functions go to different guests."""
    first: dict[int, Claim] = {}
    for claim in claims:
        group = claim.device.iommu_group
        if claim.taker is None or group is None:
            continue
        other = first.setdefault(group, claim)
        if other.taker and other.taker.name != claim.taker.name:
            yield situation.find(
                SHARED_GROUP,
                claim.taker.span,
                why=f"IOMMU group {group}: {other.device.address} goes to guest "
                f"{other.taker.name} at {other.taker.span}, {claim.device.address} "
                f"to guest {claim.taker.name} here",
                fix="give both functions to one guest",
                device=claim.device.address,
            )
