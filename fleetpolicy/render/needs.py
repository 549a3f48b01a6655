"""Tell what libvirt and QEMU must understand for a guest."""

import re
from collections.abc import Iterator

from fleetpolicy.model.fleet import AssignedDevice, ResolvedGuest
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.render.features import (
    DEVICE_OVERRIDE,
    EXPANDER_BUS,
    GENERIC_INITIATORS,
    IOMMUFD,
    MMIO_APERTURE,
    SECURE_BOOT_ARM,
    SMMU,
    SMMU_COMMAND_QUEUE,
    VARIANT_DRIVER,
    Feature,
)
from fleetpolicy.render.hostdev import PLAIN

_VERSIONED = re.compile(r"(?:virt|pc-q35)-(\d{1,3})\.(\d{1,3})")


def needed_features(guest: ResolvedGuest, arch: str) -> Iterator[Feature]:
    """Yield what a guest's domain needs, some of it more than once."""
    versioned = _VERSIONED.fullmatch(guest.spec.machine or "")
    if versioned:
        major, minor = (int(number) for number in versioned.groups())
        yield Feature(f"machine {guest.spec.machine}", 0, major * 1_000_000 + minor * 1_000)
    if guest.spec.firmware.secure_boot and arch == "aarch64":
        yield SECURE_BOOT_ARM
    if guest.mmio_aperture_kib and arch == "aarch64":
        yield MMIO_APERTURE
    if any(guest.generic_initiator_nodes.values()):
        yield GENERIC_INITIATORS
    for device in guest.devices:
        yield from _needed_by(device)


def _needed_by(device: AssignedDevice) -> Iterator[Feature]:
    if device.assignment.driver.module != PLAIN:
        yield VARIANT_DRIVER
    if device.assignment.mapping is MappingMode.TRAPPED:
        yield DEVICE_OVERRIDE
    if device.expander:
        yield EXPANDER_BUS
    if device.iommufd:
        yield IOMMUFD
    if device.smmu:
        yield SMMU_COMMAND_QUEUE if device.smmu.cmdqv else SMMU
