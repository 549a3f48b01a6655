"""Find what others put on a host where fleetpolicy wants to be."""

import re
from collections.abc import Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic, Span, Subject
from fleetpolicy.model.artifact import ArtifactKind
from fleetpolicy.model.commandline import contradicting, kernel_tokens, own_words
from fleetpolicy.model.difference import (
    OWN_FILES,
    Difference,
    carries_our_metadata,
)
from fleetpolicy.model.fleet import Fleet, HostClass
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import HostRecord, HostState
from fleetpolicy.plan.rules import FOREIGN_DOMAIN, FOREIGN_PARAMETER, LEFT_AS_IS, TAKEN_OVER

_LOADER_FILES = (
    "/boot/efi/loader/entries/",
    "/boot/loader/entries/",
    "/efi/loader/entries/",
    "/etc/default/grub",
    "/etc/grub.d/",
    "/etc/kernel/cmdline",
    "/etc/tuned/",
)
_WORDS = re.compile(r"[\s\"']+")
_WRITERS = {
    "/boot/efi/loader/entries/": "kernel-install",
    "/boot/loader/entries/": "kernel-install or grubby",
    "/efi/loader/entries/": "kernel-install",
    "/etc/default/grub.d/50-cloudimg-settings.cfg": "Ubuntu's cloud images",
    "/etc/default/grub.d/init-select.cfg": "init-select",
    "/etc/default/grub.d/kdump-tools.cfg": "kdump-tools",
    "/etc/grub.d/00_tuned": "tuned",
    "/etc/kernel/cmdline": "an installer, grubby or a person",
    "/etc/tuned/": "tuned",
}


def is_foreign_domain(difference: Difference, state: HostState) -> bool:
    """Return whether a domain of one of our names was defined by somebody else."""
    deployed = state.manifest.domains if state.manifest else {}
    return (
        difference.kind is ArtifactKind.DOMAIN
        and difference.verb is not Verb.CREATE
        and difference.name not in deployed
        and not carries_our_metadata(difference.text or "")
    )


def find_foreign(
    host_class: HostClass, record: HostRecord, differences: tuple[Difference, ...]
) -> Iterator[Diagnostic]:
    """Find domains, files and kernel parameters of others on a host."""
    subject = Subject(record.host, facts=f"{record.span.path}, {record.collected_at[:10]}")
    yield from _find_parameters(host_class, record.state, subject)
    for difference in differences:
        span = _place(difference, record)
        if is_foreign_domain(difference, record.state):
            yield FOREIGN_DOMAIN.at(
                span,
                why=f"the host has a domain {difference.name} that carries no metadata of "
                "fleetpolicy and is not in its manifest",
                fix=f"rename the guest, or take the domain away: virsh undefine {difference.name}",
                subject=subject,
            )
        elif _is_taken_over(difference, record.state):
            yield TAKEN_OVER.at(
                span,
                why=f"{difference.path} is on the host and not in its manifest; "
                f"the plan is to {difference.verb.value} it",
                fix="save what you need of it under another name before you apply",
                subject=subject,
            )


def _place(difference: Difference, record: HostRecord) -> Span:
    origins = difference.artifact.origins if difference.artifact else ()
    return min(origins, default=record.span)


def _is_taken_over(difference: Difference, state: HostState) -> bool:
    deployed = state.manifest.files if state.manifest else {}
    return (
        difference.path in OWN_FILES
        and difference.verb is not Verb.CREATE
        and difference.path not in deployed
    )


def _find_parameters(
    host_class: HostClass, state: HostState, subject: Subject
) -> Iterator[Diagnostic]:
    """Find words that will contradict ours at the next boot and are not from our own file."""
    will_boot = state.next_command_line is not None
    line = state.next_command_line if state.next_command_line is not None else state.command_line
    tokens = kernel_tokens(line)
    own = frozenset(own_words(state.files))
    for setting in host_class.settings:
        for token in contradicting(setting, tokens):
            if token.text in own:
                continue
            where = "the entry that boots next" if will_boot else "/proc/cmdline"
            yield FOREIGN_PARAMETER.at(
                setting.origin,
                why=f"policy asks for {setting.token}; {where} has {token.text}, "
                f"{_guess_owner(token.text, state)}",
                fix=f"remove {token.text} from the file that sets it, or ask for its value here",
                subject=subject,
            )


def _guess_owner(text: str, state: HostState) -> str:
    """Say which file a word may come from: one that has it, else those that could."""
    others = sorted(set(state.files) - set(OWN_FILES))
    having = [path for path in others if text in _WORDS.split(state.files[path].content or "")]
    if having:
        return f"set in {', '.join(map(_with_writer, having))}"
    could = [path for path in others if path.startswith(_LOADER_FILES)]
    named = ", ".join(map(_with_writer, could))
    return f"perhaps set in {named}" if could else "from a file that was not looked at"


def _with_writer(path: str) -> str:
    """Return a path, with who writes it where that is known."""
    writer = next((name for start, name in _WRITERS.items() if path.startswith(start)), "")
    return f"{path} ({writer})" if writer else path


def find_left_as_is(fleet: Fleet, records: Mapping[str, HostRecord]) -> Iterator[Diagnostic]:
    """Find hosts that policy skips and that keep what an earlier plan put there."""
    for name, reason in sorted(fleet.skipped.items()):
        record = records.get(name)
        manifest = record.state.manifest if record else None
        if record and manifest:
            kept = (*sorted(manifest.files), *(f"domain {item}" for item in manifest.domains))
            yield LEFT_AS_IS.at(
                record.span,
                why=f"{reason}; it keeps {', '.join(kept) or 'its manifest'}",
                fix="give the host what it lacks, or ask for what it has; to clear it, let no "
                "policy match it",
                subject=Subject(name, facts=f"{record.span.path}, {record.collected_at[:10]}"),
            )
