"""Work out what a guest gets for a region, and whether that is what was asked for."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import Assignment, Kernel, Region
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostFacts
from fleetpolicy.model.simulation import RegionMapping
from fleetpolicy.simcore.attributes import CpuFeatures
from fleetpolicy.simcore.kvm import (
    Refused,
    Stage2Type,
    kvm_stage2,
    reachable_types,
)

TRAPPED = "trapped"
NOT_APPLICABLE = "not applicable on x86"


def features_of(facts: HostFacts) -> CpuFeatures:
    """Return the CPU features that decide over stage 2; an unknown one counts as absent."""
    return CpuFeatures(fwb=facts.cpu.fwb is True, dic=facts.cpu.dic is True)


def map_region(
    region: Region, mode: MappingMode, kernel: Kernel | None, features: CpuFeatures
) -> RegionMapping:
    """Return the VMM's mapping, KVM's choice, and the types that a guest can reach.

    Source:
        Linux, arch/arm64/kvm/mmu.c; QEMU, hw/vfio/pci.c (x-no-mmap); Arm DDI 0487, D8.6.
    """
    if mode is MappingMode.TRAPPED:
        return RegionMapping(region.name, "not mapped", TRAPPED, ())
    vmm = region.vma.pgprot.value
    if kernel is None:
        return RegionMapping(region.name, vmm, NOT_APPLICABLE, ())
    choice = kvm_stage2(kernel.behaviour, region.vma, features)
    if isinstance(choice, Refused):
        return RegionMapping(region.name, vmm, f"refused: {choice.errno} at {choice.where}", ())
    return RegionMapping(region.name, vmm, choice.type.value, reachable_types(choice, features))


def wanted_stage2(region: Region, mode: MappingMode) -> str:
    """Return the stage-2 type that a mode promises for a region."""
    match mode:
        case MappingMode.TRAPPED:
            return TRAPPED
        case MappingMode.DEVICE:
            return Stage2Type.DEVICE_nGnRE.value
        case MappingMode.NORMAL_NC:
            return Stage2Type.NORMAL_NC.value
        case MappingMode.CACHEABLE:
            cacheable = region.vma.pgprot.is_cacheable
            return (Stage2Type.NORMAL if cacheable else Stage2Type.NORMAL_NC).value


def shortfalls(assignment: Assignment, kernel: Kernel | None, facts: HostFacts) -> tuple[str, ...]:
    """Return what the host lacks for the mapping of a device; empty where it is honoured."""
    mode = assignment.mapping
    if mode is MappingMode.TRAPPED:
        return ()
    if kernel is None:
        return _x86_shortfalls(mode)
    coherent = any(region.vma.pgprot.is_cacheable for region in assignment.regions)
    if mode is MappingMode.CACHEABLE and not coherent:
        return (
            f"driver {assignment.driver.name} maps no coherent memory of {assignment.device.id}",
        )
    features = features_of(facts)
    rows = tuple(map_region(region, mode, kernel, features) for region in assignment.regions)
    wrong = [
        (region, row)
        for region, row in zip(assignment.regions, rows, strict=True)
        if row.stage2 != wanted_stage2(region, mode)
    ]
    if not wrong:
        return ()
    seen = ", ".join(f"{row.region} gets {row.stage2}" for _, row in wrong)
    reasons = _reasons(assignment, kernel, facts, tuple(region for region, _ in wrong))
    return (seen, *reasons)


def _x86_shortfalls(mode: MappingMode) -> tuple[str, ...]:
    if mode is MappingMode.NORMAL_NC:
        return ()
    return ("the host is x86_64: its stage 2 has no such choice",)


def _reasons(
    assignment: Assignment, kernel: Kernel, facts: HostFacts, wrong: tuple[Region, ...]
) -> Iterator[str]:
    """Yield the facts that stand in the way of the wrong regions, in words."""
    mode, behaviour = assignment.mapping, kernel.behaviour
    era = f"kernel {facts.kernel.release} ({kernel.profile})"
    cached = [region for region in wrong if region.vma.pgprot.is_cacheable]
    if cached and mode is MappingMode.CACHEABLE:
        if not (behaviour.cacheable_pfnmap or behaviour.pgprot_decides):
            yield f"{era} has no cacheable mapping of device memory"
        yield from _missing_features(facts)
    elif cached:
        yield "the driver maps coherent memory cacheable, which this mode does not allow"
    uncached = [region for region in wrong if not region.vma.pgprot.is_cacheable]
    if uncached and mode is MappingMode.DEVICE:
        yield f"{era} gives Normal-NC to every region whose driver consents"
    elif uncached and not behaviour.normal_nc_by_consent:
        yield f"{era} maps every device as Device-nGnRE"
    elif uncached:
        names = ", ".join(region.name for region in uncached)
        yield f"driver {assignment.driver.name} withholds the consent for {names}"


def _missing_features(facts: HostFacts) -> list[str]:
    shown = {"FWB": facts.cpu.fwb, "DIC": facts.cpu.dic}
    return [
        f"{name} is unknown: the host did not show it"
        if value is None
        else f"the CPU ({facts.cpu.model}) has no {name}"
        for name, value in shown.items()
        if not value
    ]
