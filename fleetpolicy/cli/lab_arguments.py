"""Declare the flags of lab and of lab measure."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path


def lab_flags(verb: ArgumentParser) -> None:
    """Declare what is done with which host."""
    verb.add_argument("action", choices=("up", "status", "ssh", "logs", "boot", "reset", "down"))
    verb.add_argument("host", nargs="?", default="", metavar="HOST")
    verb.add_argument("command", nargs="*", metavar="COMMAND", help="for ssh, run this")
    verb.add_argument(
        "--kernel", default="", metavar="RELEASE", help="boot this kernel from now on"
    )


def measure_flags(verb: ArgumentParser) -> None:
    """Declare what is measured, and on what."""
    verb.add_argument(
        "--kernel", action="append", default=[], metavar="RELEASE",
        help="how a release begins, such as 6.12, or newest, and a flavour such as /arm64-16k; "
        "repeatable (default: one of each era)",
    )  # fmt: skip
    verb.add_argument(
        "--cpu", action="append", default=[], metavar="MODEL",
        help="a CPU model of QEMU, such as neoverse-n1; repeatable",
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
    """Return a folder and the parameters after it."""
    folder, _, parameters = word.partition(":")
    return Path(folder), parameters


def _binding(word: str) -> tuple[str, str]:
    """Return a PCI id and a driver."""
    identity, _, driver = word.partition("=")
    if not driver:
        raise ArgumentTypeError(f"{word} is no ID=DRIVER, such as 8086:10d3=vfio-pci")
    return identity, driver


def _seconds(word: str) -> float:
    """Return a time of a second or more."""
    if not word.isascii() or not word.isdigit() or int(word) < 1:
        raise ArgumentTypeError(f"{word} is no number of seconds")
    return float(word)
