"""List the rules of a run as a whole, and gather the rules of every stage."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from fleetpolicy.diagnostics import Rule, Severity

_COMMANDS = "docs/command-line.md"
_LANGUAGE = "docs/policy-language.md"
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
NOT_USABLE = Rule(
    "FP610",
    "file-or-folder-not-usable",
    Severity.ERROR,
    "Commands read and write where they are told to, and where the system lets them.",
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

NO_GIT = Rule(
    "FP650",
    "git-not-installed",
    Severity.ERROR,
    "Revisions are read by git.",
    _COMMANDS,
)
NO_REPOSITORY = Rule(
    "FP651",
    "not-in-a-repository",
    Severity.ERROR,
    "A fleet has revisions to compare with only where git keeps it.",
    _COMMANDS,
)
UNKNOWN_REVISION = Rule(
    "FP652",
    "unknown-revision",
    Severity.ERROR,
    "A revision to compare with is a commit that this clone has: a branch, a tag or a hash.",
    "git, gitrevisions(7)",
)
GIT_FAILED = Rule(
    "FP653",
    "revision-not-readable",
    Severity.ERROR,
    "The files of a revision are written into a temporary folder; a clone that lacks some of them "
    "cannot be compared with.",
    _COMMANDS,
)
BAD_AGE = Rule(
    "FP654",
    "bad-age",
    Severity.ERROR,
    "An age is a whole number of minutes, hours or days.",
    _COMMANDS,
)
OLD_FACTS = Rule(
    "FP655",
    "facts-too-old",
    Severity.WARNING,
    "Hosts change while nobody looks: what is judged by old facts may be wrong.",
    _COMMANDS,
    production=Severity.ERROR,
)
NO_SUCH_RECORDS = Rule(
    "FP656",
    "no-such-records",
    Severity.ERROR,
    "Looks at hosts are compared by their records: a folder of them, or a file of one or many.",
    _COMMANDS,
)
EXCEPTION_ENDED = Rule(
    "FP611",
    "exception-expired",
    Severity.ERROR,
    "An Exception silences findings until the day on which it expires and not a day longer; it is "
    "then removed or prolonged by its owner, never forgotten.",
    _LANGUAGE,
)
EXCEPTION_ENDS_SOON = Rule(
    "FP612",
    "exception-expires-soon",
    Severity.WARNING,
    "What an Exception silences comes back when it expires; its owner is told 14 days before.",
    _LANGUAGE,
)
EXCEPTION_IDLE = Rule(
    "FP613",
    "exception-silences-nothing",
    Severity.WARNING,
    "An Exception that silences nothing is a mistake or a leftover, and would hide what comes "
    "later.",
    _LANGUAGE,
)
NO_SUCH_RULE = Rule(
    "FP614",
    "no-such-rule",
    Severity.ERROR,
    "An Exception names rules by their ids, and each of them exists.",
    "docs/rules.md",
)
NEVER_SILENCED = Rule(
    "FP615",
    "rule-never-silenced",
    Severity.ERROR,
    "Rules that keep hosts alive, and rules without which nothing of a host can be worked out, "
    "cannot be silenced; docs/rules.md tells which can.",
    _LANGUAGE,
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
