"""Predict from a host's files what it will be after a boot: drivers, modules, parameters."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetpolicy.simcore.boot.aliases import driver_for
    from fleetpolicy.simcore.boot.kernel import (
        HostConfig,
        Initramfs,
        KernelBuild,
        ModuleSoftdep,
        PciFunction,
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

_NAMES = {
    "aliases": ("driver_for",),
    "kernel": (
        "HostConfig",
        "Initramfs",
        "KernelBuild",
        "ModuleSoftdep",
        "PciFunction",
    ),
    "simulate": ("simulate_boot",),
    "trace": (
        "BootEvent",
        "BootTrace",
        "Cause",
        "Ignored",
        "Race",
        "Stage",
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load what is asked for: most runs read words of a command line and boot nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
