"""Explain rules, hosts, devices and settings: what is so, and which line caused it."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import indent

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.fleet import AssignedDevice, Assignment, FleetHost, HostClass
from fleetpolicy.pipeline.elements import find_elements
from fleetpolicy.pipeline.exceptions import ended
from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.pipeline.work import Work
from fleetpolicy.resolve.claims import matches_device
from fleetpolicy.resolve.grouping import group_hosts, matches_host
from fleetpolicy.resolve.situation import Situation

PRECEDENCE = (
    "global opt-out, then Exception, then DevicePolicy by priority, then FleetPolicy default"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A statement, and the line that caused it where one did."""

    text: str
    origin: Span | None = None


def explain_rule(rule_id: str) -> tuple[Reason, ...]:
    """Return what a rule demands and who says so; nothing where there is no such rule."""
    rule = all_rules().get(rule_id.upper())
    if rule is None:
        return ()
    production = f", {rule.production.value} in production" if rule.production else ""
    return (
        Reason(f"{rule.id} {rule.name}: {rule.severity.value}{production}"),
        Reason(rule.text),
        Reason("an Exception may silence it" if rule.waivable else "no Exception can silence it"),
        Reason(f"source: {rule.source}"),
        *_example("rejected", rule.rejected),
        *_example("accepted", rule.accepted),
    )


def _example(title: str, text: str) -> Iterator[Reason]:
    if text:
        yield Reason(f"{title}:\n{indent(text, '    ')}")


def explain_host(work: Work, host: FleetHost) -> tuple[Reason, ...]:
    """Return everything that is resolved for a host."""
    host_class = work.fleet.class_of(host)
    return (
        Reason(f"{host.name}; precedence: {PRECEDENCE}"),
        *_exceptions(work, host.name),
        *_kernel(host_class),
        *_settings(host_class),
        *(_assignment(item) for item in host_class.assignments),
        *(
            Reason(f"guest {name} takes {_devices(guest.devices)}", guest.origin)
            for name, guest in zip(host.guests, host_class.guests, strict=True)
        ),
        *(
            Reason(f"receives {item.path} ({item.kind.value})", min(item.origins, default=None))
            for item in work.rendering.of(host)
        ),
    )


def _exceptions(work: Work, name: str) -> Iterator[Reason]:
    """Tell of the exceptions that are for a host, those that have ended too."""
    loaded = work.loaded
    for located in loaded.policy.exceptions:
        spec = located.model.spec
        if matches_host(spec.hosts, loaded.inventory.hosts[name], loaded.inventory):
            silences = "silenced" if located in ended(loaded.policy, loaded.today) else "silences"
            yield Reason(
                f"Exception {located.model.metadata.name} {silences} {', '.join(spec.rules)} "
                f"until {spec.expires} ({spec.owner}, {spec.reason})",
                located.span,
            )


def _devices(devices: tuple[AssignedDevice, ...]) -> str:
    addresses = [item.assignment.device.address for item in devices]
    return ", ".join(addresses) or "no device"


def _kernel(host_class: HostClass) -> Iterator[Reason]:
    if host_class.kernel:
        release = host_class.facts.kernel.release
        yield Reason(f"kernel {release} is {host_class.kernel.profile}: {host_class.kernel.source}")
    if host_class.opt_out:
        mechanism = host_class.opt_out
        yield Reason(
            f"global opt-out by {mechanism.mechanism.value}: {mechanism.detail}", mechanism.origin
        )


def _settings(host_class: HostClass) -> Iterator[Reason]:
    for setting in host_class.settings:
        yield Reason(f"kernel command line: {setting.token}", setting.origin)
    for option in host_class.module_settings:
        yield Reason(
            f"module parameter: {option.module}.{option.parameter}={option.value}", option.origin
        )


def _assignment(item: Assignment) -> Reason:
    device = f"{item.device.address} ({item.device.id})"
    if item.companion:
        return Reason(f"{device} follows its IOMMU group to {item.driver.name}", item.driver_origin)
    by = f" by {item.policy}" if item.policy else ""
    return Reason(
        f"{device}: {item.mapping.value} through {item.driver.name}{by}", item.mapping_origin
    )


def explain_device(work: Work, host: FleetHost, address: str) -> tuple[Reason, ...]:
    """Return which policies match a device, which wins, and what it gets."""
    situation = _situation(work, host)
    device = next((item for item in situation.facts.devices if item.address == address), None)
    if device is None:
        return ()
    serial = situation.serials.get(address)
    matching = sorted(
        (item for item in situation.applicable if matches_device(item.model.spec, device, serial)),
        key=lambda item: -item.model.spec.priority,
    )
    reasons = [Reason(f"{device.address} ({device.id}) on {host.name}")]
    reasons += (
        Reason(
            f"{'wins' if rank == 0 else 'loses'}: DevicePolicy {item.model.metadata.name}, "
            f"priority {item.model.spec.priority}",
            item.span_of(("spec", "match", "device")),
        )
        for rank, item in enumerate(matching)
    )
    if not matching:
        reasons.append(Reason("no DevicePolicy matches it"))
    chosen = [
        item for item in work.fleet.class_of(host).assignments if item.device.address == address
    ]
    for item in chosen:
        reasons.append(Reason(f"driver {item.driver.name}", item.driver_origin))
        reasons.append(Reason(f"mapping {item.mapping.value}", item.mapping_origin))
        if item.mapping is not item.declared:
            reasons.append(Reason(f"declared was {item.declared.value}; {PRECEDENCE}"))
    if not chosen:
        reasons.append(Reason("it stays with the host"))
    return tuple(reasons)


def _situation(work: Work, host: FleetHost) -> Situation:
    situations, _ = group_hosts(work.loaded.policy, work.loaded.inventory, work.records)
    return next(item for item in situations if host.name in (item.host, *item.others))


def explain_setting(work: Work, host: FleetHost, name: str) -> tuple[Reason, ...]:
    """Return the line behind a kernel argument, a module parameter, a file or an element.

    Args:
        work: The fleet.
        host: One of its hosts.
        name: Such as iommu.passthrough, iommu.passthrough=0, vfio_pci.disable_idle_d3, a path,
            hostdev/driver.
    """
    host_class = work.fleet.class_of(host)
    key = name.partition("=")[0].replace("-", "_")
    reasons = [
        Reason(f"kernel command line of {host.name}: {item.token}", item.origin)
        for item in host_class.settings
        if item.name.replace("-", "_") == key
    ]
    reasons += (
        Reason(f"module parameter of {host.name}: {dotted}={item.value}", item.origin)
        for item in host_class.module_settings
        if key in {dotted := f"{item.module}.{item.parameter}", item.parameter, item.module}
    )
    for item in work.rendering.of(host):
        if name in {item.path, item.name}:
            reasons += (Reason(f"{item.path} of {host.name}", origin) for origin in item.origins)
    reasons += (Reason(item.text, item.origin) for item in find_elements(work, host, name))
    return tuple(reasons)
