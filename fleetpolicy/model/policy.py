"""Model what operators write of fleets: their defaults and the policies of devices."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fleetpolicy.model.scalars import (
    Document,
    HostPattern,
    KernelParameter,
    KernelValue,
    KernelValues,
    Label,
    ModuleName,
    ModuleParameter,
    Name,
    PciAddress,
    PciClass,
    PciId,
    Priority,
    Serial,
    Truth,
)

API_VERSION: Literal["fleetpolicy/v1alpha1"] = "fleetpolicy/v1alpha1"


class MappingMode(StrEnum):
    """Which stage-2 mapping a guest gets for the regions of a device."""

    NORMAL_NC = "normal-nc"
    DEVICE = "device"
    CACHEABLE = "cacheable"
    TRAPPED = "trapped"


class OnUnsupported(StrEnum):
    """What to do with a host that cannot honour a mapping."""

    FAIL = "fail"
    TRAPPED = "trapped"
    SKIP_HOST = "skip-host"


class Metadata(Document):
    """Name a document; kind and name are unique in a fleet."""

    name: Name = Field(description="Lower-case letters, digits, dots and dashes.")


class MemoryMapping(Document):
    """Set the fleet's mapping where no DevicePolicy says otherwise."""

    default: MappingMode = MappingMode.NORMAL_NC
    global_opt_out: Truth = Field(
        default=False,
        description="True gives every device the Device-nGnRE floor; it wins over everything.",
    )
    on_unsupported: OnUnsupported = OnUnsupported.FAIL


class KernelSettings(Document):
    """Set words of the kernel command line."""

    parameters: dict[KernelParameter, KernelValues] = Field(
        default_factory=dict,
        description="Parameter to value, or to the values of one that may stand several times; an "
        "empty value renders the bare word.",
    )


class HostMatch(Document):
    """Choose hosts; all parts that are given must agree, none given means every host."""

    group: Name | None = Field(default=None, description="A group of the Ansible inventory.")
    pattern: HostPattern | None = Field(default=None, description="An Ansible host pattern.")
    labels: dict[Label, Label] = Field(
        default_factory=dict, description="Must equal the host variable fleetpolicy_labels."
    )


class MemoryMappingOverride(Document):
    """Set the mapping of some hosts where no DevicePolicy says otherwise."""

    default: MappingMode | None = None
    global_opt_out: Annotated[Truth, Field(json_schema_extra={"const": True})] | None = Field(
        default=None,
        description="True puts these hosts under the opt-out; nothing takes them out again.",
    )
    on_unsupported: OnUnsupported | None = None

    @field_validator("global_opt_out")
    @classmethod
    def _only_on(cls, value: bool | None) -> bool | None:  # noqa: FBT001 pydantic calls it
        if value is False:
            raise ValueError("write true or leave it out: an override cannot switch it off")
        return value


class Override(Document):
    """Set other defaults for some hosts; of several that match, the last one wins."""

    hosts: HostMatch
    memory_mapping: MemoryMappingOverride = MemoryMappingOverride()
    kernel: KernelSettings = KernelSettings()
    modules: dict[ModuleName, dict[ModuleParameter, KernelValue]] = Field(
        default_factory=dict, description="Added to those of the fleet, parameter by parameter."
    )


class FleetPolicySpec(Document):
    """Set the defaults of a fleet."""

    memory_mapping: MemoryMapping = MemoryMapping()
    kernel: KernelSettings = KernelSettings()
    modules: dict[ModuleName, dict[ModuleParameter, KernelValue]] = Field(
        default_factory=dict, description="Module to parameter to value, for modprobe.d."
    )
    overrides: tuple[Override, ...] = Field(
        default=(), description="Other defaults for some hosts, in the order they are applied."
    )


class FleetPolicy(Document):
    """The defaults of a fleet; there is exactly one."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["FleetPolicy"]
    metadata: Metadata
    spec: FleetPolicySpec


class DeviceMatch(Document):
    """Choose devices; all parts that are given must agree."""

    id: PciId | None = Field(default=None, description="vendor:device in hex digits.")
    subsystem: PciId | None = Field(default=None, description="Subsystem vendor:device.")
    device_class: PciClass | None = Field(
        default=None, alias="class", description="Four or six hex digits, such as 0302."
    )
    address: PciAddress | None = None
    serial: Serial | None = None

    @model_validator(mode="after")
    def _chooses(self) -> "DeviceMatch":
        if not (self.id or self.subsystem or self.device_class or self.address):
            raise ValueError("needs at least one of id, subsystem, class, address")
        return self


class DevicePolicyMatch(Document):
    """Choose the devices of a policy, host by host."""

    hosts: HostMatch = HostMatch()
    device: DeviceMatch


class DeviceLibvirt(Document):
    """Set how libvirt presents a device."""

    rom_bar: Truth = Field(default=False, description="Show the expansion ROM to the guest.")


class DevicePolicySpec(Document):
    """Give the matched devices a driver and a mapping."""

    priority: Priority = Field(
        default=0, description="Higher wins; an overlapping tie is an error."
    )
    match: DevicePolicyMatch
    driver: ModuleName = Field(
        default="auto",
        description="auto (best vfio_pci: alias of the host), vfio-pci, or a variant driver's "
        "name.",
    )
    mapping: MappingMode | None = Field(default=None, description="Default: the fleet's.")
    on_unsupported: OnUnsupported | None = Field(default=None, description="Default: the fleet's.")
    group: Literal["fail", "take-all"] = Field(
        default="fail", description="What to do with unclaimed functions of its IOMMU group."
    )
    libvirt: DeviceLibvirt = DeviceLibvirt()


class DevicePolicy(Document):
    """What the devices that it matches are bound to, and how they are mapped."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["DevicePolicy"]
    metadata: Metadata
    spec: DevicePolicySpec
