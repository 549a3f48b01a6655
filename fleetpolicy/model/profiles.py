"""Model what is known of kernels, drivers, devices and platforms: the catalogue's kinds."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fleetpolicy.model.guest import VirtualSmmu
from fleetpolicy.model.policy import Metadata
from fleetpolicy.model.scalars import (
    TO_NUMBER,
    Count,
    Document,
    Glob,
    KernelToken,
    Line,
    ModuleName,
    ModuleParameter,
    Name,
    PciId,
    Sentence,
    Size,
    Truth,
)

Source = Annotated[Sentence, Field(description="Who says so: a file, a commit, a page.")]
Pgprot = Literal["device-ngnrne", "device-ngnre", "normal-nc", "normal-wb"]


class KernelEvidence(Document):
    """What the probes of a kernel's era must have shown."""

    normal_nc_marker: Truth = Field(
        description="KVM_PGTABLE_PROT_NORMAL_NC is a name in /sys/kernel/btf/vmlinux."
    )
    cacheable_capability: Literal["known", "unknown"] = Field(
        description="Capability 243 asked on /dev/kvm: EINVAL means known, 0 means unknown."
    )


class KernelMatch(Document):
    """Choose kernels by evidence (an era) or by release (a vendor's or site's kernel)."""

    evidence: KernelEvidence | None = None
    release: Glob | None = None

    @model_validator(mode="after")
    def _chooses_one_way(self) -> "KernelMatch":
        if (self.evidence is None) == (self.release is None):
            raise ValueError("needs exactly one of evidence and release")
        return self


class KernelStage2(Document):
    """What KVM of this kernel does with a device mapping."""

    vfio_pci: Literal["device", "normal-nc"] = Field(
        description="Stage 2 of a VMA that consents to any uncached type."
    )
    cacheable_pfnmap: Truth = Field(
        description="Whether a cacheable PFNMAP VMA is honoured (with FWB and DIC) or refused."
    )
    pgprot_decides: Truth = Field(
        default=False,
        description="The VMM's mapping alone decides, as in some vendors' kernels; no probe shows "
        "it.",
    )


class KernelOptOut(Document):
    """A kernel parameter that withholds Normal-NC; no upstream kernel has one."""

    parameter: KernelToken


class KernelProfileSpec(Document):
    """What a kernel does; a release match must agree with the probes."""

    match: KernelMatch
    stage2: KernelStage2
    opt_out: KernelOptOut | None = None
    source: Source


class KernelProfile(Document):
    """A kernel era, or a vendor's or site's kernel."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["KernelProfile"]
    metadata: Metadata
    spec: KernelProfileSpec


class DriverOptOut(Document):
    """A parameter of a driver's module; the driver withholds Normal-NC where it is set so."""

    parameter: KernelToken = Field(description="Without the module's name: stage2=device.")


class DriverProfileSpec(Document):
    """A VFIO driver: how it is called and what it can do."""

    module: ModuleName
    driver: ModuleName = Field(description="Its name in /sys/bus/pci/drivers: dashes matter.")
    bus: Literal["pci", "platform", "none"] = Field(
        default="pci",
        description="What it binds; a module of another bus is known for its parameters alone.",
    )
    ids: tuple[PciId, ...] = Field(default=(), description="Empty: any device, by override.")
    consent: Truth = Field(
        default=True, description="Sets VM_ALLOW_ANY_UNCACHED on the BARs that it maps."
    )
    opt_out: DriverOptOut | None = Field(
        default=None, description="What makes it withhold that; none: it always does."
    )
    parameters: dict[ModuleParameter, Literal["bool", "int", "string"]] = Field(
        default_factory=dict
    )
    since: Line | None = None
    source: Source


class DriverProfile(Document):
    """vfio-pci, a variant driver, or a driver that withholds Normal-NC."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["DriverProfile"]
    metadata: Metadata
    spec: DriverProfileSpec


class RegionProfile(Document):
    """A region that a device shows under its variant driver."""

    index: Annotated[int, Field(ge=0, le=5), TO_NUMBER]
    name: Name
    memory: Literal["mmio", "coherent"]
    pgprot: Pgprot = Field(
        default="device-ngnrne", description="Protection of the VMM's mapping of it."
    )
    consent: Truth = Field(default=True, description="The VMA allows any uncached type.")


class DeviceProfileSpec(Document):
    """What is known of a device model."""

    ids: Annotated[tuple[PciId, ...], Field(min_length=1)]
    title: Line
    coherent: Truth = Field(default=False, description="Has memory in the CPU's coherency domain.")
    variant_driver: ModuleName | None = Field(
        default=None, description="The module whose regions are listed below."
    )
    regions: tuple[RegionProfile, ...] = ()
    generic_initiator_nodes: Annotated[int, Field(ge=0, le=64), TO_NUMBER] = 0
    mmio_aperture: Size | None = None
    expander: Truth = Field(
        default=False, description="Wants a PCIe expander bus of its own in the guest."
    )
    smmu: VirtualSmmu | None = Field(
        default=None, description="Wants an accelerated SMMUv3 in front of it in the guest."
    )
    source: Source


class DeviceProfile(Document):
    """A device model: its ids, regions and needs."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["DeviceProfile"]
    metadata: Metadata
    spec: DeviceProfileSpec


class PlatformMatch(Document):
    """Choose platforms by what firmware calls them (DMI), with shell wildcards."""

    vendor: Line | None = None
    product: Line | None = None

    @model_validator(mode="after")
    def _chooses(self) -> "PlatformMatch":
        if self.vendor is None and self.product is None:
            raise ValueError("needs vendor or product")
        return self


class Containment(Document):
    """Who attests that errors of a device's transactions stay contained on the platform."""

    attested: Truth
    by: Line


class PlatformProfileSpec(Document):
    """What is known of a platform."""

    match: PlatformMatch
    containment: Containment
    root_ports: Count | None = None
    source: Source


class PlatformProfile(Document):
    """A server platform and what its vendor or operator attests."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["PlatformProfile"]
    metadata: Metadata
    spec: PlatformProfileSpec
