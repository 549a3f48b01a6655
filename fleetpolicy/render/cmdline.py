"""Render the words for the kernel command line as a drop-in for GRUB."""

import re
from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.fleet import HostClass
from fleetpolicy.render.rules import BAD_WORD, UNKNOWN_LOADER
from fleetpolicy.render.site import HEADER, Site

PATH = "/etc/default/grub.d/99-fleetpolicy.cfg"
_PLAIN = re.compile(r"[A-Za-z0-9_.,:=+/@%*!\[\]-]+\Z")


def render_cmdline(site: Site) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
    """Return the drop-in, None where no word is asked for.

    Source:
        GNU GRUB manual, simple configuration; Debian's grub-mkconfig reads /etc/default/grub.d.
    """
    words = dict(_words(site.host_class))
    if not words:
        return None, ()
    if site.host_class.facts.boot.loader != "grub":
        return None, (_refuse_loader(site, min(words.values())),)
    bad = tuple(_refuse_word(site, word, span) for word, span in words.items() if _is_bad(word))
    if bad:
        return None, bad
    text = f'{HEADER}GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(words)}"\n'
    origins = tuple(sorted(set(words.values())))
    return Artifact(PATH, ArtifactKind.COMMAND_LINE, text, 0o644, origins), ()


def _words(host_class: HostClass) -> Iterator[tuple[str, Span]]:
    """Return the words in order: the kernel's own, then those of built-in modules."""
    for setting in host_class.settings:
        yield setting.token, setting.origin
    for option in host_class.module_settings:
        if host_class.facts.modules.get(option.module) == "builtin":
            yield f"{option.module}.{option.parameter}={option.value}", option.origin


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
