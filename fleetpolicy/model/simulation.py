"""Hold what the simulation says of a fleet's regions."""

from dataclasses import dataclass

from msgspec import Struct

from fleetpolicy.model.policy import MappingMode


class RegionMapping(Struct, frozen=True):
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


class DeviceMapping(Struct, frozen=True):
    """The mappings of one device on one class of hosts."""

    device: str
    id: str
    driver: str
    declared: MappingMode
    effective: MappingMode
    guest: str
    regions: tuple[RegionMapping, ...]


class Simulation(Struct, frozen=True):
    """The mappings of every class of hosts, in the order of the fleet's classes."""

    classes: tuple[tuple[DeviceMapping, ...], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a guest's wishes for a region that end in one type.

    Args:
        asked: Stage-1 types that lead to it, strongest Device type first.
        final: The type that results.
        lost: Per agent the properties that the other's mapping takes away, such as
            "VMM: no gathering, no speculative reads".
        repair: What Arm asks of software that uses both mappings, at worst: "none needed",
            "DMB between", "cache maintenance" or "full cache maintenance" (Arm DDI 0487, B2.11).
        harm: Who can be hurt: "nobody", "the guest itself" or "another guest".
    """

    asked: tuple[str, ...]
    final: str
    lost: tuple[str, ...]
    repair: str
    harm: str
