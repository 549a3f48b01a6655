"""Write the first policy of a fleet that runs already."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.model.profiles import DriverProfileSpec
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.scaffold.bindings import (
    Match,
    Unit,
    choose_matches,
    driver_of,
    is_vfio,
    list_units,
)
from fleetpolicy.scaffold.domains import FirstGuest, read_guest
from fleetpolicy.scaffold.knobs import Knob, kernel_knobs, module_knobs
from fleetpolicy.scaffold.wording import few, quoted

_HEAD = "apiVersion: fleetpolicy/v1alpha1"


@dataclass(frozen=True, slots=True)
class FirstPolicy:
    """A policy's text, and what it leaves out of what runs."""

    text: str
    notes: tuple[str, ...]


def write_first_policy(
    records: Mapping[str, HostRecord], drivers: Mapping[str, DriverProfileSpec]
) -> FirstPolicy:
    """Return the policy that says what hosts have today.

    Args:
        records: By host, sorted.
        drivers: The profiles by module, with underscores.
    """
    hosts = tuple(records.values())
    notes = list(_find_strangers(hosts, drivers))
    knobs = [*kernel_knobs(hosts, drivers, notes), *module_knobs(hosts, drivers, notes)]
    units = list_units(hosts, drivers)
    documents = [_fleet(knobs, len(hosts))]
    documents += (_device_policy(match, units) for match in choose_matches(units))
    documents += _guests(hosts, notes)
    told = tuple(dict.fromkeys(notes))
    head = f"# What {_count(len(hosts), 'host')} had when facts were recorded ({_dates(hosts)}).\n"
    if told:
        head += "# Left out:\n" + "".join(f"# - {note}\n" for note in told)
    return FirstPolicy(head + "---\n".join(documents), told)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _dates(hosts: Iterable[HostRecord]) -> str:
    days = sorted({record.collected_at[:10] for record in hosts})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _find_strangers(
    hosts: Iterable[HostRecord], drivers: Mapping[str, DriverProfileSpec]
) -> Iterator[str]:
    """Yield the devices on VFIO drivers that no policy can give away."""
    for record in hosts:
        for device in record.facts.devices:
            driver = driver_of(record, device)
            if not is_vfio(driver):
                continue
            place = f"{device.address} ({device.id}) of {record.host}"
            if canonical_module(driver) not in drivers:
                yield f"{place}: no DriverProfile knows its driver {driver}"
            elif device.used_by:
                yield f"{place}: it is the host's {', '.join(device.used_by)}"


def _fleet(knobs: Iterable[Knob], hosts: int) -> str:
    lines = [_HEAD, "kind: FleetPolicy", "metadata: {name: imported}"]
    kernel = [knob for knob in knobs if not knob.module]
    modules = sorted({knob.module for knob in knobs if knob.module})
    lines.append("spec:" if kernel or modules else "spec: {}")
    if kernel:
        lines += ["  kernel:", f"    # On the command line of {_all(hosts)}.", "    parameters:"]
        lines += (f"      {_key(knob.name)}: {quoted(knob.value)}" for knob in kernel)
    if modules:
        lines += [
            "  # As /sys/module shows them, where they are not at their defaults.",
            "  modules:",
        ]
    for module in modules:
        lines.append(f"    {module}:")
        lines += (
            f"      {_key(knob.name)}: {quoted(knob.value)} # on {few(knob.hosts)}"
            for knob in knobs
            if knob.module == module
        )
    return "\n".join(lines) + "\n"


def _all(hosts: int) -> str:
    return "the host" if hosts == 1 else f"all {hosts} hosts"


def _key(name: str) -> str:
    return name if name not in {"y", "n", "on", "off", "yes", "no"} else quoted(name)


def _device_policy(match: Match, units: Iterable[Unit]) -> str:
    treatment = match.treatment
    device = f"id: {quoted(match.id)}"
    if match.address:
        device += f", address: {quoted(match.address)}"
    lines = [
        *_reason(match, units),
        _HEAD,
        "kind: DevicePolicy",
        f"metadata: {{name: {quoted(_name(match))}}}",
        "spec:",
        "  match:",
        *([f"    hosts: {{pattern: {quoted(match.pattern)}}}"] if match.pattern else []),
        f"    device: {{{device}}}",
        f"  driver: {treatment.driver} # bound now on {few(match.hosts)}",
        *([f"  mapping: {treatment.mapping} # what the running kernel gives"]
          if treatment.mapping else []),
        *(["  group: take-all # functions of its IOMMU group have no VFIO driver yet"]
          if treatment.with_partners else []),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _name(match: Match) -> str:
    parts = [match.id, match.address, match.hosts[0] if match.pattern else ""]
    return "-at-".join(part.replace(":", "-") for part in parts[:2] if part) + (
        f"-on-{parts[2].lower()}"[:24].rstrip(".-_") if parts[2] else ""
    )


def _reason(match: Match, units: Iterable[Unit]) -> Iterator[str]:
    """Yield the comment about others of an id that stay where they are."""
    stay = [
        f"{unit.device.address} of {unit.host}"
        for unit in units
        if unit.device.id == match.id and unit.treatment != match.treatment
    ]
    if stay:
        yield f"# Others of {match.id} are not bound like this: {few(stay)}."


def _guests(hosts: Iterable[HostRecord], notes: list[str]) -> Iterator[str]:
    taken: dict[str, str] = {}
    for record in hosts:
        for name in sorted(record.state.domains):
            guest = read_guest(record, name)
            first = taken.setdefault(name, record.host)
            if isinstance(guest, str):
                notes.append(f"domain {name} of {record.host}: {guest}")
            elif first != record.host:
                notes.append(f"domain {name} of {record.host}: {first} has one of that name")
            else:
                yield _guest(guest, notes)


def _guest(guest: FirstGuest, notes: list[str]) -> str:
    if guest.left_out:
        notes.append(f"of domain {guest.name} of {guest.host}: {', '.join(guest.left_out)}")
    text = "\n".join(guest.lines)
    if guest.is_ours:
        return f"# The domain {guest.name} that libvirt keeps on {guest.host}.\n{text}\n"
    notes.append(f"domain {guest.name} of {guest.host}: somebody else defined it, see its comment")
    commented = "".join(f"# {line}\n" for line in text.split("\n"))
    return (
        f"# The domain {guest.name} of {guest.host} is not fleetpolicy's. To take it over: "
        f"virsh undefine {guest.name}\n# on the host, then take away the # below.\n{commented}"
    )
