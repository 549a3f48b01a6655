# SPDX-License-Identifier: Apache-2.0
"""Change our own words of the kernel command line in files that others write too.

A file is never taken apart and put together again: words are cut out and put in where they
stand, so that every other byte stays as it is.

Source:
    Linux, lib/cmdline.c: words end at white space outside double quotes; what stands behind
    "--" is not the kernel's
"""

from __future__ import annotations

import re

from ansible.module_utils.fleetpolicy_agent.host import AgentError

WORD = re.compile(r'(?:[^\s"]|"[^"]*(?:"|\Z))+')
END = "--"
OPTIONS = re.compile(r"^options[ \t]+(.*?)[ \t]*$", re.MULTILINE)
LINUX = re.compile(r"^linux\b", re.MULTILINE)
ASSIGNMENT = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?GRUB_CMDLINE_LINUX=("|')(.*?)\1[ \t]*(?:#.*)?$""", re.MULTILINE
)
NAMED = re.compile(r"^[ \t]*(?:export[ \t]+)?GRUB_CMDLINE_LINUX\b", re.MULTILINE)
CHANGED_BY_SHELL = re.compile(r"[\\`\"]|\$\(")


class Region:
    """A part of a text in which words stand."""

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Word:
    """A word and its place."""

    def __init__(self, text: str, start: int, end: int, region: Region) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.region = region


def lines_of_words(text: str) -> list[Region]:
    """Return where /etc/kernel/cmdline has words: in every line that is no comment."""
    lines = re.finditer(r"[^\n]+", text)
    return [
        Region(line.start(), line.end()) for line in lines if not line.group().startswith("#")
    ] or [Region(0, 0)]


def options_of_entry(text: str) -> list[Region]:
    """Return where a boot loader entry has words.

    Raises:
        AgentError: It starts a kernel and says nothing of its command line.

    Source:
        UAPI Group, Boot Loader Specification: the key `options`, which may stand several times
    """
    found = [Region(*line.span(1)) for line in OPTIONS.finditer(text)]
    if not found and LINUX.search(text):
        raise AgentError("a boot loader entry has no line options; nothing was changed")
    return found


def grub_settings(text: str) -> list[Region]:
    """Return where /etc/default/grub has words: between the quotes of its GRUB_CMDLINE_LINUX.

    Raises:
        AgentError: A person has to look at it: it is not one plain assignment.
    """
    found = [Region(*match.span(2)) for match in ASSIGNMENT.finditer(text)]
    plain = [region for region in found if not CHANGED_BY_SHELL.search(_part(text, region))]
    if len(plain) != len(NAMED.findall(text)) or len(plain) > 1:
        raise AgentError(
            "/etc/default/grub sets GRUB_CMDLINE_LINUX in a way that cannot be edited safely; "
            'write one line GRUB_CMDLINE_LINUX="WORDS"'
        )
    return plain


def has_words(text: str, regions: list[Region], words: tuple[str, ...]) -> bool:
    """Return whether each word stands among the kernel's, as often as it is asked for."""
    there = [word.text for word in _kernel_words(text, regions)]
    return all(there.count(word) >= words.count(word) for word in words)


def ends_with_words(text: str, regions: list[Region], words: tuple[str, ...]) -> bool:
    """Return whether the kernel's words end with these."""
    there = tuple(word.text for word in _kernel_words(text, regions))
    return there[len(there) - len(words) :] == words


def without_words(text: str, regions: list[Region], words: tuple[str, ...]) -> str:
    """Return a text without our words: of each the last one, as earlier ones are not ours."""
    kernel = _kernel_words(text, regions)
    going = []
    for wanted in reversed(words):
        last = next((word for word in reversed(kernel) if word.text == wanted), None)
        if last:
            kernel.remove(last)
            going.append(last)
    starts = {word.start for word in going}
    parts = []
    done = 0
    for region in regions:
        for start, end in _cuts(_words(text, [region]), starts, region):
            parts.append(text[done:start])
            done = end
    return "".join([*parts, text[done:]])


def with_words(text: str, regions: list[Region], words: tuple[str, ...]) -> str:
    """Return a text with words of ours behind the kernel's others."""
    if not words or not regions:
        return text
    every = _words(text, regions)
    kernel = _kernel_words(text, regions)
    joined = " ".join(words)
    if kernel:
        place = kernel[-1].end
        return f"{text[:place]} {joined}{text[place:]}"
    place = every[0].start if every else regions[0].start
    return f"{text[:place]}{joined}{' ' if every else ''}{text[place:]}"


def _part(text: str, region: Region) -> str:
    return text[region.start : region.end]


def _words(text: str, regions: list[Region]) -> list[Word]:
    return [
        Word(found.group(), region.start + found.start(), region.start + found.end(), region)
        for region in regions
        for found in WORD.finditer(_part(text, region))
    ]


def _kernel_words(text: str, regions: list[Region]) -> list[Word]:
    words = _words(text, regions)
    ends = [number for number, word in enumerate(words) if word.text == END]
    return words[: ends[0]] if ends else words


def _cuts(words: list[Word], starts: set[int], region: Region) -> list[tuple[int, int]]:
    """Return what goes of a region: words with the blanks before them.

    Words that nothing stays before take the blanks behind them instead.
    """
    cuts = []
    is_first = True
    for number, word in enumerate(words):
        if word.start not in starts:
            is_first = False
        elif is_first:
            end = words[number + 1].start if number + 1 < len(words) else region.end
            cuts.append((word.start, end))
        else:
            cuts.append((words[number - 1].end, word.end))
    return cuts
