"""Model simulated hosts: the host variable fleetpolicy_model."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fleetpolicy.model.scalars import (
    CpuSet,
    Document,
    KernelToken,
    Line,
    ModuleName,
    PciAddress,
    PciClass,
    PciId,
    Size,
    Text,
    Truth,
)

Version = Annotated[Text, Field(pattern=r"^\d+\.\d+\.\d+\Z")]
SerialNumber = Annotated[Text, Field(pattern=r"^[0-9a-f]{16}\Z")]
"""What the 64 bits of a PCI serial number can hold."""
BuildOption = Annotated[Text, Field(pattern=r"^[A-Z0-9_]{1,64}\Z")]
Release = Annotated[Text, Field(pattern=r"^[A-Za-z0-9._+~-]{1,64}\Z")]


class SimulatedKernel(Document):
    """An installed kernel and what its probes would show."""

    page_size_kib: Annotated[int, Field(ge=4, le=64)] = 4
    normal_nc_marker: Truth
    cacheable_capability: Literal["known", "unknown"]
    builtin: tuple[ModuleName, ...] = ()
    modules: tuple[ModuleName, ...] = ("vfio_pci",)
    signed: Truth = Field(default=True, description="Whoever built its modules signed them.")
    signatures_enforced: Truth | None = Field(
        default=None, description="It takes signed modules only; null: it does not say."
    )
    options: tuple[BuildOption, ...] | None = Field(
        default=None, description="Build options that are set; null: no configuration is kept."
    )


class SimulatedCpu(Document):
    """The CPU; a null feature leaves no evidence, as a rotated boot log would."""

    model: Line
    fwb: Truth | None = None
    dic: Truth | None = None


class SimulatedFirmware(Document):
    """What DMI says."""

    vendor: Line
    product: Line


class SimulatedLibvirt(Document):
    """Versions that virsh would print."""

    libvirt: Version
    qemu: Version
    swtpm: Truth = Field(default=False, description="Whether TPMs can be emulated.")


class SimulatedRegion(Document):
    """A memory BAR."""

    index: Annotated[int, Field(ge=0, le=5)]
    size: Size
    prefetchable: Truth = False


class SimulatedDevice(Document):
    """A PCI function."""

    address: PciAddress
    id: PciId
    subsystem: PciId | None = None
    device_class: PciClass = Field(alias="class")
    native_driver: ModuleName | None = None
    iommu_group: Annotated[int, Field(ge=0)] | None = None
    numa_node: Annotated[int, Field(ge=-1)] = 0
    iommu: Annotated[Text, Field(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")] | None = None
    used_by: tuple[Literal["root disk", "default route", "console"], ...] = ()
    serial: SerialNumber | None = None
    regions: tuple[SimulatedRegion, ...] = ()


class SimulatedNode(Document):
    """A NUMA node: its CPUs, and page size to number of the huge pages that it starts with."""

    cpus: CpuSet
    hugepages: dict[Size, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)


class SimulatedHost(Document):
    """A host that is a folder: what it is made of and which kernel it boots."""

    arch: Literal["aarch64", "x86_64"]
    kernel: Release = Field(description="The release that it boots until told otherwise.")
    kernels: dict[Release, SimulatedKernel]
    cpu: SimulatedCpu
    firmware: SimulatedFirmware
    command_line: tuple[KernelToken, ...] = ("ro", "quiet")
    loader: Literal["grub", "grub-bls", "ostree", "systemd-boot", "unknown"] = "grub"
    initramfs: Literal["initramfs-tools", "dracut", "none"] = "initramfs-tools"
    libvirt: SimulatedLibvirt | None = None
    devices: tuple[SimulatedDevice, ...] = ()
    numa: tuple[SimulatedNode, ...] = Field(default=(), description="By number, from 0.")

    @model_validator(mode="after")
    def _boots(self) -> "SimulatedHost":
        if self.kernel not in self.kernels:
            raise ValueError(f"kernel {self.kernel} is not among kernels: {sorted(self.kernels)}")
        return self
