"""Run simulated hosts: folders that look like hosts, and boot from what is in them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetpolicy.lab.hosts import boot, build, ensure, remove, set_kernel, status

__all__ = ["boot", "build", "ensure", "remove", "set_kernel", "status"]


def __getattr__(name: str) -> Any:
    """Load what is asked for: the programs of a host start through this package, and often."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fleetpolicy.lab import hosts  # noqa: PLC0415 see above

    return getattr(hosts, name)
