"""Render the words for the kernel command line as the host's boot loader takes them."""

import re

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.commandline import (
    DROP_IN,
    FILE_BY_LOADER,
    IMAGE_WORDS,
    asked_words,
    asking,
)
from fleetpolicy.render.rules import BAD_WORD, UNKNOWN_LOADER
from fleetpolicy.render.site import HEADER, Site

_PLAIN = re.compile(r"[A-Za-z0-9_.,:=+/@%*!\[\]-]+\Z")


def render_cmdline(site: Site) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
    """Return a drop-in for GRUB, a list for the agent or a part of the host's image.

    None where no word is asked for.

    Source:
        GNU GRUB manual, simple configuration; Debian's grub-mkconfig reads /etc/default/grub.d.
        UAPI Group, Boot Loader Specification: entries have no drop-ins, so the agent keeps the
        listed words in them. bootc, docs/src/building/kernel-arguments.md: /usr/lib/bootc/kargs.d
        of an image, whose architectures are named as Rust names them.
    """
    words = asked_words(site.host_class)
    if not words:
        return None, ()
    origins = {item.token: item.origin for item in asking(site.host_class)}
    path = FILE_BY_LOADER.get(site.host_class.facts.boot.loader or "")
    if path is None:
        return None, (_refuse_loader(site, min(origins.values())),)
    bad = tuple(_refuse_word(site, word, origins[word]) for word in words if _is_bad(word))
    if bad:
        return None, bad
    sources = tuple(sorted(set(origins.values())))
    if path == IMAGE_WORDS:
        text = HEADER + _kargs(words, site.host_class.facts.arch)
        return Artifact(path, ArtifactKind.IMAGE, text, 0o644, sources), ()
    text = HEADER + (_drop_in(words) if path == DROP_IN else _word_list(words))
    return Artifact(path, ArtifactKind.COMMAND_LINE, text, 0o644, sources), ()


def _drop_in(words: tuple[str, ...]) -> str:
    return f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(words)}"\n'


def _word_list(words: tuple[str, ...]) -> str:
    return "".join(f"{word}\n" for word in words)


def _kargs(words: tuple[str, ...], arch: str) -> str:
    listed = "".join(f'    "{word}",\n' for word in words)
    return f'kargs = [\n{listed}]\nmatch-architectures = ["{arch}"]\n'


def _is_bad(word: str) -> bool:
    return _PLAIN.match(word) is None


def _refuse_loader(site: Site, span: Span) -> Diagnostic:
    return site.find(
        UNKNOWN_LOADER,
        span,
        why="the host did not show a boot loader that is known here (GRUB, GRUB with boot loader "
        "entries, ostree, systemd-boot)",
        fix="boot the host by one of them, with their usual files, and collect the facts again; or "
        "leave spec.kernel.parameters empty",
    )


def _refuse_word(site: Site, word: str, span: Span) -> Diagnostic:
    return site.find(
        BAD_WORD,
        span,
        why=f"the word {word!r} holds a character that the shell or GRUB would change",
        fix="use letters, digits and _ . , : = + / @ % * ! [ ] - only",
    )
