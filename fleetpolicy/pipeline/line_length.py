"""Find hosts whose kernel would cut its command line off."""

from collections.abc import Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic, Subject
from fleetpolicy.model.commandline import (
    LINE_LIMIT_BYTES,
    asked_words,
    asking,
    own_words,
    replace_words,
)
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.pipeline.line_rules import LINE_TOO_LONG


def find_long_lines(fleet: Fleet, records: Mapping[str, HostRecord]) -> Iterator[Diagnostic]:
    """Find command lines that are too long once our words stand beside everybody else's."""
    asked = [asked_words(host_class) for host_class in fleet.classes]
    for host in fleet.hosts:
        words = asked[host.index]
        if not words:
            continue
        host_class, record = fleet.class_of(host), records[host.name]
        state = record.state
        standing = state.next_command_line
        before = standing if standing is not None else state.command_line
        if len(before.encode()) + sum(len(word) + 1 for word in words) < LINE_LIMIT_BYTES:
            continue
        after = replace_words(before, own_words(state.files), words)
        size = len(after.encode()) + 1
        if size > LINE_LIMIT_BYTES:
            own = len(" ".join(words).encode())
            yield LINE_TOO_LONG.at(
                min(item.origin for item in asking(host_class)),
                why=f"the line would have {size} bytes with the NUL at its end, {own} of them "
                f"asked for here; the kernel of {host_class.facts.arch} keeps {LINE_LIMIT_BYTES}",
                fix="ask for fewer words, or take words of others out of the boot loader's files",
                subject=Subject(host.name, facts=f"{record.span.path}, {record.collected_at[:10]}"),
            )
