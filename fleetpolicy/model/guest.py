"""Model what operators write of a guest: its machine, processors, memory, devices and disks."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fleetpolicy.model.policy import Metadata
from fleetpolicy.model.scalars import (
    SOME,
    SOME_ITEMS,
    TO_NUMBER,
    AbsolutePath,
    Count,
    CpuModel,
    CpuSet,
    Document,
    Line,
    MacAddress,
    MachineType,
    Name,
    PciAddress,
    PciId,
    RelativePath,
    Serial,
    Size,
    Truth,
)

Node = Annotated[int, Field(ge=0, le=1023), TO_NUMBER]


class UnitMatch(Document):
    """Choose one device of a host, by address and id."""

    address: PciAddress
    id: PciId
    serial: Serial | None = None


class VirtualSmmu(Document):
    """An SMMUv3 of the guest's own in front of a device, worked by the host's.

    Source:
        libvirt, docs/formatdomain: iommu model smmuv3; the bounds are QEMU's.
    """

    ats: Truth = Field(default=True, description="The device may cache translations.")
    ril: Truth = Field(default=False, description="Range invalidation.")
    ssid_size: Annotated[int, Field(ge=0, le=20), TO_NUMBER] = Field(
        default=20, description="Bits of a substream id (PASID)."
    )
    oas: Literal["44", "48"] = Field(default="48", description="Bits of an output address.")
    cmdqv: Truth = Field(
        default=False, description="A command queue of the guest's own; needs huge pages."
    )


class GuestDevice(Document):
    """Give a guest one device."""

    device: UnitMatch
    boot_order: Count | None = Field(default=None, description="Boot the guest from this device.")
    placement: Literal["profile", "root-port", "expander"] = Field(
        default="profile",
        description="Behind a root port of its own, on the root bus or on an expander bus of its "
        "own; default: as its DeviceProfile asks.",
    )
    iommufd: Truth | None = Field(
        default=None, description="Assign it by /dev/iommu; default: where an SMMU demands it."
    )
    smmu: VirtualSmmu | None = Field(
        default=None, description="Default: as its DeviceProfile asks."
    )


class GuestDisk(Document):
    """Give a guest a disk: an image or a block device of its host."""

    path: AbsolutePath | None = Field(default=None, description="An image file.")
    device: AbsolutePath | None = Field(default=None, description="A block device.")
    format: Literal["qcow2", "raw"] | None = Field(
        default=None, description="Default: qcow2 for a file, raw for a block device."
    )
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe"] = "none"
    serial: Serial | None = None
    read_only: Truth = False
    boot_order: Count | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "GuestDisk":
        if bool(self.path) == bool(self.device):
            raise ValueError("needs exactly one of path and device")
        return self

    @property
    def source(self) -> str:
        """Where its blocks are on the host."""
        return self.path or self.device or ""

    @property
    def kind(self) -> str:
        """The format of what is there."""
        return self.format or ("raw" if self.device else "qcow2")


class GuestNetwork(Document):
    """Connect a guest to a bridge or a libvirt network of its host."""

    bridge: Name | None = None
    network: Name | None = None
    model: Literal["virtio", "e1000e"] = "virtio"
    mac: MacAddress | None = Field(
        default=None, description="Default: one that follows from the guest's name and host."
    )

    @model_validator(mode="after")
    def _connects_once(self) -> "GuestNetwork":
        if bool(self.bridge) == bool(self.network):
            raise ValueError("needs exactly one of bridge and network")
        return self


class GuestFirmware(Document):
    """Set the guest's firmware, which is UEFI."""

    secure_boot: Truth = False


class GuestCpu(Document):
    """Set the CPU that the guest sees."""

    mode: Literal["host-passthrough", "host-model", "custom"] = "host-passthrough"
    model: CpuModel | None = Field(default=None, description="With mode: custom alone.")

    @model_validator(mode="after")
    def _names_a_model(self) -> "GuestCpu":
        if (self.mode == "custom") != (self.model is not None):
            raise ValueError("needs model with mode custom, and only then")
        return self


class GuestPinning(Document):
    """Say which of the host's CPUs run what of the guest."""

    vcpus: CpuSet | None = Field(
        default=None, description="One CPU for each vCPU, in order, such as 8-23."
    )
    floating: CpuSet | None = Field(
        default=None, description="CPUs among which the vCPUs are moved as the host likes."
    )
    emulator: CpuSet | None = Field(default=None, description="CPUs for QEMU's other threads.")
    io_threads: CpuSet | None = Field(default=None, description="CPUs for the I/O threads.")

    @model_validator(mode="after")
    def _pins_or_floats(self) -> "GuestPinning":
        if self.vcpus and self.floating:
            raise ValueError("needs at most one of vcpus and floating")
        return self


class GuestCell(Document):
    """A NUMA cell of the guest."""

    vcpus: CpuSet = Field(description="The guest's vCPUs that belong to it, such as 0-7.")
    memory: Size
    hugepages: Size | None = Field(default=None, description="Default: the guest's.")
    host_node: Node | None = Field(
        default=None, description="The host's NUMA node that its memory comes from."
    )


class GuestSpec(Document):
    """A libvirt domain and the devices it takes."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,253}\Z")]
    vcpus: Count
    memory: Size
    hugepages: Size | None = Field(default=None, description="Back the memory with pages this big.")
    numa_node: Node | None = Field(
        default=None, description="The host's NUMA node that the memory comes from."
    )
    numa: Annotated[tuple[GuestCell, ...], SOME, SOME_ITEMS] | None = Field(
        default=None, description="The guest's NUMA cells; default: one with everything."
    )
    pinning: GuestPinning = GuestPinning()
    io_threads: Annotated[int, Field(ge=0, le=64), TO_NUMBER] = Field(
        default=0, description="Threads that virtio disks share among them."
    )
    title: Line | None = None
    machine: MachineType | None = Field(
        default=None, description="virt or q35, or a version of it; default: by architecture."
    )
    emulator: AbsolutePath | None = Field(
        default=None, description="QEMU's program; default: /usr/bin/qemu-system-ARCH."
    )
    firmware: GuestFirmware = GuestFirmware()
    cpu: GuestCpu = GuestCpu()
    gic: Literal["2", "3", "host"] | None = Field(
        default=None, description="Version of the interrupt controller of arm64; default: 3."
    )
    iommu: Literal["profile", "none"] = Field(
        default="profile", description="none: no SMMU even where a DeviceProfile asks for one."
    )
    mmio_aperture: Size | None = Field(
        default=None,
        description="Window for the devices' memory; default: what their profiles ask for.",
    )
    tpm: Truth = Field(default=False, description="A TPM 2.0, which swtpm emulates on the host.")
    rng: Truth = Field(default=False, description="Entropy from the host's /dev/urandom.")
    template: RelativePath | None = Field(
        default=None,
        description="A domain's XML beside the policy file that everything else is put into.",
    )
    devices: tuple[GuestDevice, ...] = ()
    disks: tuple[GuestDisk, ...] = ()
    networks: tuple[GuestNetwork, ...] = ()

    @property
    def disk_order(self) -> tuple[int, ...]:
        """The indices of the disks as libvirt keeps them: by bus, in the order of their first.

        Source:
            libvirt, src/conf/domain_conf.c: virDomainDiskInsert().
        """
        buses = list(dict.fromkeys(disk.bus for disk in self.disks))
        return tuple(
            sorted(range(len(self.disks)), key=lambda index: buses.index(self.disks[index].bus))
        )


class Guest(Document):
    """A guest, on the host that runs it."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["Guest"]
    metadata: Metadata
    spec: GuestSpec
