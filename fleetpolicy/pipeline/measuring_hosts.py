"""Measure the assigned devices of hosts that exist, and judge them by the simulation."""

import json
from dataclasses import replace

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.measurement import Comparison
from fleetpolicy.model.plan import Check, Verification
from fleetpolicy.observe import measure
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.measuring import read_measurement
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.verifying import Verified
from fleetpolicy.runner import RunOptions
from fleetpolicy.verify import Known, judge_measurement

CHECK = "measured-as-simulated"


def measure_hosts(request: Request, loaded: Loaded, looked: Looked, verified: Verified) -> Verified:
    """Return the verification with one more check per host that gives devices away.

    Each device is taken from VFIO for a moment, so no guest may have it; simulated and
    x86 hosts have nothing to measure.
    """
    fleet = verified.work.fleet
    wanted = {
        host.name: [item.device.address for item in fleet.class_of(host).assignments]
        for host in fleet.hosts
        if fleet.class_of(host).kernel is not None
        and loaded.inventory.hosts[host.name].simulated is None
        and host.name in looked.records
    }
    wanted = {name: addresses for name, addresses in wanted.items() if addresses}
    request.progress(f"measuring {amount(sum(map(len, wanted.values())), 'device')}")
    options = RunOptions(playbooks_folder(), forks=request.forks)
    told, failed = measure(loaded.inventory, wanted, options)
    known = Known(loaded.policy)
    checks: list[Check] = []
    measured: dict[str, tuple[Comparison, ...]] = {}
    for host in fleet.hosts:
        if host.name not in wanted:
            continue
        findings = tuple(item for item in failed if item.subject.host == host.name)
        if host.name in told:
            span = Span(f"measurement of {host.name}")
            try:
                measurement = read_measurement(json.loads(told[host.name]), span)
            except FleetPolicyError as error:
                findings = error.diagnostics
            else:
                record = looked.records[host.name]
                judged = judge_measurement(fleet.class_of(host), record, known, measurement)
                measured[host.name], findings = judged
        checks.append(Check(host.name, CHECK, findings))
    together = (*verified.verification.checks, *checks)
    ordered = sorted(together, key=lambda item: (item.host, item.name))
    return replace(verified, verification=Verification(tuple(ordered)), measured=measured)
