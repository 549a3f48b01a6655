"""Say what happened during a simulated boot, and because of which line of which file."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_DECISIVE = ("bound to ", "stays with ", "no driver: ")
_KEPT = " keeps the function"


class Stage(StrEnum):
    """Name the part of a boot in which something happened."""

    KERNEL = "kernel"
    INITRAMFS = "initramfs"
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Cause:
    """Point at the line of a file, or at the token, that made something happen.

    Args:
        source: A file's path, or the place that has no file, such as "kernel command line".
        text: The line or token as written.
        line: The line's number in the file; 0 where the source has no lines.
    """

    source: str
    text: str
    line: int = 0

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.text}"


@dataclass(frozen=True, slots=True)
class BootEvent:
    """Record one step: what happened to which device or module, when and why."""

    stage: Stage
    subject: str
    what: str
    cause: Cause

    @property
    def decides_owner(self) -> bool:
        """Tell whether the step gave a function its owner, or kept another from it."""
        return self.what.startswith(_DECISIVE) or self.what.endswith(_KEPT)


@dataclass(frozen=True, slots=True)
class Ignored:
    """Name a setting that had no effect on this boot, and the reason."""

    setting: Cause
    why: str


@dataclass(frozen=True, slots=True)
class Race:
    """Name a device whose owner depends on steps that a boot runs in no fixed order.

    Args:
        address: The PCI function.
        outcomes: Every owner that was seen, the one of `BootTrace.owners` first.
    """

    address: str
    outcomes: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class BootTrace:
    """Hold what a host will be after a boot, and every step that led there.

    Args:
        owners: Each PCI function's driver, by its sysfs name, or None.
        overrides: The driver_override of each function that has one.
        loaded: The modules that were loaded; those built in are not among them.
        parameters: The values that reached each loaded or built-in module.
    """

    events: tuple[BootEvent, ...]
    owners: Mapping[str, str | None]
    overrides: Mapping[str, str]
    loaded: frozenset[str]
    parameters: Mapping[str, Mapping[str, str]]
    ignored: tuple[Ignored, ...]
    races: tuple[Race, ...] = ()

    def reason(self, address: str) -> BootEvent:
        """Return the step that decided who owns a function.

        Raises:
            KeyError: The host has no function at this address.
        """
        if address not in self.owners:
            raise KeyError(address)
        return next(
            event
            for event in reversed(self.events)
            if event.subject == address and event.decides_owner
        )
