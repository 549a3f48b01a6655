"""Read a kernel command line as the kernel and kmod read it."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.boot.trace import Cause

SOURCE = "kernel command line"


@dataclass(frozen=True, slots=True)
class Token:
    """Hold one argument of a command line.

    Args:
        text: The argument as written, quotes included.
        value: What follows the first equals sign, without the quotes around it; None without one.
        for_init: The argument stands behind "--": the kernel leaves it to init, kmod reads it.
    """

    text: str
    key: str
    value: str | None
    for_init: bool = False

    @property
    def cause(self) -> Cause:
        """Point at this token."""
        return Cause(SOURCE, self.text)


@dataclass(frozen=True, slots=True)
class Setting:
    """Hold one value for one module parameter, with the place that gives it."""

    module: str
    parameter: str
    value: str
    cause: Cause


def canonical(name: str) -> str:
    """Return a module or parameter name with underscores, as kernel and kmod compare them."""
    return name.replace("-", "_")


def split_arguments(text: str) -> Iterator[str]:
    """Cut a string into arguments at white space outside double quotes.

    Source:
        Linux lib/cmdline.c, next_arg().
    """
    word: list[str] = []
    quoted = False
    for character in text:
        if character.isspace() and not quoted:
            if word:
                yield "".join(word)
                word.clear()
            continue
        if character == '"':
            quoted = not quoted
        word.append(character)
    if word:
        yield "".join(word)


def split_argument(argument: str) -> tuple[str, str | None]:
    """Return an argument's key and its value, None if it has none.

    Source:
        Linux lib/cmdline.c, next_arg(): quotes around the value or the whole argument go away.
    """
    bare = argument
    if bare.startswith('"'):
        bare = bare[1:].removesuffix('"')
    key, equals, value = bare.partition("=")
    if not equals or not key:
        return bare, None
    if value.startswith('"'):
        value = value[1:].removesuffix('"')
    return key, value


def parse_cmdline(text: str) -> tuple[Token, ...]:
    """Return the arguments of a command line, in order, duplicates included."""
    tokens: list[Token] = []
    for_init = False
    for argument in split_arguments(text):
        if argument == "--":
            for_init = True
            continue
        key, value = split_argument(argument)
        tokens.append(Token(argument, key, value, for_init))
    return tuple(tokens)


def module_settings(tokens: tuple[Token, ...]) -> tuple[Setting, ...]:
    """Return every `module.parameter=value` in order; the last one of a parameter wins.

    Source:
        kmod libkmod/libkmod-config.c, kmod_config_parse_kcmdline(); Linux kernel/params.c,
        parameq(): dash and underscore are one character.
    """
    settings: list[Setting] = []
    for token in tokens:
        module, dot, parameter = token.key.partition(".")
        if not dot or not module or not parameter or "." in parameter:
            continue
        settings.append(
            Setting(canonical(module), canonical(parameter), token.value or "", token.cause)
        )
    return tuple(settings)


def builtin_settings(tokens: tuple[Token, ...]) -> tuple[Setting, ...]:
    """Return the module settings that the kernel itself reads: those before "--"."""
    return module_settings(tuple(token for token in tokens if not token.for_init))


def blacklisted_by_kmod(tokens: tuple[Token, ...]) -> tuple[tuple[str, Cause], ...]:
    """Return the modules of `modprobe.blacklist=`; every occurrence counts."""
    return tuple(
        (canonical(name), token.cause)
        for token in tokens
        if token.key == "modprobe.blacklist"
        for name in (token.value or "").split(",")
        if name
    )


def refused_by_kernel(tokens: tuple[Token, ...]) -> tuple[tuple[str, Cause], ...]:
    """Return the names of `module_blacklist=` as written, which is how the kernel compares them.

    Source:
        Linux kernel/module/main.c, blacklisted(); the last occurrence replaces the others.
    """
    found = [t for t in tokens if canonical(t.key) == "module_blacklist" and not t.for_init]
    if not found:
        return ()
    return tuple((name, found[-1].cause) for name in (found[-1].value or "").split(",") if name)
