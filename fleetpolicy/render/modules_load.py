"""Render the list of VFIO modules that are loaded at boot."""

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.render.site import HEADER

PATH = "/etc/modules-load.d/fleetpolicy.conf"


def render_modules_load(host_class: HostClass) -> Artifact | None:
    """Return the list, None where every driver in use is built in or none is used.

    Source:
        modules-load.d(5).
    """
    wanted = {
        assignment.driver.module
        for assignment in host_class.assignments
        if host_class.facts.modules.get(assignment.driver.module) != "builtin"
    }
    if not wanted:
        return None
    origins = {
        assignment.driver_origin
        for assignment in host_class.assignments
        if assignment.driver.module in wanted
    }
    text = HEADER + "".join(f"{module}\n" for module in sorted(wanted))
    return Artifact(PATH, ArtifactKind.MODULE_LOAD, text, 0o644, tuple(sorted(origins)))
