"""Compare words of the kernel command line as their readers do: exactly, in order, the last wins.

Source:
    Linux kernel/params.c: parameq(), parse_args(); lib/cmdline.c: next_arg().
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from fleetpolicy.model.fleet import HostClass, ModuleSetting, Setting
from fleetpolicy.model.record import FileState
from fleetpolicy.simcore.boot.cmdline import Token, canonical, parse_cmdline, split_arguments

LINE_LIMIT_BYTES = 2_048
"""What the kernel keeps of its command line, with the NUL at its end.

Source: Linux, COMMAND_LINE_SIZE in arch/arm64/include/uapi/asm/setup.h and
arch/x86/include/asm/setup.h.
"""
FOLLOWS = MappingProxyType({"hugepages": "hugepagesz"})
"""Parameters whose value is about the last value of another one before them.

Source: Linux, Documentation/admin-guide/mm/hugetlbpage.rst.
"""
END_OF_KERNEL = "--"
DROP_IN = "/etc/default/grub.d/99-fleetpolicy.cfg"
"""Read by grub-mkconfig of Debian and Ubuntu; adds our words to everybody else's."""
WORD_LIST = "/etc/kernel/fleetpolicy.cmdline"
"""Ours alone: the words that the agent keeps in files that it shares with others."""
IMAGE_WORDS = "/usr/lib/bootc/kargs.d/90-fleetpolicy.toml"
"""Read by bootc from a new image; what it has more or less than the booted one changes the line.

Source: bootc, docs/src/building/kernel-arguments.md.
"""
IMAGE_BASED = "ostree"
"""The loader of hosts whose entries are written with each deployment of an image."""
FILE_BY_LOADER: Mapping[str, str] = MappingProxyType(
    {
        "grub": DROP_IN,
        "grub-bls": WORD_LIST,
        IMAGE_BASED: IMAGE_WORDS,
        "systemd-boot": WORD_LIST,
    }
)
_ADDED = re.compile(r'^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX (.*)"$', re.MULTILINE)


@lru_cache(maxsize=4_096)
def kernel_tokens(command_line: str) -> tuple[Token, ...]:
    """Return the words that the kernel itself reads, those before "--"."""
    return tuple(token for token in parse_cmdline(command_line) if not token.for_init)


def same_parameter(setting: Setting, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return the words that give the setting's parameter a value, in order."""
    return tuple(_same_parameter(setting, tokens))


def _same_parameter(setting: Setting, tokens: tuple[Token, ...]) -> Iterator[Token]:
    name = canonical(setting.name)
    leader, led_by = FOLLOWS.get(name), ""
    for token in tokens:
        key = canonical(token.key)
        if leader and key == leader:
            led_by = token.value or ""
        elif key == name and led_by == setting.led_by:
            yield token


def contradicting(setting: Setting, tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """Return the words that give the same parameter another value, in order."""
    if setting.is_repeatable:
        return ()
    same = same_parameter(setting, tokens)
    return tuple(token for token in same if (token.value or "") != setting.value)


def is_met(setting: Setting, tokens: tuple[Token, ...]) -> bool:
    """Return whether a setting is in force: given at all if every word counts, else given last."""
    same = same_parameter(setting, tokens)
    counting = same if setting.is_repeatable else same[-1:]
    return any((token.value or "") == setting.value for token in counting)


def asking(host_class: HostClass) -> tuple[Setting | ModuleSetting, ...]:
    """Return what asks for words, in order: settings of the kernel, then of built-in modules.

    Source:
        Only the command line reaches modules that are built in: Linux, kernel/params.c.
    """
    modules = host_class.facts.modules
    built_in = (
        option for option in host_class.module_settings if modules.get(option.module) == "builtin"
    )
    return (*host_class.settings, *built_in)


def asked_words(host_class: HostClass) -> tuple[str, ...]:
    """Return the words of a class in order."""
    return tuple(item.token for item in asking(host_class))


def own_words(files: Mapping[str, FileState]) -> tuple[str, ...]:
    """Return the words that our files on a host hold, in order."""
    ours = (DROP_IN, WORD_LIST, IMAGE_WORDS)
    texts = ((path, files[path].content or "") for path in ours if path in files)
    return tuple(word for path, text in texts for word in words_in(path, text))


def words_in(path: str, text: str) -> tuple[str, ...]:
    """Return the words that one of our files holds, in order."""
    if path == DROP_IN:
        return tuple(" ".join(_ADDED.findall(text)).split())
    if path == IMAGE_WORDS:
        return _words_of_image(text)
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _words_of_image(text: str) -> tuple[str, ...]:
    """Return the words of a TOML file; none where it is not as it was rendered."""
    try:
        words = tomllib.loads(text).get("kargs")
    except tomllib.TOMLDecodeError:
        return ()
    return tuple(map(str, words)) if isinstance(words, list) else ()


def replace_words(line: str, old: tuple[str, ...], new: tuple[str, ...]) -> str:
    """Return a command line with words of ours taken out and others put in.

    Args:
        line: What stands there.
        old: Ours so far; of each the last occurrence goes, earlier ones are somebody else's.
        new: Ours from now on, put where the kernel's own words end.
    """
    words = list(split_arguments(line))
    end = words.index(END_OF_KERNEL) if END_OF_KERNEL in words else len(words)
    kernel, rest = words[:end], words[end:]
    for word in reversed(old):
        if word in kernel:
            del kernel[len(kernel) - 1 - kernel[::-1].index(word)]
    return " ".join((*kernel, *new, *rest))
