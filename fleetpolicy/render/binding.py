"""Render the udev rules that reserve each device for its driver."""

from collections.abc import Iterator

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import Assignment, HostClass
from fleetpolicy.render.site import HEADER

PATH = "/etc/udev/rules.d/70-fleetpolicy.rules"


def render_binding(host_class: HostClass) -> Artifact | None:
    """Return the rules, None where nothing is assigned.

    Rules match by address and by id, so that a device that moved is left alone, and come before
    80-drivers.rules, which loads the native driver. The first function whose event is processed
    reserves every device, so that the native driver finds none of them free when it is loaded for a
    twin. What is bound nevertheless, by a driver that is built in or came with an initramfs that
    has no rules, is taken back at the device's own event, and the device offered again.

    Source:
        Linux, Documentation/ABI/testing/sysfs-bus-pci: driver_override, unbind, drivers_probe;
        udev(7): ATTR with [SUBSYSTEM/KERNEL], RUN, which waits until all rules are read; systemd,
        rules.d/80-drivers.rules.
    """
    if not host_class.assignments:
        return None
    reservations = (_reservation(assignment) for assignment in host_class.assignments)
    own = (line for item in host_class.assignments for line in _rules(host_class, item))
    text = HEADER + "".join((*reservations, *own))
    origins = tuple(sorted({item.driver_origin for item in host_class.assignments}))
    return Artifact(PATH, ArtifactKind.BINDING, text, 0o644, origins)


def _reservation(assignment: Assignment) -> str:
    vendor, device = assignment.device.id.split(":")
    place = f"[pci/{assignment.device.address}]"
    return (
        f'ACTION=="add", SUBSYSTEM=="pci", ATTR{{{place}vendor}}=="0x{vendor}", '
        f'ATTR{{{place}device}}=="0x{device}", '
        f'ATTR{{{place}driver_override}}="{assignment.driver.name}"\n'
    )


def _rules(host_class: HostClass, assignment: Assignment) -> Iterator[str]:
    vendor, device = assignment.device.id.split(":")
    driver = assignment.driver
    when = (
        f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{assignment.device.address}", '
        f'ATTR{{vendor}}=="0x{vendor}", ATTR{{device}}=="0x{device}"'
    )
    override = f'ATTR{{driver_override}}="{driver.name}"'
    if host_class.facts.modules.get(driver.module) != "builtin":
        override += f', RUN{{builtin}}+="kmod load {driver.module}"'
    yield f"{when}, {override}\n"
    yield (f'{when}, DRIVER=="?*", DRIVER!="{driver.name}", ATTR{{driver/unbind}}="$kernel"\n')
    yield f'{when}, ATTR{{[subsystem/pci]drivers_probe}}="$kernel"\n'
