"""Render the words for the kernel command line as a drop-in for GRUB."""

import re

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.commandline import DROP_IN, asked_words, asking
from fleetpolicy.render.rules import BAD_WORD, UNKNOWN_LOADER
from fleetpolicy.render.site import HEADER, Site

_PLAIN = re.compile(r"[A-Za-z0-9_.,:=+/@%*!\[\]-]+\Z")


def render_cmdline(site: Site) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
    """Return the drop-in, None where no word is asked for.

    Source:
        GNU GRUB manual, simple configuration; Debian's grub-mkconfig reads /etc/default/grub.d.
    """
    words = asked_words(site.host_class)
    if not words:
        return None, ()
    origins = {item.token: item.origin for item in asking(site.host_class)}
    if site.host_class.facts.boot.loader != "grub":
        return None, (_refuse_loader(site, min(origins.values())),)
    bad = tuple(_refuse_word(site, word, origins[word]) for word in words if _is_bad(word))
    if bad:
        return None, bad
    text = f'{HEADER}GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(words)}"\n'
    sources = tuple(sorted(set(origins.values())))
    return Artifact(DROP_IN, ArtifactKind.COMMAND_LINE, text, 0o644, sources), ()


def _is_bad(word: str) -> bool:
    return _PLAIN.match(word) is None


def _refuse_loader(site: Site, span: Span) -> Diagnostic:
    return site.find(
        UNKNOWN_LOADER,
        span,
        why="the host did not show a boot loader that is known here (GRUB)",
        fix="boot the host by GRUB with /etc/default/grub, and collect the facts again; or leave "
        "spec.kernel.parameters empty",
    )


def _refuse_word(site: Site, word: str, span: Span) -> Diagnostic:
    return site.find(
        BAD_WORD,
        span,
        why=f"the word {word!r} holds a character that the shell or GRUB would change",
        fix="use letters, digits and _ . , : = + / @ % * ! [ ] - only",
    )
