"""Declare the commands and their flags."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fleetpolicy import __version__
from fleetpolicy.cli.formats import FORMATS
from fleetpolicy.cli.lab_arguments import lab_flags, measure_flags, parse_lab
from fleetpolicy.cli.parser import Parser

_EPILOG = """exit codes: 0 done, 1 bug, 2 changes or drift (with --detailed-exitcode), 3 invalid,
4 stopped with some hosts changed, 5 hosts unreachable, 6 refused by a safety rule, 64 usage,
130 interrupted"""


def parse(words: Sequence[str]) -> Namespace:
    """Return a command line's arguments; `module` and `function` name what to run.

    Raises:
        SystemExit: Help was asked for, or the usage is wrong.
    """
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in _VERBS:
            return _parse_verb(name, words[length:])
    return _overview().parse_args(words)


def _parse_verb(name: str, words: Sequence[str]) -> Namespace:
    text, module, function, *adders = _VERBS[name]
    verb = Parser(prog=f"fleetpolicy {name}", description=text, allow_abbrev=False)
    verb.set_defaults(verb=name, module=module, function=function)
    for adder in (*adders, _output_flags):
        adder(verb)
    return parse_lab(verb, words) if name == "lab" else verb.parse_intermixed_args(words)


def _overview() -> ArgumentParser:
    """Return a parser that knows the commands by name, for help and for mistyped ones."""
    parser = Parser(
        prog="fleetpolicy",
        description="Declare, simulate, deploy and verify the memory mapping of passed-through "
        "PCI devices.",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fleetpolicy {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, (text, *_) in _VERBS.items():
        verbs.add_parser(name, help=text)
    return parser


def _inventory_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "-i", "--inventory", type=Path, metavar="PATH",
        help="a fleet's folder, or anything that Ansible takes as an inventory",
    )  # fmt: skip
    verb.add_argument("--limit", default="", metavar="PATTERN", help="hosts to work on")
    verb.add_argument("--config", type=Path, metavar="FILE", help="settings (fleetpolicy.yaml)")


def _fleet_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--policy", type=Path, action="append", default=[], metavar="PATH",
        help="policy files or folders, instead of the fleet's policies/",
    )  # fmt: skip
    _recorded_flags(verb)


def _recorded_flags(verb: ArgumentParser) -> None:
    """Declare what a command takes that needs no policy, but the facts of hosts."""
    _inventory_flags(verb)
    verb.add_argument(
        "--facts", type=Path, metavar="DIR", help="recorded facts, instead of the fleet's facts/"
    )
    verb.add_argument(
        "--profile", choices=("basic", "safety", "production"), default="safety",
        help="how strict to be (default: %(default)s)",
    )  # fmt: skip
    verb.add_argument("--strict", action="store_true", help="warnings fail")


def _host_flags(verb: ArgumentParser) -> None:
    where = verb.add_mutually_exclusive_group()
    where.add_argument("--live", action="store_true", help="look at the hosts now")
    where.add_argument("--offline", action="store_true", help="open no connection")
    _fork_flag(verb)


def _fork_flag(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--forks", type=_count, default=5, metavar="N", help="hosts at a time (default: 5)"
    )


def _count(word: str) -> int:
    """Return a number of one or more, as argparse asks for it."""
    if not word.isascii() or not word.isdigit() or int(word) < 1:
        raise ArgumentTypeError(f"{word} is no number of one or more")
    return int(word)


def _output_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--output", action="append", default=[], metavar="FORMAT[=FILE]",
        help=f"{', '.join(FORMATS)}, as far as the command has it; repeatable, each to a place "
        "of its own",
    )  # fmt: skip
    verb.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto",
        help="auto obeys NO_COLOR and pipes",
    )  # fmt: skip
    verb.add_argument("-q", "--quiet", action="store_true", help="no progress")
    verb.add_argument("-v", "--verbose", action="store_true", help="say more")


def _exit_flag(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--detailed-exitcode", action="store_true", help="exit 2 when there are changes or drift"
    )


def _validate_flags(verb: ArgumentParser) -> None:
    verb.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="policy files or folders")


def _admission_flag(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--libvirt-schemas", type=Path, metavar="DIR",
        help="judge domains by these, or by a folder in here per release such as 12.8.0, "
        "instead of those installed",
    )  # fmt: skip


def _schema_flags(verb: ArgumentParser) -> None:
    verb.add_argument("kind", nargs="?", metavar="KIND", help="such as DevicePolicy")
    verb.add_argument("--write", type=Path, metavar="DIR", help="write every schema into a folder")


def _render_flags(verb: ArgumentParser) -> None:
    what = verb.add_mutually_exclusive_group()
    what.add_argument("-o", "--out", type=Path, metavar="DIR", help="write a tree per host")
    what.add_argument(
        "--diff", type=Path, metavar="DIR", help="compare with a tree that was written before"
    )
    verb.add_argument("--host", default="", metavar="NAME", help="one host's files alone")


def _simulate_flags(verb: ArgumentParser) -> None:
    verb.add_argument("host", nargs="?", default="", metavar="HOST")
    verb.add_argument("device", nargs="?", default="", metavar="DEVICE", help="a PCI address")
    verb.add_argument("--litmus", action="store_true", help="show programs that go wrong")


def _plan_flags(verb: ArgumentParser) -> None:
    what = verb.add_mutually_exclusive_group()
    what.add_argument("--out", type=Path, metavar="FILE", help="save the plan for apply")
    what.add_argument(
        "--against", metavar="REV",
        help="compare with what a git revision renders; no host is touched",
    )  # fmt: skip


def _age_flag(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--max-age", default="", metavar="AGE",
        help="how old recorded facts may be, such as 30d",
    )  # fmt: skip


def _show_flags(verb: ArgumentParser) -> None:
    verb.add_argument("plan", type=Path, metavar="PLAN", help="a file that plan --out wrote")


def _apply_flags(verb: ArgumentParser) -> None:
    verb.add_argument("plan", nargs="?", type=Path, metavar="PLAN", help="a saved plan")
    verb.add_argument("--auto-approve", action="store_true", help="do not ask")
    verb.add_argument("--no-reboot", action="store_true", help="stage only; hosts stay pending")
    verb.add_argument("--check", action="store_true", help="let the hosts say what would change")
    verb.add_argument("--no-checks", action="store_true", help="leave the testinfra checks out")


def _verify_flags(verb: ArgumentParser) -> None:
    verb.add_argument("--checks", type=Path, metavar="DIR", help="more test_*.py of your own")
    verb.add_argument("--measure", action="store_true", help="measure devices that no guest has")
    verb.add_argument("--no-checks", action="store_true", help="leave the testinfra checks out")


def _explain_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "what", metavar="RULE|HOST|rollout|exceptions",
        help="such as FP203, gh-01; rollout tells which hosts are in which wave, exceptions what "
        "is silenced",
    )  # fmt: skip
    verb.add_argument(
        "detail", nargs="?", default="", metavar="DEVICE|ARG",
        help="of a host: a PCI address, or a kernel argument, module parameter, path or element",
    )  # fmt: skip


def _facts_flags(verb: ArgumentParser) -> None:
    verb.add_argument("action", choices=("collect", "show", "diff"))
    verb.add_argument(
        "what", nargs="*", default=[], metavar="HOST|A B",
        help="a host to show, or two folders or files of records to compare",
    )  # fmt: skip
    verb.add_argument("--bundle", action="store_true", help="collect into one file, hosts.jsonl")
    verb.add_argument(
        "--prune", action="store_true", help="remove records of hosts that the inventory lacks"
    )


def _modules_flags(verb: ArgumentParser) -> None:
    verb.add_argument("action", choices=("install",))
    verb.add_argument(
        "--from", dest="source", type=Path, required=True, metavar="DIR",
        help="a folder with RELEASE/MODULE.ko",
    )  # fmt: skip
    verb.add_argument("--check", action="store_true", help="let the hosts say what would change")


def _prove_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--mutants", action="store_true", help="show that each broken core is noticed"
    )
    verb.add_argument("--no-litmus", action="store_true", help="leave the long programs out")
    verb.add_argument("--certificate", type=Path, metavar="FILE", help="write the proof as JSON")


def _place_flags(verb: ArgumentParser) -> None:
    verb.add_argument("-i", "--inventory", type=Path, metavar="PATH", help="a fleet's folder")
    verb.add_argument("--config", type=Path, metavar="FILE", help="settings (fleetpolicy.yaml)")


def _fmt_flags(verb: ArgumentParser) -> None:
    verb.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="YAML files or folders")
    verb.add_argument("--check", action="store_true", help="write nothing; fail if files differ")
    verb.add_argument("--diff", action="store_true", help="write nothing; show what would change")


def _init_flags(verb: ArgumentParser) -> None:
    verb.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR")


def _import_flags(verb: ArgumentParser) -> None:
    verb.add_argument(
        "--facts", type=Path, required=True, metavar="DIR", help="recorded facts of the hosts"
    )
    verb.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="write here, not to the terminal"
    )


def _doctor_flags(verb: ArgumentParser) -> None:
    _place_flags(verb)
    verb.add_argument("--live", action="store_true", help="look at the inventory's hosts as well")
    _fork_flag(verb)


_Verb = tuple[Any, ...]
_ON_HOSTS: tuple[Callable[[ArgumentParser], None], ...] = (_fleet_flags, _host_flags)
_VERBS: dict[str, _Verb] = {
    "init": ("Lay out a policy repository", "init", "init", _init_flags),
    "import": ("Write a first policy from what runs today", "importing", "import_policy",
               _import_flags),
    "doctor": ("Say what is missing on this machine", "doctor", "doctor", _doctor_flags),
    "fmt": ("Format policy files, comments kept", "fmt", "fmt", _fmt_flags, _place_flags),
    "validate": ("Judge a policy, alone or against a fleet", "validate", "validate",
                 _validate_flags, _admission_flag, _age_flag, *_ON_HOSTS),
    "schema": ("Print the JSON Schema of a kind, or write them all", "schema", "schema",
               _schema_flags),
    "facts": ("Collect, show or compare what hosts are", "facts", "facts", _facts_flags, _age_flag,
              _exit_flag, _recorded_flags, _host_flags),
    "render": ("Write the files that hosts are to have", "render", "render", _render_flags,
               _exit_flag, _admission_flag, *_ON_HOSTS),
    "simulate": ("Say what guests get for every region of every device", "simulate", "simulate",
                 _simulate_flags, _age_flag, *_ON_HOSTS),
    "plan": ("Say what apply would change, and why", "plan", "plan", _plan_flags, _age_flag,
             _exit_flag, *_ON_HOSTS),
    "show": ("Show a saved plan", "plan", "show", _show_flags),
    "apply": ("Bring hosts to the policy, and verify", "apply", "apply", _apply_flags,
              _fleet_flags, _fork_flag),
    "verify": ("Check that hosts do what the policy says", "verify", "verify", _verify_flags,
               _fleet_flags, _fork_flag),
    "drift": ("Find what changed since the last apply", "drift", "drift", _exit_flag, _fleet_flags,
              _fork_flag),
    "explain": ("Explain a rule, a host, a rollout or what is silenced", "explain", "explain",
                _explain_flags, *_ON_HOSTS),
    "modules": ("Install prebuilt kernel modules on hosts", "modules", "modules", _modules_flags,
                _recorded_flags, _fork_flag),
    "prove": ("Prove the core's invariants, over everything or over a fleet", "prove", "prove",
              _prove_flags, *_ON_HOSTS),
    "lab measure": ("Measure stage 2 on real kernels", "measure", "measure", measure_flags),
    "lab": ("Run the simulated and emulated hosts of an inventory", "lab", "lab", lab_flags,
            _inventory_flags),
}  # fmt: skip
