"""Describe the VMM's mapping of guest memory: the VMA that KVM finds behind a fault."""

from dataclasses import dataclass, replace
from enum import StrEnum

from fleetpolicy.simcore.attributes import (
    NORMAL_NC,
    NORMAL_WB,
    Device,
    DeviceType,
    MemoryAttributes,
    Tags,
)


class Pgprot(StrEnum):
    """Name the memory types Linux gives a user mapping, by the type its MAIR index means."""

    NONCACHED = "Device-nGnRnE"
    DEVICE = "Device-nGnRE"
    WRITECOMBINE = "Normal-NC"
    CACHED = "Normal-WB"
    TAGGED = "Normal-Tagged"

    @property
    def is_cacheable(self) -> bool:
        """Tell what `kvm_vma_is_cacheable()` tells: every type but the three it excludes."""
        return self in {Pgprot.CACHED, Pgprot.TAGGED}


class VmFlag(StrEnum):
    """Name the VMA flags that KVM looks at."""

    PFNMAP = "VM_PFNMAP"
    MIXEDMAP = "VM_MIXEDMAP"
    ALLOW_ANY_UNCACHED = "VM_ALLOW_ANY_UNCACHED"
    MTE_ALLOWED = "VM_MTE_ALLOWED"
    SHARED = "VM_SHARED"
    EXEC = "VM_EXEC"


class MemoryKind(StrEnum):
    """Say what lies behind a guest page."""

    SYSTEM_RAM = "system RAM"
    PCIE_MMIO = "PCIe MMIO"
    COHERENT_DEVICE_MEMORY = "coherent device memory"
    ZONE_DEVICE = "ZONE_DEVICE memory"
    PLATFORM_MMIO = "platform MMIO"
    GICV2_VCPU = "GICv2 vCPU interface"

    @property
    def is_map_memory(self) -> bool:
        """Tell what `pfn_is_map_memory()` tells: whether memblock knows it as usable memory."""
        return self is MemoryKind.SYSTEM_RAM


@dataclass(frozen=True, slots=True)
class Vma:
    """Describe the VMM's mapping behind a memory slot."""

    pgprot: Pgprot
    flags: frozenset[VmFlag]
    kind: MemoryKind


VFIO_PCI_BAR = Vma(
    Pgprot.NONCACHED,
    frozenset({VmFlag.PFNMAP, VmFlag.SHARED, VmFlag.ALLOW_ANY_UNCACHED}),
    MemoryKind.PCIE_MMIO,
)
GUEST_RAM = Vma(Pgprot.CACHED, frozenset({VmFlag.MTE_ALLOWED}), MemoryKind.SYSTEM_RAM)


def withhold(vma: Vma) -> Vma:
    """Return a mapping after a driver has withdrawn the consent to every uncached type.

    Source:
        kernel/optout_vfio_pci.c, optout_mmap(): clears the flag that vfio_pci_core_mmap() set.
    """
    return replace(vma, flags=vma.flags - {VmFlag.ALLOW_ANY_UNCACHED})


def pgprot_attributes(pgprot: Pgprot) -> MemoryAttributes:
    """Return the attributes of the VMM's own mapping.

    Source:
        Linux, arch/arm64/include/asm/pgtable-prot.h and MAIR_EL1_SET in arch/arm64/mm/proc.S.
    """
    match pgprot:
        case Pgprot.NONCACHED:
            return Device(DeviceType.nGnRnE)
        case Pgprot.DEVICE:
            return Device(DeviceType.nGnRE)
        case Pgprot.WRITECOMBINE:
            return NORMAL_NC
        case Pgprot.CACHED:
            return NORMAL_WB
        case Pgprot.TAGGED:
            return replace(NORMAL_WB, tags=Tags.ALLOCATION_TAGGED)
