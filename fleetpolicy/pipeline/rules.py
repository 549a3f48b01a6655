"""List the rules of a run as a whole, and gather the rules of every floor."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from fleetpolicy.diagnostics import Rule, Severity
from fleetpolicy.pipeline.exception_rules import (
    EXCEPTION_ENDED,
    EXCEPTION_ENDS_SOON,
    EXCEPTION_IDLE,
    NEVER_SILENCED,
    NO_SUCH_RULE,
)
from fleetpolicy.pipeline.file_rules import (
    BAD_AGE,
    FILE_EXISTS,
    GIT_FAILED,
    NO_FILES,
    NO_GIT,
    NO_RECORDS,
    NO_REPOSITORY,
    NO_SUCH_RECORDS,
    NOT_FORMATTED,
    NOT_WRITTEN,
    OLD_FACTS,
    UNKNOWN_REVISION,
)

__all__ = [
    "BAD_AGE",
    "BAD_OUTPUT",
    "EXCEPTION_ENDED",
    "EXCEPTION_ENDS_SOON",
    "EXCEPTION_IDLE",
    "FILE_EXISTS",
    "GIT_FAILED",
    "NEVER_SILENCED",
    "NOT_APPROVED",
    "NOT_EMULATED",
    "NOT_FORMATTED",
    "NOT_SIMULATED",
    "NOT_USABLE",
    "NOT_WRITTEN",
    "NO_FILES",
    "NO_GIT",
    "NO_INVENTORY",
    "NO_RECORDS",
    "NO_REPOSITORY",
    "NO_SUCH_RECORDS",
    "NO_SUCH_RULE",
    "OFFLINE",
    "OLD_FACTS",
    "ONLY_SIMULATED",
    "OUTPUTS_COLLIDE",
    "OUTPUT_UNWRITTEN",
    "PLAN_STALE",
    "UNKNOWN_REVISION",
    "UNKNOWN_SUBJECT",
    "all_rules",
]

_COMMANDS = "docs/command-line.md"
_FLOORS = (
    "load",
    "resolve",
    "simulate",
    "render",
    "admit",
    "plan",
    "observe",
    "deploy",
    "verify",
    "lab",
    "emulate",
    "pipeline",
)

BAD_OUTPUT = Rule(
    "FP601",
    "unknown-output-format",
    Severity.ERROR,
    "Products are written in the formats that the command has.",
    _COMMANDS,
    rejected="fleetpolicy lab status -i fleet --output json",
    accepted="fleetpolicy plan -i fleet --output json",
)
PLAN_STALE = Rule(
    "FP602",
    "stale-plan",
    Severity.ERROR,
    "A saved plan is applied exactly or not at all: what it was made from must not have changed.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --out fleet.fpz\n"
    "# then policies/ is edited\n"
    "fleetpolicy apply -i fleet fleet.fpz",
    accepted="fleetpolicy plan -i fleet --out fleet.fpz\nfleetpolicy apply -i fleet fleet.fpz",
)
NOT_APPROVED = Rule(
    "FP603",
    "apply-not-approved",
    Severity.ERROR,
    "Hosts change only after somebody saw the plan: a person at a terminal, a saved plan, or "
    "--auto-approve.",
    _COMMANDS,
    rejected="fleetpolicy apply -i fleet < /dev/null",
    accepted="fleetpolicy apply -i fleet fleet.fpz < /dev/null",
)
NO_INVENTORY = Rule(
    "FP604",
    "no-inventory",
    Severity.ERROR,
    "Work on hosts needs an inventory that names them.",
    _COMMANDS,
    rejected="fleetpolicy plan\n# no fleetpolicy.yaml names an inventory",
    accepted="fleetpolicy plan -i fleet",
)
OFFLINE = Rule(
    "FP605",
    "facts-need-a-look",
    Severity.ERROR,
    "Without recorded facts the hosts must be looked at, which --offline forbids.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --offline\n# no facts are recorded",
    accepted="fleetpolicy facts collect -i fleet\nfleetpolicy plan -i fleet --offline",
)
UNKNOWN_SUBJECT = Rule(
    "FP606",
    "nothing-of-that-name",
    Severity.ERROR,
    "A command about one host, device, setting or rule needs one that exists.",
    _COMMANDS,
    rejected="fleetpolicy explain -i fleet gh-0l",
    accepted="fleetpolicy explain -i fleet gh-01",
)
ONLY_SIMULATED = Rule(
    "FP620",
    "only-simulated-hosts",
    Severity.ERROR,
    "Kernel modules are installed on hosts that exist; a simulated host has those of its model.",
    "docs/opt-out.md; docs/simulated-hosts.md",
    rejected="fleetpolicy modules install -i inventories/demo --from modules\n"
    "# every host has the host variable fleetpolicy_model",
    accepted="fleetpolicy modules install -i inventories/site --from modules",
)
NOT_SIMULATED = Rule(
    "FP607",
    "not-a-simulated-host",
    Severity.ERROR,
    "Only hosts with a model or a machine in the inventory are built, booted and removed by the "
    "tool.",
    "docs/simulated-hosts.md",
    rejected="fleetpolicy lab boot -i fleet web-01\n"
    "# web-01 has no host variable fleetpolicy_model",
    accepted="fleetpolicy lab boot -i fleet gh-01\n# gh-01 has the host variable fleetpolicy_model",
)
NOT_EMULATED = Rule(
    "FP840",
    "not-an-emulated-host",
    Severity.ERROR,
    "One emulated host is entered at a time; a simulated one has neither a shell nor a console.",
    "docs/lab.md",
    rejected="fleetpolicy lab ssh -i inventories/lab  # it has two emulated hosts",
    accepted="fleetpolicy lab ssh -i inventories/lab arm-01",
)
OUTPUTS_COLLIDE = Rule(
    "FP608",
    "outputs-collide",
    Severity.ERROR,
    "Every format goes to a place of its own; standard output takes one.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --output json --output markdown",
    accepted="fleetpolicy plan -i fleet --output json=plan.json --output markdown",
)
OUTPUT_UNWRITTEN = Rule(
    "FP609",
    "output-not-written",
    Severity.ERROR,
    "A file that a product is to go to can be written; it is replaced whole or not at all.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --output json=missing/plan.json\n"
    "# there is no folder missing/",
    accepted="fleetpolicy plan -i fleet --output json=plan.json",
)
NOT_USABLE = Rule(
    "FP610",
    "file-or-folder-not-usable",
    Severity.ERROR,
    "Commands read and write where they are told to, and where the system lets them.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --out missing/fleet.fpz\n# there is no folder missing/",
    accepted="fleetpolicy plan -i fleet --out fleet.fpz",
)


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return every rule of the tool by its id, sorted.

    Raises:
        ValueError: Two rules share an id.
    """
    found: dict[str, Rule] = {}
    for name in _rule_modules():
        for value in vars(import_module(name)).values():
            if not isinstance(value, Rule):
                continue
            if found.setdefault(value.id, value) is not value:
                raise ValueError(f"{value.id} is both {found[value.id].name} and {value.name}")
    return dict(sorted(found.items()))


def _rule_modules() -> list[str]:
    """Return the modules of the floors whose name ends in `rules`."""
    names = []
    for floor in _FLOORS:
        package = import_module(f"fleetpolicy.{floor}")
        names += [
            f"fleetpolicy.{floor}.{module.name}"
            for module in pkgutil.iter_modules(package.__path__)
            if module.name.endswith("rules")
        ]
    return names
