"""Describe one region of memory that a guest may map, with all that a proof has to know of it."""

from dataclasses import dataclass, field

from fleetpolicy.simcore.access import Access
from fleetpolicy.simcore.attributes import CpuFeatures, MemoryAttributes
from fleetpolicy.simcore.kvm import DATA_FAULT, Fault, KernelBehaviour
from fleetpolicy.simcore.vma import MemoryKind, Pgprot, Vma, VmFlag

PERIPHERALS = frozenset({MemoryKind.PCIE_MMIO, MemoryKind.PLATFORM_MMIO, MemoryKind.GICV2_VCPU})


@dataclass(frozen=True, slots=True)
class Attested:
    """Hold what somebody vouches for; None where nobody does.

    Args:
        conventional_memory: Reading and writing the region has no side effect.
        coherent: The endpoint takes part in the CPUs' coherency, as over C2C or CXL.mem.
        errors_contained: The platform meets PCI_ER_01, 04, 05, 06 and RAS_10 to RAS_12.
        in_band_errors: An access may be answered by an error that the CPU takes as an abort.
        audited: A vendor has audited the platform device for Normal-NC.
        vmm_stays_away: The VMM makes no access of its own while the guest runs.
        unaligned: The platform meets PCI_MM_03.
        byte_enables: The root complex meets S_PCIe_03.
    """

    conventional_memory: bool | None = None
    coherent: bool | None = None
    errors_contained: bool | None = None
    in_band_errors: bool | None = None
    audited: bool | None = None
    vmm_stays_away: bool | None = None
    unaligned: bool | None = None
    byte_enables: bool | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Hold what the boot and topology simulators, or a look at the host, found.

    Args:
        wanted: The VFIO driver that has to own the function, by its sysfs name.
        owners: The drivers that may own the function once booted; None is no driver.
        former_owners: Drivers that owned it earlier in the boot and may have left a mapping.
        in_linear_map: The host maps the pages cacheable in its own linear map.
        group_blockers: Functions of the IOMMU group that host drivers hold.
        gaps: Functions of other groups that can reach it past the IOMMU.
        neighbours: Regions of other owners in the same pages.
    """

    wanted: str = "vfio-pci"
    owners: tuple[str | None, ...] = ("vfio-pci",)
    former_owners: tuple[str, ...] = ()
    in_linear_map: bool = False
    group_blockers: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """Hold what the guest's software does with the region.

    Args:
        accesses: The demanding kinds of access it makes.
        stage_1: The attributes its driver maps the region with; None for any.
        write_combining: It wants writes to be combined.
        read_sensitive: Reading has a side effect.
        barrier_before_doorbell: It puts a barrier between a descriptor and its doorbell.
        exact_writes: The device needs one transaction for each write.
        reads_back: It reads back before it takes a write for done.
        expects_all_ones: It takes a read of a failed device for all-ones.
    """

    accesses: frozenset[Access] = frozenset()
    stage_1: MemoryAttributes | None = None
    write_combining: bool = False
    read_sensitive: bool = False
    barrier_before_doorbell: bool = True
    exact_writes: bool = False
    reads_back: bool = True
    expects_all_ones: bool = False


@dataclass(frozen=True, slots=True)
class RegionPoint:
    """Describe one region of one host: a point of the domain, or a piece of a real fleet.

    Args:
        name: What findings call it.
    """

    name: str
    kernel: KernelBehaviour
    features: CpuFeatures
    vma: Vma
    attested: Attested = field(default_factory=Attested)
    surroundings: Surroundings = field(default_factory=Surroundings)
    workload: Workload = field(default_factory=Workload)
    fault: Fault = DATA_FAULT

    @property
    def is_device_page(self) -> bool:
        """Tell whether the page is one that KVM has to treat as a device's.

        Memory with a struct page behind an ordinary VMA, ZONE_DEVICE included, counts as RAM.
        """
        is_special = bool(self.vma.flags & {VmFlag.PFNMAP, VmFlag.MIXEDMAP})
        return self.vma.kind is not MemoryKind.SYSTEM_RAM and is_special

    @property
    def is_peripheral(self) -> bool:
        """Tell whether registers, not memory, lie behind the region."""
        return self.vma.kind in PERIPHERALS

    @property
    def is_driver_made(self) -> bool:
        """Tell whether a driver of the kernel makes such a mapping."""
        return is_driver_made(self.vma)


def is_driver_made(vma: Vma) -> bool:
    """Tell whether a driver of the kernel makes such a mapping."""
    pgprot, flags = vma.pgprot, vma.flags
    match vma.kind:
        case MemoryKind.PCIE_MMIO:
            return pgprot is Pgprot.NONCACHED and VmFlag.PFNMAP in flags
        case MemoryKind.PLATFORM_MMIO | MemoryKind.GICV2_VCPU:
            return pgprot in {Pgprot.NONCACHED, Pgprot.DEVICE} and (
                flags & {VmFlag.PFNMAP, VmFlag.ALLOW_ANY_UNCACHED} == {VmFlag.PFNMAP}
            )
        case MemoryKind.COHERENT_DEVICE_MEMORY:
            consent = VmFlag.ALLOW_ANY_UNCACHED in flags
            return VmFlag.PFNMAP in flags and consent is not pgprot.is_cacheable
        case MemoryKind.SYSTEM_RAM | MemoryKind.ZONE_DEVICE:
            return pgprot.is_cacheable and VmFlag.ALLOW_ANY_UNCACHED not in flags
