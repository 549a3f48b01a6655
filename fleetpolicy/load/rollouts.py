"""Judge what a rollout says of time, which only the machine's time zones can tell."""

from collections.abc import Iterator
from functools import cache
from zoneinfo import available_timezones

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.load.rules import BAD_VALUE
from fleetpolicy.load.validation import suggest
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.rollout import Rollout

_zones = cache(available_timezones)


def check_window(rollout: Located[Rollout]) -> Iterator[Diagnostic]:
    """Find a time zone that does not exist; a machine without a list of them knows only UTC.

    Source:
        IANA time zone database, iana.org/time-zones
    """
    window = rollout.model.spec.window
    if window is None or window.timezone == "UTC":
        return
    zones = _zones()
    if window.timezone not in zones:
        yield BAD_VALUE.at(
            rollout.span_of(("spec", "window", "timezone")),
            why=f"spec.window.timezone is {window.timezone!r}, which is no time zone here",
            fix=suggest(window.timezone, sorted(zones), "write UTC, or install tzdata"),
        )
