"""Take IOMMU groups as a whole."""

from collections.abc import Iterable, Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.record import PciDevice
from fleetpolicy.resolve.claims import BRIDGE_CLASS, Claim
from fleetpolicy.resolve.rules import GROUP_PARTNER, NO_GROUP, SHARED_GROUP
from fleetpolicy.resolve.situation import Situation


def complete_groups(
    situation: Situation, claims: tuple[Claim, ...]
) -> tuple[tuple[Claim, ...], tuple[Diagnostic, ...]]:
    """Return the claims on functions that belong along with claimed ones.

    Returns:
        Claims of companions that some policy of the group allows to take (group: take-all), and
        findings for devices without a group, functions that nobody claims, each once, and groups
        split over guests.
    """
    members = _members(situation.facts.devices)
    claimed = {claim.device.address for claim in claims}
    findings = [_find_no_group(situation, claim) for claim in claims if _group(claim) is None]
    companions: dict[str, Claim] = {}
    stranded: dict[str, Diagnostic] = {}
    for claim in claims:
        for partner in members.get(_group(claim), ()):
            if partner.address in claimed:
                continue
            if claim.spec and claim.spec.group == "take-all" and not partner.used_by:
                companion = Claim(partner, claim.policy, None, companion=True)
                companions.setdefault(partner.address, companion)
            else:
                finding = _find_partner(situation, claim, partner)
                stranded.setdefault(partner.address, finding)
    findings += (stranded[address] for address in stranded if address not in companions)
    findings += _find_shared(situation, claims)
    return tuple(companions.values()), tuple(findings)


def _group(claim: Claim) -> int | None:
    return claim.device.iommu_group


def _members(devices: Iterable[PciDevice]) -> Mapping[int | None, list[PciDevice]]:
    """Return each group's functions, bridges left out: pcieport does no DMA for them."""
    members: dict[int | None, list[PciDevice]] = {}
    for device in devices:
        if device.iommu_group is not None and not device.device_class.startswith(BRIDGE_CLASS):
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
