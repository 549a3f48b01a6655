"""Lay out what guests get as tables, one per class of equal hosts."""

from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.simulation import DeviceMapping, Simulation
from fleetpolicy.report.findings import describe_hosts
from fleetpolicy.report.product import Table
from fleetpolicy.report.simulation import describe_kernel

_HEADER = ("device", "driver", "mapping", "region", "VMM maps", "stage 2", "a guest can reach")


def tabulate_mappings(fleet: Fleet, simulation: Simulation, device: str = "") -> tuple[Table, ...]:
    """Return a table per class that has hosts and assigned devices.

    Args:
        fleet: Its hosts are those to show.
        simulation: The mappings of its classes.
        device: Show this PCI address alone.
    """
    members: dict[int, list[str]] = {}
    for host in fleet.hosts:
        members.setdefault(host.index, []).append(host.name)
    tables = (
        Table(
            f"{describe_hosts(tuple(names))}: {describe_kernel(fleet.classes[index])}",
            _HEADER,
            tuple(
                row
                for mapping in simulation.classes[index]
                if device in {"", mapping.device}
                for row in _rows(mapping)
            ),
        )
        for index, names in members.items()
    )
    return tuple(table for table in tables if table.rows)


def _rows(mapping: DeviceMapping) -> list[tuple[str, ...]]:
    return [
        (
            f"{mapping.device} {mapping.id}",
            mapping.driver,
            mapping.effective.value,
            region.region,
            region.vmm,
            region.stage2,
            ", ".join(region.reachable) or "-",
        )
        for region in mapping.regions
    ]
