"""Hold a resolved fleet: every host knows its kernel, its settings, its devices and its guests."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.guest import GuestSpec, VirtualSmmu
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostFacts, PciDevice
from fleetpolicy.model.template import Template
from fleetpolicy.simcore.attributes import CpuFeatures
from fleetpolicy.simcore.kvm import KernelBehaviour, Vma


class Setting(Struct, frozen=True):
    """A word of the kernel command line, and the line that asks for it.

    Args:
        is_repeatable: Every occurrence of the parameter counts, not only the last one.
        led_by: The value of the parameter that says what this one is about, such as 1G for
            hugepages after hugepagesz=1G.
    """

    name: str
    value: str
    origin: Span
    is_repeatable: bool = False
    led_by: str = ""

    @property
    def token(self) -> str:
        """The word as it stands on the command line."""
        return f"{self.name}={self.value}" if self.value else self.name


class ModuleSetting(Struct, frozen=True):
    """A module parameter, and the line that asks for it."""

    module: str
    parameter: str
    value: str
    origin: Span

    @property
    def token(self) -> str:
        """The word that sets it on the kernel command line."""
        return f"{self.module}.{self.parameter}={self.value}"


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the running kernel does, and who says so."""

    profile: str
    behaviour: KernelBehaviour
    opt_out_parameter: str
    source: str


@dataclass(frozen=True, slots=True)
class VfioDriver:
    """A driver that a device is bound to.

    Args:
        module: With underscores, as modprobe knows it.
        name: As /sys/bus/pci/drivers spells it.
        consent: Whether its BAR mappings allow any uncached type.
        withheld_by: The parameter that makes it withhold that, such as stage2=device; empty
            where none is needed, or where it never does.
    """

    module: str
    name: str
    consent: bool
    withheld_by: str = ""


class Region(Struct, frozen=True):
    """A region that the device's driver lets the VMM map."""

    index: int
    name: str
    vma: Vma


@dataclass(frozen=True, slots=True)
class Assignment:
    """A device taken from the host for guests.

    Args:
        policy: Name of the DevicePolicy that won, empty when the defaults decided.
        companion: True for a function bound only because its IOMMU group demands it.
        mapping: What the device really is to get, after opt-out and fallback.
    """

    device: PciDevice
    driver: VfioDriver
    driver_origin: Span
    mapping: MappingMode
    mapping_origin: Span
    declared: MappingMode
    policy: str
    companion: bool
    rom_bar: bool
    regions: tuple[Region, ...]


class Platform(Struct, frozen=True):
    """Whether anyone attests that errors stay contained on this kind of machine."""

    profile: str
    attested: bool
    by: str


class OptOutMechanism(StrEnum):
    """How a host withholds Normal-NC, the first that is real there."""

    CMDLINE = "cmdline"
    ERA = "era"
    DRIVER = "driver"
    TRAPPED = "trapped"


class OptOut(Struct, frozen=True):
    """The global opt-out as one host carries it out.

    Args:
        detail: The word of the command line, the driver's module, or why it holds.
    """

    mechanism: OptOutMechanism
    detail: str
    origin: Span

    @property
    def is_on_command_line(self) -> bool:
        """Whether its detail is a word that the kernel command line is to have."""
        return self.mechanism is OptOutMechanism.CMDLINE or (
            self.mechanism is OptOutMechanism.DRIVER and "=" in self.detail
        )


class AssignedDevice(Struct, frozen=True):
    """A device as a guest sees it.

    Args:
        boot_order: 0 means that it is not booted from.
        expander: It sits on an expander bus, not on the root bus.
        iommufd: It is assigned by /dev/iommu, not by its group's file.
        smmu: The guest's SMMU in front of it; one for all that share an expander bus.
    """

    assignment: Assignment
    boot_order: int
    expander: bool = False
    iommufd: bool = False
    smmu: VirtualSmmu | None = None


class ResolvedGuest(Struct, frozen=True):
    """A guest whose devices are assignments of its host.

    Args:
        template: The operator's own XML, None where everything is ours.
    """

    name: str
    spec: GuestSpec
    origin: Span
    devices: tuple[AssignedDevice, ...]
    generic_initiator_nodes: Mapping[str, int]
    mmio_aperture_kib: int
    template: Template | None = None


@dataclass(frozen=True, slots=True)
class HostClass:
    """Everything that equal hosts share; names are those of the first of them.

    Args:
        facts_source: File and date of the facts of the first of them.
        kernel: None on x86, where stage 2 has no such choice.
        platform: None where no profile knows the machine.
    """

    facts: HostFacts
    facts_source: str
    platform: Platform | None
    features: CpuFeatures
    kernel: Kernel | None
    settings: tuple[Setting, ...]
    module_settings: tuple[ModuleSetting, ...]
    assignments: tuple[Assignment, ...]
    guests: tuple[ResolvedGuest, ...]
    opt_out: OptOut | None


class FleetHost(Struct, frozen=True):
    """A host, its class, and its own guests in the order of the class's guests; a Struct as above.

    Args:
        guest_origins: The place of each guest's document.
    """

    name: str
    index: int
    guests: tuple[str, ...]
    guest_origins: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Fleet:
    """The resolved fleet.

    Args:
        hosts: Sorted by name; index points into classes.
        skipped: Hosts left out by onUnsupported: skip-host, with the reason.
        revision: Digest of the policy's text.
    """

    hosts: tuple[FleetHost, ...]
    classes: tuple[HostClass, ...]
    skipped: Mapping[str, str]
    revision: str

    def class_of(self, host: FleetHost) -> HostClass:
        """Return what a host shares with its equals."""
        return self.classes[host.index]
