"""Write what the simulation says of hosts and their devices."""

from collections.abc import Iterable, Mapping

from fleetpolicy.model.fleet import Assignment, Fleet, FleetHost, HostClass
from fleetpolicy.model.simulation import DeviceMapping, Outcome, Simulation
from fleetpolicy.report.findings import describe_hosts
from fleetpolicy.report.table import write_table

_OUTCOME_HEADER = ("a guest asks", "gets", "lost", "repair", "who can be hurt")
_NAMED_TYPES = 3
_HEADER = ("device", "driver", "region", "VMM maps", "stage 2", "a guest can reach")


def write_simulation(fleet: Fleet, simulation: Simulation, device: str = "") -> str:
    """Return one table per class of equal hosts.

    Args:
        fleet: Its hosts are those to show.
        simulation: The mappings of its classes.
        device: Show this PCI address alone.
    """
    members: dict[int, list[str]] = {}
    for host in fleet.hosts:
        members.setdefault(host.index, []).append(host.name)
    return "\n".join(
        _class(fleet.classes[index], tuple(names), simulation.classes[index], device)
        for index, names in members.items()
    )


def _class(
    host_class: HostClass, hosts: tuple[str, ...], mappings: Iterable[DeviceMapping], device: str
) -> str:
    chosen = [mapping for mapping in mappings if device in {"", mapping.device}]
    if not chosen:
        return f"{describe_hosts(hosts)}: {describe_kernel(host_class)}\n  nothing is assigned\n"
    rows = [
        (
            f"{mapping.device} {mapping.id}",
            f"{mapping.driver} ({mapping.effective.value})",
            region.region,
            region.vmm,
            region.stage2,
            ", ".join(region.reachable) or "-",
        )
        for mapping in chosen
        for region in mapping.regions
    ]
    head = f"{describe_hosts(hosts)}: {describe_kernel(host_class)}\n"
    return head + write_table(_HEADER, rows, indent="  ")


def describe_kernel(host_class: HostClass) -> str:
    """Return kernel, era and the CPU features that decide, on one line."""
    facts = host_class.facts
    if host_class.kernel is None:
        return f"{facts.arch}, kernel {facts.kernel.release}"
    shown = {True: "yes", False: "no", None: "unknown"}
    opt_out = f", opt-out by {host_class.opt_out.mechanism.value}" if host_class.opt_out else ""
    return (
        f"{facts.arch}, kernel {facts.kernel.release} ({host_class.kernel.profile}), "
        f"{facts.cpu.model}: FWB {shown[facts.cpu.fwb]}, DIC {shown[facts.cpu.dic]}{opt_out}"
    )


def write_outcomes(
    host_class: HostClass, assignment: Assignment, outcomes: Mapping[str, tuple[Outcome, ...]]
) -> str:
    """Return a table per region: what a guest asks, what it gets, what is lost, who is hurt.

    Args:
        host_class: The class of the device's host.
        assignment: The device.
        outcomes: By the region's name.
    """
    platform = host_class.platform
    contained = (
        f"attested by {platform.by}" if platform and platform.attested else "not attested by anyone"
    )
    text = f"{assignment.device.address}: containment of errors is {contained}\n"
    for region in assignment.regions:
        rows = [_outcome_row(item) for item in outcomes.get(region.name, ())]
        text += f"  {region.name}, mapped {region.vma.pgprot.value} by the VMM\n"
        text += write_table(_OUTCOME_HEADER, rows, indent="    ") if rows else "    nothing\n"
    return text


def _outcome_row(item: Outcome) -> tuple[str, ...]:
    return (
        _shorten(item.asked),
        item.final,
        "; ".join(item.lost) or "-",
        item.repair,
        item.harm,
    )


def _shorten(types: tuple[str, ...]) -> str:
    if len(types) <= _NAMED_TYPES:
        return ", ".join(types)
    return f"{types[0]}, {types[1]} ... {types[-1]} ({len(types)})"


def simulation_document(
    hosts: Iterable[FleetHost], fleet: Fleet, simulation: Simulation
) -> list[dict[str, object]]:
    """Return the same as plain data, one entry per host."""
    return [
        {
            "host": host.name,
            "kernel": fleet.class_of(host).facts.kernel.release,
            "devices": [_device(mapping) for mapping in simulation.classes[host.index]],
        }
        for host in hosts
    ]


def _device(mapping: DeviceMapping) -> dict[str, object]:
    return {
        "address": mapping.device,
        "id": mapping.id,
        "driver": mapping.driver,
        "declared": mapping.declared.value,
        "effective": mapping.effective.value,
        "regions": [
            {
                "region": region.region,
                "vmm": region.vmm,
                "stage2": region.stage2,
                "reachable": list(region.reachable),
            }
            for region in mapping.regions
        ],
    }
