"""Predict from a host's files what it will be after a boot: drivers, modules, parameters."""

from fleetpolicy.simcore.boot.kernel import (
    HostConfig,
    Initramfs,
    KernelBuild,
    ModuleSoftdep,
    PciFunction,
    driver_for,
)
from fleetpolicy.simcore.boot.simulate import simulate_boot
from fleetpolicy.simcore.boot.trace import BootEvent, BootTrace, Cause, Ignored, Race, Stage

__all__ = [
    "BootEvent",
    "BootTrace",
    "Cause",
    "HostConfig",
    "Ignored",
    "Initramfs",
    "KernelBuild",
    "ModuleSoftdep",
    "PciFunction",
    "Race",
    "Stage",
    "driver_for",
    "simulate_boot",
]
