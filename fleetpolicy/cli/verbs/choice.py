"""Choose one host of a fleet by name."""

from difflib import get_close_matches

from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Profile, errors, spoken
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.pipeline.rules import UNKNOWN_SUBJECT
from fleetpolicy.pipeline.work import Work


def choose_host(work: Work, name: str, profile: Profile) -> FleetHost:
    """Return the host of that name.

    Raises:
        FleetPolicyError: The inventory has no such host, or findings leave it out of the fleet.
    """
    for host in work.fleet.hosts:
        if host.name == name:
            return host
    names = sorted(work.loaded.inventory.hosts)
    if name in names:
        about = [
            item
            for item in errors(spoken(work.findings, profile), profile)
            if name in (item.subject.host, *item.subject.others)
        ]
        if about:
            raise FleetPolicyError(*about)
    near = get_close_matches(name, names, n=1)
    raise FleetPolicyError(
        UNKNOWN_SUBJECT.at(
            work.loaded.inventory.source,
            why=work.fleet.skipped.get(name, f"it has no host {name}"),
            fix=f"write {near[0]}" if near else f"name one of its {len(names)} hosts",
        ),
        status=ExitStatus.INVALID,
    )
