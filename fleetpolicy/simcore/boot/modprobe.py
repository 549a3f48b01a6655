"""Read modprobe.d as kmod reads it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from fleetpolicy.simcore.boot.cmdline import Setting, canonical, split_argument, split_arguments
from fleetpolicy.simcore.boot.kernel import ModuleSoftdep
from fleetpolicy.simcore.boot.trace import Cause, Ignored

_DIRECTORIES = (
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
)
_MODULES_SOFTDEP = "modules.softdep"


@dataclass(frozen=True, slots=True)
class Softdep:
    """Hold one softdep line; the first one that names a module counts, later ones do not."""

    module: str
    pre: tuple[str, ...]
    post: tuple[str, ...]
    cause: Cause


@dataclass(frozen=True, slots=True)
class Command:
    """Hold one install or remove line: a command in place of loading or removing."""

    module: str
    command: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Blacklist:
    """Hold one blacklist line: the module's own aliases load it no more."""

    module: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Alias:
    """Hold one alias line; it comes before the aliases of the modules themselves."""

    pattern: str
    module: str
    cause: Cause


Directive = Setting | Softdep | Command | Blacklist | Alias


@dataclass(frozen=True, slots=True)
class ModprobeConfig:
    """Hold all directives that hold in one stage of a boot, in the order kmod reads them."""

    options: tuple[Setting, ...]
    softdeps: tuple[Softdep, ...]
    installs: tuple[Command, ...]
    removes: tuple[Command, ...]
    blacklists: tuple[Blacklist, ...]
    aliases: tuple[Alias, ...]
    ignored: tuple[Ignored, ...]


@dataclass(slots=True)
class _Collected:
    options: list[Setting]
    softdeps: list[Softdep]
    installs: list[Command]
    removes: list[Command]
    blacklists: list[Blacklist]
    aliases: list[Alias]
    ignored: list[Ignored]


def order_files(
    files: Mapping[str, str], directories: tuple[str, ...], suffix: str
) -> tuple[tuple[str, str], ...]:
    """Return the (path, text) that count, by file name; the first directory wins for a name."""
    chosen: dict[str, tuple[int, str, str]] = {}
    for path, text in files.items():
        pure = PurePosixPath(path)
        if not pure.name.endswith(suffix):
            continue
        parent = str(pure.parent)
        rank = directories.index(parent) if parent in directories else 0
        found = (rank, path, text)
        if pure.name not in chosen or found < chosen[pure.name]:
            chosen[pure.name] = found
    return tuple((path, text) for _, (_, path, text) in sorted(chosen.items()))


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Return (number of the first line, text) with backslash-newline taken out.

    Source:
        kmod libkmod/libkmod-config.c, getline_wrapped(): nothing takes the place of the break,
        and a comment that ends in a backslash swallows the next line.
    """
    pending: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        start = start if pending else number
        if line.endswith("\\"):
            pending.append(line[:-1])
            continue
        yield start, "".join((*pending, line))
        pending.clear()
    if pending:
        yield start, "".join(pending)


def parse_modprobe_d(
    files: Mapping[str, str], softdeps: Mapping[str, ModuleSoftdep]
) -> ModprobeConfig:
    """Return the directives of all files, in the order of the files' names.

    Args:
        files: Text by path.
        softdeps: The kernel's modules.softdep, which kmod sorts among the files by its name.
    """
    found = _Collected([], [], [], [], [], [], [])
    named = [(PurePosixPath(path).name, path, text) for path, text in _effective(files)]
    below = [entry for entry in named if entry[0] < _MODULES_SOFTDEP]
    for _, path, text in below:
        _collect(path, text, found)
    for module, softdep in sorted(softdeps.items()):
        text = " ".join(("softdep", module, "pre:", *softdep.pre, "post:", *softdep.post))
        cause = Cause(_MODULES_SOFTDEP, text)
        found.softdeps.append(Softdep(canonical(module), softdep.pre, softdep.post, cause))
    for _, path, text in named[len(below) :]:
        _collect(path, text, found)
    found.ignored.extend(_masked(files))
    return ModprobeConfig(
        tuple(found.options),
        tuple(found.softdeps),
        tuple(found.installs),
        tuple(found.removes),
        tuple(found.blacklists),
        tuple(found.aliases),
        tuple(found.ignored),
    )


def _effective(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return order_files(files, _DIRECTORIES, ".conf")


def _masked(files: Mapping[str, str]) -> Iterator[Ignored]:
    effective = {path for path, _ in _effective(files)}
    for path in sorted(set(files) - effective):
        why = (
            "a file of the same name stands in a directory that comes first"
            if path.endswith(".conf")
            else "kmod reads only files whose name ends in .conf"
        )
        yield Ignored(Cause(path, "the whole file"), why)


def _collect(path: str, text: str, found: _Collected) -> None:
    for number, line in logical_lines(text):
        if not line.strip() or line.startswith("#"):
            continue
        cause = Cause(path, line.strip(), number)
        if not _read_line(line.split(maxsplit=2), cause, found):
            found.ignored.append(Ignored(cause, "kmod skips a line that it cannot read"))


def _read_line(words: list[str], cause: Cause, found: _Collected) -> bool:
    """Add the directive of one line and tell whether it was one."""
    command = words[0]
    if len(words) < (2 if command == "blacklist" else 3):
        return False
    module = canonical(words[1])
    rest = words[2] if len(words) > 2 else ""  # noqa: PLR2004 - command, module, rest
    match command:
        case "options":
            found.options.extend(_options(module, rest, cause))
        case "softdep":
            found.softdeps.append(_softdep(module, rest, cause))
        case "blacklist":
            found.blacklists.append(Blacklist(module, cause))
        case "alias":
            found.aliases.append(Alias(module, canonical(rest.split()[0]), cause))
        case "install" | "remove":
            commands = found.installs if command == "install" else found.removes
            commands.append(Command(module, rest, cause))
        case _:
            return False
    return True


def _options(module: str, text: str, cause: Cause) -> Iterator[Setting]:
    for argument in split_arguments(text):
        parameter, value = split_argument(argument)
        yield Setting(module, canonical(parameter), value or "", cause)


def _softdep(module: str, text: str, cause: Cause) -> Softdep:
    lists: dict[str, list[str]] = {"": [], "pre:": [], "post:": []}
    current = ""
    for word in text.split():
        if word in lists:
            current = word
        else:
            lists[current].append(canonical(word))
    return Softdep(module, tuple(lists["pre:"]), tuple(lists["post:"]), cause)
