"""Find words that keep modules out which the host or the policy needs."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Assignment, Setting
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.parameter_rules import NEEDED_BLACKLISTED
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.boot.cmdline import canonical

_BLACKLISTS = frozenset({"module_blacklist", "modprobe.blacklist", "rd.driver.blacklist"})


def find_blacklisted(
    situation: Situation, settings: tuple[Setting, ...], assignments: tuple[Assignment, ...]
) -> Iterator[Diagnostic]:
    """Find modules on a blacklist that drive what the host lives on, or what policy binds."""
    needed = {
        canonical_module(device.native_driver): f"{device.address}, {device.used_by[0]}"
        for device in reversed(situation.facts.devices)
        if device.used_by and device.native_driver
    }
    needed |= {
        canonical_module(item.driver.module): f"{item.device.address}, which policy gives it"
        for item in reversed(assignments)
    }
    for setting in settings:
        if canonical(setting.name) not in _BLACKLISTS:
            continue
        for name in setting.value.split(","):
            module = canonical_module(name)
            if module in needed:
                yield situation.find(
                    NEEDED_BLACKLISTED,
                    setting.origin,
                    why=f"{setting.name} keeps {module} out, which drives {needed[module]}",
                    fix=f"take {name} off the list",
                )
