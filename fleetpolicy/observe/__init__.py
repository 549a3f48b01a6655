"""Look at hosts: what they are, what they can do, and how they are set up now."""

from fleetpolicy.observe.observe import measure, observe

__all__ = ["measure", "observe"]
