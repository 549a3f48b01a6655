"""Read the few commands of install lines and udev rules that change drivers."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

_SEPARATORS = frozenset({";", "&&", "||"})
_NOTHING = frozenset({"true", ":", "exit", "sleep", "logger"})


@dataclass(frozen=True, slots=True)
class Modprobe:
    """Load a module by name or alias."""

    name: str
    options: tuple[str, ...] = ()
    ignore_install: bool = False
    use_blacklist: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Write a value to a file of sysfs."""

    path: str
    value: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Report failure, so that what follows `&&` does not run."""


@dataclass(frozen=True, slots=True)
class Unmodelled:
    """Hold a command whose effect is not known here."""

    command: str


Action = Modprobe | Write | Fail | Unmodelled


def parse_command(text: str) -> tuple[Action, ...]:
    """Return what a command line does to modules and drivers, in order.

    Both sides of `||` are taken to fail and to run in turn; nothing else of the shell's control
    flow is read.
    """
    return tuple(_actions(text))


def _actions(text: str) -> Iterator[Action]:
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|<>")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        yield Unmodelled(text)
        return
    simple: list[str] = []
    for word in (*words, ";"):
        if word not in _SEPARATORS:
            simple.append(word)
            continue
        if simple:
            action = _simple(simple)
            yield from action
            if word == "&&" and Fail() in action:
                return
        simple = []


def _simple(words: list[str]) -> tuple[Action, ...]:
    program = PurePosixPath(words[0]).name
    match program:
        case "sh" | "bash" | "dash" if "-c" in words[:-1]:
            return parse_command(words[words.index("-c") + 1])
        case "modprobe":
            return _modprobe(words[1:])
        case "echo" | "printf" if ">" in words[:-1]:
            return _write(words)
        case "false":
            return (Fail(),)
        case _ if program in _NOTHING:
            return ()
        case _:
            return (Unmodelled(" ".join(words)),)


def _modprobe(arguments: list[str]) -> tuple[Action, ...]:
    flags = [word for word in arguments if word.startswith("-")]
    names = [word for word in arguments if not word.startswith(("-", "$"))]
    ignore_install = any(flag in {"-i", "--ignore-install"} for flag in flags)
    use_blacklist = any(flag in {"-b", "--use-blacklist"} for flag in flags)
    if not names or any(flag in {"-r", "--remove", "-n", "--dry-run"} for flag in flags):
        return (Unmodelled(" ".join(("modprobe", *arguments))),)
    if any(flag in {"-a", "--all"} for flag in flags):
        return tuple(Modprobe(name, (), ignore_install, use_blacklist) for name in names)
    return (Modprobe(names[0], tuple(names[1:]), ignore_install, use_blacklist),)


def _write(words: list[str]) -> tuple[Action, ...]:
    arrow = words.index(">")
    said = [word for word in words[1:arrow] if word not in {"-n", "-e", "%s"}]
    value = re.sub(r"\\n\Z", "", " ".join(said))
    return (Write(words[arrow + 1], value),)
