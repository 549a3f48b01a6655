"""Declare the flags of lab and of lab measure."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

_MEASURED_DEVICES = ("8086:10d3", "1af4:1110")
_ACTIONS = {
    "up": "start what is off, made first where it is not there, and wait for it",
    "status": "tell what each host does, a line each",
    "ssh": "enter HOST, or run COMMAND on it; flags of ours go before COMMAND",
    "logs": "print what HOST's firmware, loader and kernel said since it was started",
    "boot": "reboot, into another kernel with --kernel; what is off is started",
    "reset": "make anew, as they were in the beginning",
    "down": "end and remove, with all that is on them",
}
_SEE = "kernels alone, without hosts: fleetpolicy lab measure --help"
_BARE = frozenset({"--help", "--quiet", "--verbose"})
_BARE_LETTERS = "hqv"
"""Flags of lab that take no word."""


def lab_flags(verb: ArgumentParser) -> None:
    """Declare what is done with which host."""
    verb.formatter_class = RawDescriptionHelpFormatter
    told = "".join(f"\n  {action:<8}{text}" for action, text in _ACTIONS.items())
    verb.epilog = f"actions, on the whole lab without HOST or --limit:{told}\n\n{_SEE}"
    verb.add_argument("action", choices=tuple(_ACTIONS))
    verb.add_argument("host", nargs="?", default="", metavar="HOST", help="this one alone")
    # No word gets here: parse_lab takes the command off.
    verb.add_argument("command", nargs="*", default=[], metavar="COMMAND", help="for ssh, run this")
    verb.add_argument(
        "--kernel", default="", metavar="RELEASE",
        help="for boot, this kernel from now on: a release; of emulated hosts also how it begins, "
        "or newest",
    )  # fmt: skip


def parse_lab(verb: ArgumentParser, words: Sequence[str]) -> Namespace:
    """Return the arguments of lab; what follows HOST is a command with flags of its own.

    Raises:
        SystemExit: Help was asked for, or the usage is wrong.
    """
    own, command = _split(words)
    arguments = verb.parse_intermixed_args(own)
    arguments.command = command
    if command and arguments.action != "ssh":
        verb.error(f"{command[0]} is one word too many: lab {arguments.action} takes one HOST")
    if arguments.kernel and arguments.action != "boot":
        verb.error("--kernel is for lab boot alone")
    return arguments


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return our words, and the command: from the third word on that belongs to no flag."""
    own: list[str] = []
    rest, plain, has_flags = list(words), 0, True
    while rest:
        word = rest.pop(0)
        if word == "--" and has_flags:
            has_flags = False
            continue
        is_flag = has_flags and word.startswith("-")
        plain += not is_flag
        if plain > 2:  # noqa: PLR2004 the action and the host
            return own, [word, *rest]
        own.append(word)
        if is_flag and _takes_a_word(word) and rest:
            own.append(rest.pop(0))
    return own, []


def _takes_a_word(flag: str) -> bool:
    if flag.startswith("--"):
        return "=" not in flag and flag not in _BARE
    # Letters may stand together: -qi PATH, and the word right behind its letter: -iPATH.
    return len(flag.lstrip("-").lstrip(_BARE_LETTERS)) == 1


def measure_flags(verb: ArgumentParser) -> None:
    """Declare what is measured, and on what."""
    verb.add_argument(
        "--kernel", action="append", default=[], metavar="RELEASE",
        help="how a release begins, such as 6.12, or newest, and a flavour such as /arm64-16k; "
        "repeatable (default: one of each era)",
    )  # fmt: skip
    verb.add_argument(
        "--cpu", action="append", default=[], metavar="MODEL",
        help="a CPU model of QEMU, such as neoverse-n1; repeatable (default: five, with and "
        "without FWB and DIC)",
    )  # fmt: skip
    verb.add_argument(
        "--module", type=_module, action="append", default=[], dest="sources",
        metavar="DIR[:PARAMETERS]",
        help="build a module from source, and load it with parameters such as name=value",
    )  # fmt: skip
    verb.add_argument(
        "--bind", type=_binding, action="append", default=[], metavar="ID=DRIVER",
        help="the driver of the network card (8086:10d3) or of the shared memory (1af4:1110)",
    )  # fmt: skip
    verb.add_argument(
        "--policy", type=Path, action="append", default=[], metavar="PATH",
        help="files or folders with profiles of your own",
    )  # fmt: skip
    verb.add_argument("--anew", action="store_true", help="measure what was measured before")
    verb.add_argument(
        "--timeout", type=_seconds, default=300, metavar="SECONDS",
        help="how long a machine may run (default: %(default)s)",
    )  # fmt: skip


def _module(word: str) -> tuple[Path, str]:
    """Return a folder, which is there, and the parameters after it."""
    folder, _, parameters = word.partition(":")
    if not Path(folder).is_dir():
        raise ArgumentTypeError(f"there is no folder {folder}")
    return Path(folder), parameters


def _binding(word: str) -> tuple[str, str]:
    """Return a PCI id and a driver."""
    identity, _, driver = word.partition("=")
    if not driver:
        raise ArgumentTypeError(f"{word} is no ID=DRIVER, such as 8086:10d3=vfio-pci")
    if identity not in _MEASURED_DEVICES:
        known = " and ".join(_MEASURED_DEVICES)
        raise ArgumentTypeError(f"{identity} is not measured; {known} are")
    return identity, driver


def _seconds(word: str) -> float:
    """Return a time of a second or more."""
    if not word.isascii() or not word.isdigit() or int(word) < 1:
        raise ArgumentTypeError(f"{word} is no number of seconds")
    return float(word)
