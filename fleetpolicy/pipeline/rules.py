"""List the rules of a run as a whole, and gather the rules of every stage."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from fleetpolicy.diagnostics import Rule, Severity

_COMMANDS = "docs/command-line.md"
_STAGES = ("load", "resolve", "simulate", "render", "plan", "observe", "deploy", "verify", "lab")

BAD_OUTPUT = Rule(
    "FP601",
    "unknown-output-format",
    Severity.ERROR,
    "Products are written in the formats that the command has.",
    _COMMANDS,
)
PLAN_STALE = Rule(
    "FP602",
    "stale-plan",
    Severity.ERROR,
    "A saved plan is applied exactly or not at all: what it was made from must not have changed.",
    _COMMANDS,
)
NOT_APPROVED = Rule(
    "FP603",
    "apply-not-approved",
    Severity.ERROR,
    "Hosts change only after somebody saw the plan: a person at a terminal, a saved plan, or "
    "--auto-approve.",
    _COMMANDS,
)
NO_INVENTORY = Rule(
    "FP604",
    "no-inventory",
    Severity.ERROR,
    "Work on hosts needs an inventory that names them.",
    _COMMANDS,
)
OFFLINE = Rule(
    "FP605",
    "facts-need-a-look",
    Severity.ERROR,
    "Without recorded facts the hosts must be looked at, which --offline forbids.",
    _COMMANDS,
)
UNKNOWN_SUBJECT = Rule(
    "FP606",
    "nothing-of-that-name",
    Severity.ERROR,
    "A command about one host, device, setting or rule needs one that exists.",
    _COMMANDS,
)
NOT_SIMULATED = Rule(
    "FP607",
    "not-a-simulated-host",
    Severity.ERROR,
    "Only hosts with a model in the inventory are built, booted and removed by the tool.",
    "docs/simulated-hosts.md",
)
NOT_FORMATTED = Rule(
    "FP641",
    "not-formatted",
    Severity.ERROR,
    "Files have the one layout that `fmt` gives them, so that a diff shows what is meant; texts "
    "that other readers take for numbers or truths are in quotes.",
    "docs/getting-started.md",
)
NOT_WRITTEN = Rule(
    "FP642",
    "file-not-written",
    Severity.ERROR,
    "A file is written as a whole or not at all.",
    _COMMANDS,
)
NO_FILES = Rule(
    "FP643",
    "no-files-named",
    Severity.ERROR,
    "A command about files needs some: named, or those of the fleet.",
    _COMMANDS,
)
FILE_EXISTS = Rule(
    "FP644",
    "file-exists-already",
    Severity.ERROR,
    "Nothing that is there is overwritten: it may be somebody's work.",
    _COMMANDS,
)
NO_RECORDS = Rule(
    "FP645",
    "no-records-to-import",
    Severity.ERROR,
    "A first policy is written from recorded facts of hosts that run.",
    "docs/getting-started.md",
)
OUTPUTS_COLLIDE = Rule(
    "FP608",
    "outputs-collide",
    Severity.ERROR,
    "Every format goes to a place of its own; standard output takes one.",
    _COMMANDS,
)
OUTPUT_UNWRITTEN = Rule(
    "FP609",
    "output-not-written",
    Severity.ERROR,
    "A file that a product is to go to can be written; it is replaced whole or not at all.",
    _COMMANDS,
)


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return every rule of the tool by its id, sorted.

    Raises:
        ValueError: Two rules share an id.
    """
    found: dict[str, Rule] = {}
    for name in (*_rule_modules(), __name__):
        for value in vars(import_module(name)).values():
            if not isinstance(value, Rule):
                continue
            if found.setdefault(value.id, value) is not value:
                raise ValueError(f"{value.id} is both {found[value.id].name} and {value.name}")
    return dict(sorted(found.items()))


def _rule_modules() -> list[str]:
    """Return the modules of the stages whose name ends in `rules`."""
    names = []
    for stage in _STAGES:
        package = import_module(f"fleetpolicy.{stage}")
        names += [
            f"fleetpolicy.{stage}.{module.name}"
            for module in pkgutil.iter_modules(package.__path__)
            if module.name.endswith("rules")
        ]
    return names
