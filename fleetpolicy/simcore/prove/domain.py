"""Enumerate the regions that a proof goes over, the simplest first."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, product

from fleetpolicy.simcore.access import Access
from fleetpolicy.simcore.attributes import CpuFeatures, Device, DeviceType
from fleetpolicy.simcore.choices import guest_choices
from fleetpolicy.simcore.combine import IMPDEF_CHOICES
from fleetpolicy.simcore.kvm import ERAS, Fault, KernelBehaviour, supports_cacheable_pfnmap
from fleetpolicy.simcore.prove.region import Attested, RegionPoint, Workload, is_driver_made
from fleetpolicy.simcore.vma import MemoryKind, Pgprot, Vma, VmFlag

_STRUCT_PAGE = frozenset({MemoryKind.SYSTEM_RAM, MemoryKind.ZONE_DEVICE})
_MEMORY = _STRUCT_PAGE | {MemoryKind.COHERENT_DEVICE_MEMORY}
_DECISIVE_FLAGS = (VmFlag.PFNMAP, VmFlag.MIXEDMAP, VmFlag.ALLOW_ANY_UNCACHED)
_IOREMAP = Device(DeviceType.nGnRE)


@dataclass(frozen=True, slots=True)
class Domain:
    """Hold the values that the regions of a proof are made of."""

    kernels: tuple[KernelBehaviour, ...]
    features: tuple[CpuFeatures, ...]
    vmas: tuple[Vma, ...]
    faults: tuple[Fault, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Return how many values of each kind there are, and how many points they make."""
        choices = sum(len(guest_choices(features)) for features in self.features)
        regions = len(self.kernels) * len(self.vmas) * len(self.faults)
        return {
            "faults": len(self.faults),
            "featureSets": len(self.features),
            "implementationDefinedChoices": len(IMPDEF_CHOICES),
            "kernels": len(self.kernels),
            "mappings": len(self.vmas),
            "points": regions * choices * len(IMPDEF_CHOICES),
            "regions": regions * len(self.features),
            "stage1Choices": choices,
        }


def _vmas() -> Iterator[Vma]:
    """Yield every mapping that memory of a kind can have; without struct page it is special."""
    subsets = [
        frozenset(flags)
        for size in range(len(_DECISIVE_FLAGS) + 1)
        for flags in combinations(_DECISIVE_FLAGS, size)
    ]
    for kind, flags, pgprot in product(MemoryKind, subsets, Pgprot):
        is_special = bool(flags & {VmFlag.PFNMAP, VmFlag.MIXEDMAP})
        if kind is MemoryKind.GICV2_VCPU and pgprot.is_cacheable:
            continue  # KVM maps it by itself, there is no such mapping
        if kind in _STRUCT_PAGE or is_special:
            yield Vma(pgprot, flags, kind)


FEATURES = tuple(
    CpuFeatures(fwb=fwb, dic=dic, xs=extended, mte2=extended, mte_perm=extended)
    for extended, fwb, dic in product((False, True), repeat=3)
)
FAULTS = (Fault(), Fault(mapped_after_slot=True))
DEFAULT_DOMAIN = Domain(
    ERAS, FEATURES, tuple(sorted(_vmas(), key=lambda vma: not is_driver_made(vma))), FAULTS
)


def regions(domain: Domain) -> Iterator[RegionPoint]:
    """Yield the regions of a domain; each kind of memory is attested to be what it is."""
    for kernel, fault, features, vma in product(
        domain.kernels, domain.faults, domain.features, domain.vmas
    ):
        attested = attest(vma)
        region = RegionPoint(_name(vma), kernel, features, vma, attested, fault=fault)
        yield replace(region, workload=Workload(read_sensitive=region.is_peripheral))


def workloads(region: RegionPoint) -> Iterator[RegionPoint]:
    """Yield a region with each workload that asks something of it and behaves as it should."""
    yield region
    if region.is_peripheral:
        yield from (replace(region, workload=workload) for workload in _on_peripherals(region))
    elif _is_honoured(region):
        atomics = frozenset({Access.EXCLUSIVE, Access.LSE_ATOMIC})
        yield replace(region, workload=Workload(accesses=atomics))


def _on_peripherals(region: RegionPoint) -> Iterator[Workload]:
    sensitive = region.workload.read_sensitive
    yield Workload(
        stage_1=_IOREMAP,
        read_sensitive=sensitive,
        barrier_before_doorbell=False,
        exact_writes=True,
    )
    if VmFlag.ALLOW_ANY_UNCACHED not in region.vma.flags:
        return
    yield Workload(write_combining=True, read_sensitive=sensitive)
    if region.kernel.normal_nc_by_consent:
        yield Workload(accesses=frozenset({Access.UNALIGNED, Access.DC_ZVA, Access.LS64}))


def _is_honoured(region: RegionPoint) -> bool:
    """Tell whether a cacheable mapping of device memory reaches the guest."""
    kernel, vma = region.kernel, region.vma
    able = kernel.cacheable_pfnmap and supports_cacheable_pfnmap(region.features)
    return able and vma.pgprot.is_cacheable


@cache
def attest(vma: Vma) -> Attested:
    """Return what a careful operator vouches for, going by the kind of memory."""
    is_memory = vma.kind in _MEMORY
    consent = VmFlag.ALLOW_ANY_UNCACHED in vma.flags
    return Attested(
        conventional_memory=is_memory,
        coherent=is_memory,
        errors_contained=True,
        in_band_errors=False,
        audited=consent and vma.kind is MemoryKind.PLATFORM_MMIO,
        vmm_stays_away=True,
        unaligned=True,
        byte_enables=True,
    )


def _name(vma: Vma) -> str:
    flags = " ".join(sorted(flag.value for flag in vma.flags)) or "no flag"
    return f"{vma.kind.value}, {vma.pgprot.value}, {flags}"
