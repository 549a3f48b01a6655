"""Let libvirt's schemas judge the domains of a fleet that is worked out."""

from dataclasses import replace

from fleetpolicy.admit import admit
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.work import Work


def admit_work(work: Work, request: Request) -> Work:
    """Return the work with what the schemas have against its domains.

    Raises:
        FleetPolicyError: The folder of schemas that the request names cannot be used.
    """
    found = admit(work.fleet, work.rendering, request.schemas)
    return replace(work, findings=(*work.findings, *found)) if found else work
