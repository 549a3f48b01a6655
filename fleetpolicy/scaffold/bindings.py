"""Find the devices that hosts have given to VFIO, and the fewest matches that name just these."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.record import HostRecord, PciDevice
from fleetpolicy.model.scalars import canonical_module

_BRIDGE = "0604"
_PATTERN_LIMIT = 256


@dataclass(frozen=True, slots=True, order=True)
class Treatment:
    """What a device gets today.

    Args:
        driver: As /sys/bus/pci/drivers spells it.
        mapping: Empty where stage 2 has no such choice.
        with_partners: Functions of its IOMMU group have no driver, and must be taken along.
    """

    driver: str
    mapping: str
    with_partners: bool


@dataclass(frozen=True, slots=True)
class Unit:
    """A device on a host, and what it gets; None where it stays with the host."""

    host: str
    device: PciDevice
    treatment: Treatment | None


@dataclass(frozen=True, slots=True)
class Match:
    """A match, and what it chooses.

    Args:
        address: Empty where the id alone says it.
        pattern: Hosts that it is limited to; empty for all.
        hosts: On which it chooses something, sorted.
    """

    id: str
    address: str
    pattern: str
    treatment: Treatment
    hosts: tuple[str, ...]


def list_units(records: Iterable[HostRecord], drivers: Iterable[str]) -> tuple[Unit, ...]:
    """Return every device of every host, by host and address.

    Args:
        records: Of the hosts.
        drivers: Modules of the drivers that can be written down, with underscores.
    """
    known = frozenset(drivers)
    return tuple(
        Unit(record.host, device, _treatment(record, device, known))
        for record in records
        for device in record.facts.devices
    )


def driver_of(record: HostRecord, device: PciDevice) -> str:
    """Return the driver that owns a device, empty for none."""
    binding = record.state.bindings.get(device.address)
    return (binding.driver or "") if binding else ""


def is_vfio(driver: str) -> bool:
    """Return whether a driver hands devices to user space."""
    return "vfio" in driver


def _treatment(record: HostRecord, device: PciDevice, known: frozenset[str]) -> Treatment | None:
    driver = driver_of(record, device)
    if not is_vfio(driver) or canonical_module(driver) not in known or device.used_by:
        return None
    group = [
        other
        for other in record.facts.devices
        if other.iommu_group == device.iommu_group is not None
        and not other.device_class.startswith(_BRIDGE)
    ]
    alone = all(is_vfio(driver_of(record, other)) for other in group)
    return Treatment(driver, _mapping_of(record, driver), with_partners=bool(group) and not alone)


def _mapping_of(record: HostRecord, driver: str) -> str:
    """Return the mapping that the running kernel gives, empty where it is unknown or no choice.

    Source:
        Linux, arch/arm64/kvm/mmu.c: Normal-NC by consent from 6.9 (8c47ce3e1d2c), cacheable
        PFN maps from 6.17 (0c67288e0c8b) with FWB and DIC.
    """
    facts = record.facts
    if facts.arch == "x86_64" or facts.kernel.normal_nc_marker is None:
        return ""
    if not facts.kernel.normal_nc_marker:
        return MappingMode.DEVICE.value
    knows = facts.kernel.capability_on_kvm in {"einval", "1"}
    if knows and facts.cpu.fwb and facts.cpu.dic and "nvgrace" in driver:
        return MappingMode.CACHEABLE.value
    return MappingMode.NORMAL_NC.value


def choose_matches(units: Iterable[Unit]) -> tuple[Match, ...]:
    """Return matches by id, by hosts where they differ, by address where twins differ on a host."""
    ordered = sorted(units, key=lambda unit: unit.device.id)
    found: list[Match] = []
    for pci_id, twins in groupby(ordered, key=lambda unit: unit.device.id):
        found += _match_twins(pci_id, list(twins))
    return tuple(found)


def _match_twins(pci_id: str, twins: list[Unit]) -> Iterator[Match]:
    treatments = {unit.treatment for unit in twins}
    if len(treatments) == 1:
        yield from _match(pci_id, "", twins, everywhere=True)
        return
    hosts: dict[str, list[Unit]] = {}
    for unit in twins:
        hosts.setdefault(unit.host, []).append(unit)
    alike = [same for same in hosts.values() if len({unit.treatment for unit in same}) == 1]
    for same in _by_treatment([unit for units in alike for unit in units]).values():
        yield from _match(pci_id, "", same, everywhere=False)
    mixed = [unit for units in hosts.values() if units not in alike for unit in units]
    places: dict[str, list[Unit]] = {}
    for unit in mixed:
        places.setdefault(unit.device.address, []).append(unit)
    for address, same_place in sorted(places.items()):
        everyone = [unit for unit in twins if unit.device.address == address]
        groups = _by_treatment(same_place)
        alone = len(groups) == 1 and len(everyone) == len(same_place)
        for same in groups.values():
            whole = alone and len(same) == len(everyone)
            yield from _match(pci_id, address, same, everywhere=whole)


def _by_treatment(units: Iterable[Unit]) -> Mapping[Treatment, list[Unit]]:
    found: dict[Treatment, list[Unit]] = {}
    for unit in units:
        if unit.treatment:
            found.setdefault(unit.treatment, []).append(unit)
    return found


def _match(pci_id: str, address: str, units: list[Unit], *, everywhere: bool) -> Iterator[Match]:
    """Yield one match, or several where the hosts' names are too long for one pattern."""
    treatment = units[0].treatment
    if treatment is None:
        return
    hosts = sorted({unit.host for unit in units})
    if everywhere:
        yield Match(pci_id, address, "", treatment, tuple(hosts))
        return
    for chunk in _chunks(hosts):
        yield Match(pci_id, address, ",".join(chunk), treatment, tuple(chunk))


def _chunks(hosts: list[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for host in hosts:
        if chunk and len(",".join([*chunk, host])) > _PATTERN_LIMIT:
            yield chunk
            chunk = []
        chunk.append(host)
    yield chunk
