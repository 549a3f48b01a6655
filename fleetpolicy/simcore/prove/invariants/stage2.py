"""Judge what KVM installs at stage 2, and what a guest can make of it."""

from collections.abc import Callable
from dataclasses import replace

from fleetpolicy.simcore.access import Translation
from fleetpolicy.simcore.attributes import (
    Device,
    DeviceType,
    is_cacheable,
    is_normal_nc,
    is_write_back,
    type_name,
)
from fleetpolicy.simcore.kvm import Refused, Stage2Choice, Stage2Type, supports_cacheable_pfnmap
from fleetpolicy.simcore.prove.judgement import Harmed, Judgement, Violation
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.prove.semantics import Core
from fleetpolicy.simcore.vma import MemoryKind, Pgprot, VmFlag

_UNCACHED = frozenset({Stage2Type.DEVICE_nGnRE, Stage2Type.NORMAL_NC})


def check_user_mapping(region: RegionPoint, core: Core) -> Judgement | None:  # noqa: ARG001
    """Judge I01."""
    if region.vma.kind is not MemoryKind.PCIE_MMIO:
        return None
    if region.vma.pgprot is not Pgprot.NONCACHED:
        why = f"the VMM maps the BAR as {region.vma.pgprot.value}"
        return Judgement(1, Violation(why, Harmed.HOST))
    if VmFlag.EXEC in region.vma.flags:
        return Judgement(1, Violation("the VMM's mapping is executable", Harmed.HOST))
    return Judgement(1)


def check_normal_needs_features(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I02."""
    choice = core.choose(region)
    if not region.is_device_page or not _is(choice, Stage2Type.NORMAL):
        return None
    missing = [
        name
        for name, present in (
            ("FWB", region.features.fwb),
            ("DIC", region.features.dic),
            ("a cacheable VMA", region.vma.pgprot.is_cacheable),
            ("a kernel that honours it", region.kernel.cacheable_pfnmap),
        )
        if not present
    ]
    if not missing:
        return Judgement(1)
    why = f"stage 2 is Normal without {', '.join(missing)}"
    return Judgement(1, Violation(why, Harmed.HOST))


def check_never_cacheable(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I03."""
    choice = core.choose(region)
    if isinstance(choice, Refused) or choice.type not in _UNCACHED:
        return None
    return _for_all(
        region,
        core,
        choice,
        lambda t: f"the guest reaches {type_name(t.final)}" if is_cacheable(t.final) else "",
        Harmed.HOST,
    )


def check_force_write_back(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I04."""
    choice = core.choose(region)
    if isinstance(choice, Refused) or choice.type is not Stage2Type.NORMAL:
        return None
    if not region.features.fwb:
        return None
    return _for_all(
        region,
        core,
        choice,
        lambda t: "" if is_write_back(t.final) else f"the guest reaches {type_name(t.final)}",
        Harmed.OTHER_GUEST,
    )


def check_consent(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I08."""
    if not _is(core.choose(region), Stage2Type.NORMAL_NC):
        return None
    why = ""
    if VmFlag.ALLOW_ANY_UNCACHED not in region.vma.flags:
        why = "stage 2 is Normal-NC, and the driver did not set VM_ALLOW_ANY_UNCACHED"
    elif not region.kernel.normal_nc_by_consent:
        why = "stage 2 is Normal-NC under a kernel that does not know the consent"
    elif region.vma.kind is MemoryKind.GICV2_VCPU:
        why = "the GICv2 vCPU interface is Normal-NC"
    elif region.vma.kind is MemoryKind.PLATFORM_MMIO and not region.attested.audited:
        why = "a platform device is Normal-NC, and nobody audited it"
    return Judgement(1, Violation(why, Harmed.HOST) if why else None)


def check_device_request(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I09."""
    choice = core.choose(region)
    if isinstance(choice, Refused) or choice.type is not Stage2Type.NORMAL_NC:
        return None
    asked = [t for t in core.translations(choice, region.features) if isinstance(t.s1, Device)]
    for t in asked:
        if not isinstance(t.final, Device) or t.final.type is not t.s1.type:  # type: ignore[union-attr]
            why = f"the guest asks for {type_name(t.s1)} and gets {type_name(t.final)}"
            return Judgement(len(asked), Violation(why, Harmed.SELF, t))
    return Judgement(len(asked))


def check_device_floor(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I10."""
    choice = core.choose(region)
    if isinstance(choice, Refused) or choice.type is not Stage2Type.DEVICE_nGnRE:
        return None
    strong = {DeviceType.nGnRnE, DeviceType.nGnRE}

    def explain(t: Translation) -> str:
        is_strong = isinstance(t.final, Device) and t.final.type in strong
        return "" if is_strong else f"the guest reaches {type_name(t.final)}"

    return _for_all(region, core, choice, explain, Harmed.HOST)


def check_write_combining(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I11."""
    if not region.workload.write_combining:
        return None
    choice = core.choose(region)
    if isinstance(choice, Refused):
        why = f"KVM refuses: {choice.errno} at {choice.where}"
        return Judgement(1, Violation(why, Harmed.SELF))
    finals = core.finals(choice, region.features)
    if any(is_normal_nc(t.final) or t.final == Device(DeviceType.GRE) for t in finals):
        return Judgement(len(finals))
    why = f"under stage-2 {choice.type.value} no choice of the guest combines writes"
    return Judgement(len(finals), Violation(why, Harmed.SELF, finals[-1] if finals else None))


def check_never_executable(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I16."""
    if not region.is_device_page:
        return None
    points = 0
    for exec_fault in (False, True):
        choice = core.choose(region, replace(region.fault, exec_fault=exec_fault))
        if isinstance(choice, Refused) or choice.type not in _UNCACHED:
            continue
        points += 1
        if choice.executable:
            why = f"{choice.type.value} is executable at stage 2"
            return Judgement(points, Violation(why, Harmed.HOST))
    return Judgement(points) if points else None


def check_refusal(region: RegionPoint, core: Core) -> Judgement | None:
    """Judge I26."""
    needs = region.is_device_page and region.vma.pgprot.is_cacheable
    if not needs or not region.kernel.cacheable_pfnmap or region.vma.kind is MemoryKind.GICV2_VCPU:
        return None
    if supports_cacheable_pfnmap(region.features):
        return None
    choice = core.choose(region)
    if isinstance(choice, Refused):
        return Judgement(1)
    why = f"KVM installs {choice.type.value} under a cacheable VMA without FWB and DIC"
    return Judgement(1, Violation(why, Harmed.OTHER_GUEST))


def _is(choice: Stage2Choice | Refused, expected: Stage2Type) -> bool:
    return isinstance(choice, Stage2Choice) and choice.type is expected


def _for_all(
    region: RegionPoint,
    core: Core,
    choice: Stage2Choice,
    explain: Callable[[Translation], str],
    harmed: Harmed,
) -> Judgement:
    """Judge every result that a guest can reach; the points are its choices."""
    points = len(core.translations(choice, region.features))
    for translation in core.finals(choice, region.features):
        why = explain(translation)
        if why:
            return Judgement(points, Violation(why, harmed, translation))
    return Judgement(points)
