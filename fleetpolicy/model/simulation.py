"""Hold what the simulation says of a fleet's regions."""

from dataclasses import dataclass

from fleetpolicy.model.policy import MappingMode


@dataclass(frozen=True, slots=True)
class RegionMapping:
    """What a guest really gets for one region.

    Args:
        vmm: Type of the VMM's own mapping, such as Device-nGnRnE; "not mapped" where it has none.
        stage2: Normal-NC, Device-nGnRE, Normal, "trapped", or "refused: EINVAL at memslot
            creation".
        reachable: Final types over every stage-1 choice, strongest Device type first.
    """

    region: str
    vmm: str
    stage2: str
    reachable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceMapping:
    """The mappings of one device on one class of hosts."""

    device: str
    id: str
    driver: str
    declared: MappingMode
    effective: MappingMode
    guest: str
    regions: tuple[RegionMapping, ...]


@dataclass(frozen=True, slots=True)
class Simulation:
    """The mappings of every class of hosts, in the order of the fleet's classes."""

    classes: tuple[tuple[DeviceMapping, ...], ...]
