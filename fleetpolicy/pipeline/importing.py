"""Write a first policy from recorded facts, and judge it by the same facts."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load import Places, load_policies, load_records
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.plan import Plan
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.rules import FILE_EXISTS, NO_RECORDS, NOT_WRITTEN
from fleetpolicy.pipeline.work import plan_work, work_out
from fleetpolicy.scaffold import FirstPolicy, write_first_policy

_EMPTY = "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata: {name: none}\nspec: {}\n"


@dataclass(frozen=True, slots=True)
class Imported:
    """A first policy.

    Args:
        hosts: How many it was written from.
        plan: What apply would change, None where the policy does not hold.
        findings: Of the facts, and of the policy against them.
    """

    policy: FirstPolicy
    hosts: int
    plan: Plan | None
    findings: tuple[Diagnostic, ...]


def import_facts(folder: Path, shown: str) -> Imported:
    """Return the policy of the hosts that a folder has records of.

    Args:
        folder: Holds the records.
        shown: What findings call the policy.

    Raises:
        FleetPolicyError: There are no records.
    """
    records, findings = load_records(folder)
    if not records:
        raise FleetPolicyError(
            *findings,
            NO_RECORDS.at(
                Span(str(folder)),
                why="the folder has no record of a host",
                fix="run: fleetpolicy facts collect -i INVENTORY",
            ),
        )
    with tempfile.TemporaryDirectory(prefix="fleetpolicy-") as place:
        path = Path(place, "policy.yaml")
        drivers = _load(path, _EMPTY).drivers
        known = {module: located.model.spec for module, located in drivers.items()}
        policy = write_first_policy(records, known)
        try:
            written = _load(path, policy.text)
            inventory = _inventory_of(folder, records, written)
            loaded = Loaded(Places(None, (path,), folder), written, inventory, ())
            work = work_out(loaded, Looked(records, findings, live=False))
            plan, planned = plan_work(work)
            judged = (*work.findings, *planned)
        except FleetPolicyError as error:
            plan, judged = None, (*findings, *error.diagnostics)
    return Imported(policy, len(records), plan, tuple(_rename(judged, str(path), shown)))


def _load(path: Path, text: str) -> PolicySet:
    path.write_text(text)
    return load_policies([path])[0]


def _inventory_of(folder: Path, records: Iterable[str], policy: PolicySet) -> Inventory:
    """Return an inventory of the hosts that were recorded; every pattern is a list of names."""
    hosts = {name: InventoryHost(name, ("all",), {}, "/", None) for name in records}
    written = (located.model.spec.match.hosts.pattern for located in policy.device_policies)
    patterns = {pattern: frozenset(pattern.split(",")) for pattern in written if pattern}
    return Inventory(Span(str(folder)), hosts, frozenset(hosts), frozenset(("all",)), patterns)


def _rename(findings: Iterable[Diagnostic], path: str, shown: str) -> Iterable[Diagnostic]:
    """Return findings that call the policy by its name, not by that of a file that is gone."""
    for item in findings:
        span = item.span.called(shown) if item.span.path == path else item.span
        yield replace(item, span=span, why=item.why.replace(path, shown))


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        FleetPolicyError: It is there, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        why = f"{path} is there already"
        fix = "name another file, or move it away"
        raise FleetPolicyError(FILE_EXISTS.at(Span(str(path)), why=why, fix=fix)) from error
    except OSError as error:
        why = str(error.strerror).lower()
        fix = "make the folder, and make it writable"
        raise FleetPolicyError(NOT_WRITTEN.at(Span(str(path)), why=why, fix=fix)) from error
