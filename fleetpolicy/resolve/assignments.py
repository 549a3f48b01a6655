"""Give every claimed device its driver, its regions and the mapping it is to get."""

from dataclasses import replace

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.fleet import Assignment, Kernel, OptOut, OptOutMechanism, VfioDriver
from fleetpolicy.model.mapping import shortfalls
from fleetpolicy.model.policy import MappingMode, OnUnsupported
from fleetpolicy.resolve.claims import Claim
from fleetpolicy.resolve.drivers import (
    choose_driver,
    device_profile,
    driver_span,
    list_regions,
    named_driver,
    refuse_bridge,
)
from fleetpolicy.resolve.kernel_rules import HOST_SKIPPED, TRAPPED_INSTEAD
from fleetpolicy.resolve.optout import withholding_driver
from fleetpolicy.resolve.optout_rules import COHERENT_MEMORY_LOST
from fleetpolicy.resolve.situation import Situation


def assign(
    situation: Situation, claim: Claim, kernel: Kernel | None, opt_out: OptOut | None
) -> Assignment | Diagnostic:
    """Return a device's assignment, before any fallback."""
    declared, origin = _declared(situation, claim)
    mapping = declared
    if opt_out:
        origin = opt_out.origin
        trapped = declared is MappingMode.TRAPPED or opt_out.mechanism is OptOutMechanism.TRAPPED
        mapping = MappingMode.TRAPPED if trapped else MappingMode.DEVICE
    driver = refuse_bridge(situation, claim) or _driver(situation, claim, mapping, kernel)
    if isinstance(driver, Diagnostic):
        return driver
    regions = list_regions(situation, claim, driver)
    if isinstance(regions, Diagnostic):
        return regions
    return Assignment(
        device=claim.device,
        driver=driver,
        driver_origin=driver_span(situation, claim),
        mapping=mapping,
        mapping_origin=origin,
        declared=declared,
        policy=claim.policy.model.metadata.name if claim.policy else "",
        companion=claim.companion,
        rom_bar=bool(claim.spec and claim.spec.libvirt.rom_bar),
        regions=regions,
    )


def _declared(situation: Situation, claim: Claim) -> tuple[MappingMode, Span]:
    """Return the mapping that policy asks for, and the line that does."""
    if claim.policy and claim.spec and claim.spec.mapping:
        return claim.spec.mapping, claim.policy.span_of(("spec", "mapping"))
    return situation.defaults.mapping, situation.defaults.mapping_origin


def _driver(
    situation: Situation, claim: Claim, mapping: MappingMode, kernel: Kernel | None
) -> VfioDriver | Diagnostic:
    """Return the driver, one that withholds the consent where only that gives the mapping.

    Under the opt-out it comes even before the driver that policy names.
    """
    uncached = mapping is MappingMode.DEVICE
    if uncached and kernel and kernel.behaviour.normal_nc_by_consent:
        withholding = withholding_driver(situation)
        if withholding and (situation.defaults.opt_out or named_driver(situation, claim) == "auto"):
            return withholding
    return choose_driver(situation, claim, uncached=uncached)


def find_lost_memory(
    situation: Situation, claim: Claim, assignment: Assignment
) -> Diagnostic | None:
    """Return a finding where the device has coherent memory that this driver does not show.

    Source:
        Linux, drivers/vfio/pci/nvgrace-gpu/main.c: the memory regions are the variant driver's own.
    """
    profile = device_profile(situation, claim.device)
    if profile is None or not profile.coherent or assignment.mapping is not MappingMode.DEVICE:
        return None
    shown = {region.name for region in assignment.regions}
    lost = [
        item.name
        for item in profile.regions
        if item.memory == "coherent" and item.name not in shown
    ]
    if not lost:
        return None
    return situation.find(
        COHERENT_MEMORY_LOST,
        assignment.mapping_origin,
        why=f"{assignment.device.address} ({profile.title}) is bound to {assignment.driver.name}; "
        f"its memory ({', '.join(lost)}) is shown by {profile.variant_driver} alone, so the guest "
        "has none of it",
        fix="leave the host out of the opt-out, or give the device to no guest",
        device=assignment.device.address,
    )


def fall_back(
    situation: Situation, claim: Claim, assignment: Assignment, kernel: Kernel | None
) -> tuple[Assignment, Diagnostic | None]:
    """Return what the device gets where the host cannot honour its mapping.

    Returns:
        The assignment as it was, with no finding, where the host honours it or the policy says
        fail: the simulation then reports it. FP219 means that the host is to be left out.
    """
    missing = shortfalls(assignment, kernel, situation.facts)
    choice = _on_unsupported(situation, claim)
    if not missing or choice is OnUnsupported.FAIL:
        return assignment, None
    why = (
        f"{assignment.device.address} cannot have {assignment.mapping.value}: {'; '.join(missing)}"
    )
    fix = "give the host what it lacks, or ask for a mapping that it has"
    rule = HOST_SKIPPED if choice is OnUnsupported.SKIP_HOST else TRAPPED_INSTEAD
    finding = situation.find(
        rule, assignment.mapping_origin, why=why, fix=fix, device=assignment.device.address
    )
    if choice is OnUnsupported.SKIP_HOST:
        return assignment, finding
    return replace(assignment, mapping=MappingMode.TRAPPED), finding


def _on_unsupported(situation: Situation, claim: Claim) -> OnUnsupported:
    if claim.spec and claim.spec.on_unsupported:
        return claim.spec.on_unsupported
    return situation.defaults.on_unsupported
