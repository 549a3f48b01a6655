"""Find drivers that a kernel would refuse because nobody signed them."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Assignment, VfioDriver
from fleetpolicy.resolve.optout_rules import UNSIGNED_MODULE
from fleetpolicy.resolve.situation import Situation


def find_unsigned(
    situation: Situation, assignments: tuple[Assignment, ...]
) -> Iterator[Diagnostic]:
    """Find drivers from outside the kernel's package that are not known to be signed.

    Whether the kernel trusts the key that signed a module shows when it is loaded, not before.
    """
    enforced = situation.facts.kernel.signatures_enforced
    if enforced is False:
        return
    seen: set[str] = set()
    for assignment in assignments:
        driver = assignment.driver
        reason = _unsigned(situation, driver)
        if reason and driver.module not in seen:
            seen.add(driver.module)
            release = situation.facts.kernel.release
            takes = "takes signed modules only" if enforced else "may take signed modules only"
            yield situation.find(
                UNSIGNED_MODULE,
                assignment.driver_origin,
                why=f"{driver.module} {reason}; kernel {release} {takes}",
                fix="sign the module and enrol the key (docs/opt-out.md, Secure Boot), then "
                "collect the facts again as root",
                device=assignment.device.address,
            )


def _unsigned(situation: Situation, driver: VfioDriver) -> str:
    """Say why a driver may be refused; nothing where it is signed or came with the kernel."""
    added = situation.facts.added_modules
    if added is None:
        # A driver of the kernel's package is signed by whoever made that.
        return "is not known to be signed" if driver.withheld_by else ""
    return "" if added.get(driver.module, True) else "has no signature"
