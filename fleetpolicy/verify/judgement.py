"""Judge hosts by their records: named checks, each with what it found."""

from collections.abc import Iterator, Mapping

from fleetpolicy.model.artifact import Rendering, deployed
from fleetpolicy.model.difference import compare
from fleetpolicy.model.fleet import Fleet, FleetHost
from fleetpolicy.model.plan import Check, Verification
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.runtime import COMMAND_LINE, DRIVER, INITRAMFS, MODULE_PARAMETER, unmet
from fleetpolicy.model.simulation import Simulation
from fleetpolicy.verify.content import judge_domains, judge_files, judge_manifest
from fleetpolicy.verify.drift import find_host_meaning_changes
from fleetpolicy.verify.leftout import find_left_out, list_left_out
from fleetpolicy.verify.mappings import Known, judge_mappings
from fleetpolicy.verify.rules import COMMAND_LINE_UNMET
from fleetpolicy.verify.running import (
    find_next_words,
    judge_groups,
    judge_next_kernel,
    judge_running,
)


def judge(
    fleet: Fleet,
    simulation: Simulation,
    rendering: Rendering,
    records: Mapping[str, HostRecord],
    policy: PolicySet,
) -> Verification:
    """Return the verdict on every host that has a record, sorted.

    A host that is not in the fleet fails: it is never counted as verified.
    """
    judge_ = _Judge(fleet, simulation, rendering, Known(policy))
    left_out = (
        Check(record.host, "policy-applies", tuple(find_left_out(fleet, record)))
        for record in list_left_out(fleet, records)
    )
    checks = (
        check
        for host in fleet.hosts
        if host.name in records
        for check in judge_.checks(host, records[host.name])
    )
    ordered = sorted((*checks, *left_out), key=lambda check: (check.host, check.name))
    return Verification(tuple(ordered))


class _Judge:
    """Everything that hosts are judged by."""

    def __init__(
        self, fleet: Fleet, simulation: Simulation, rendering: Rendering, known: Known
    ) -> None:
        self.fleet = fleet
        self.simulation = simulation
        self.rendering = rendering
        self.known = known
        self.vfio_drivers = frozenset(
            located.model.spec.driver for located in known.policy.drivers.values()
        )

    def checks(self, host: FleetHost, record: HostRecord) -> Iterator[Check]:
        """Return the checks of one host."""
        host_class = self.fleet.class_of(host)
        artifacts = self.rendering.of(host)
        differences = compare(artifacts, record.state)
        missing = unmet(host_class, record.state)
        found = {
            "files-in-place": judge_files(differences, record),
            "command-line": (
                *judge_running(COMMAND_LINE, missing, record),
                *find_next_words(COMMAND_LINE_UNMET, host_class, record),
            ),
            "module-parameters": judge_running(MODULE_PARAMETER, missing, record),
            "driver-bound": judge_running(DRIVER, missing, record),
            "initramfs-current": judge_running(INITRAMFS, missing, record),
            "iommu-group-viable": judge_groups(host_class, record, self.vfio_drivers),
            "domains-as-rendered": judge_domains(differences, record),
            "manifest-present": judge_manifest(deployed(artifacts), record),
            "next-kernel-ready": judge_next_kernel(host_class, record),
            "mapping-as-declared": judge_mappings(host_class, record, self.known),
            "mapping-meaning-kept": find_host_meaning_changes(
                host_class, self.simulation.classes[host.index], record
            ),
        }
        for name, findings in found.items():
            yield Check(host.name, name, tuple(findings))
