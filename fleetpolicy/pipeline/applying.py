"""Apply plans: the one just made, or a saved one that still holds."""

from pathlib import Path

from fleetpolicy.deploy import deploy
from fleetpolicy.diagnostics import ExitStatus, FleetPolicyError, Span
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.plan import Deployment, Plan
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.pipeline.exceptions import ended
from fleetpolicy.pipeline.loading import Loaded, parse_record
from fleetpolicy.pipeline.request import Request
from fleetpolicy.pipeline.rules import PLAN_STALE
from fleetpolicy.plan import dump_plan, parse_plan
from fleetpolicy.runner import RunEvent, RunOptions


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan where apply will read it."""
    path.write_bytes(dump_plan(plan))


def read_plan(path: Path) -> Plan:
    """Return a saved plan.

    Raises:
        FleetPolicyError: It is not there, cut off, changed, or of another version.
    """
    span = Span(str(path))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FleetPolicyError(
            PLAN_STALE.at(
                span,
                why=f"it cannot be read: {error.strerror}",
                fix="make it: fleetpolicy plan --out",
            )
        ) from error
    return parse_plan(data, span)


def check_fresh(plan: Plan, path: Path, loaded: Loaded) -> None:
    """Refuse a saved plan whose policy or hosts are others now.

    The hosts themselves refuse when their files or kernel changed since.

    Raises:
        FleetPolicyError: With status REFUSED.
    """
    reasons = []
    if plan.revision != loaded.policy.revision:
        reasons.append(
            f"it was made from policy revision {plan.revision[:12]}, "
            f"the policy is at {loaded.policy.revision[:12]}"
        )
    reasons += (
        f"Exception {item.model.metadata.name} ended on {item.model.spec.expires}"
        for item in ended(loaded.policy, loaded.today)
    )
    gone = [host.host for host in plan.hosts if host.host not in loaded.inventory.names]
    if gone:
        reasons.append(f"the inventory has no {', '.join(gone)} any more")
    if reasons:
        raise FleetPolicyError(
            PLAN_STALE.at(
                Span(str(path)),
                why="; ".join(reasons),
                fix="plan again: fleetpolicy plan --out, and read it before it is applied",
            ),
            status=ExitStatus.REFUSED,
        )


def apply_plan(
    request: Request, loaded: Loaded, plan: Plan, *, check: bool, no_reboot: bool
) -> tuple[Deployment, dict[str, HostRecord]]:
    """Carry a plan out and return what was done, with the records that came back."""
    seen: set[str] = set()

    def tell(event: RunEvent) -> None:
        seen.add(event.host)
        request.progress(f"{event.host}: {event.task}: {event.status}")

    if due := sum(not host.is_empty for host in plan.hosts):
        request.progress(f"applying to {amount(due, 'host')}")
    options = RunOptions(
        playbooks_folder(),
        forks=request.forks,
        on_event=tell,
        check=check,
        no_reboot=no_reboot,
    )
    return deploy(plan, loaded.inventory, parse_record, options)
