"""Judge files, domains and the manifest of a host."""

from collections.abc import Iterable, Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.difference import Difference, digest_of, lost, words_passed_over
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import HostRecord
from fleetpolicy.verify.rules import DOMAIN_NOT_AS_RENDERED, FILE_NOT_IN_PLACE, MANIFEST_MISSING
from fleetpolicy.verify.subject import place_of, show_difference, subject_of

_APPLY = "bring it back: fleetpolicy apply"


def judge_files(differences: Iterable[Difference], record: HostRecord) -> Iterator[Diagnostic]:
    """Find files that are missing, changed or left over."""
    for item in differences:
        if item.kind is ArtifactKind.DOMAIN:
            continue
        yield FILE_NOT_IN_PLACE.at(
            place_of(item.artifact, record),
            why=f"{item.path} ({item.kind.value}) {_say_file(item, record)}",
            fix=_APPLY,
            subject=subject_of(record),
        )


def _say_file(item: Difference, record: HostRecord) -> str:
    if item.artifact is None:
        return "is not rendered any more and still there"
    if item.verb is Verb.CREATE:
        return "is not on the host"
    passed_over = words_passed_over(item.artifact, record.state)
    if item.before == item.after and passed_over:
        return f"is in its place, and the entry that boots next lacks {' '.join(passed_over)}"
    if item.before == item.after:
        return f"has mode {record.state.files[item.path].mode:04o}, not {item.artifact.mode:04o}"
    return f"differs:\n{show_difference(item.artifact.content, item.text)}"


def judge_domains(differences: Iterable[Difference], record: HostRecord) -> Iterator[Diagnostic]:
    """Find domains that libvirt does not keep as they were rendered."""
    for item in differences:
        if item.kind is not ArtifactKind.DOMAIN:
            continue
        yield DOMAIN_NOT_AS_RENDERED.at(
            place_of(item.artifact, record),
            why=f"domain {item.name} {_say_domain(item)}",
            fix=_APPLY,
            subject=subject_of(record),
        )


def _say_domain(item: Difference) -> str:
    if item.artifact is None:
        return "is not rendered any more and still defined"
    if item.text is None:
        return "is not defined"
    parts = lost(item.artifact.content, item.text)
    if parts:
        return f"lacks {'; '.join(parts)}"
    return "is not the one that the manifest names: it was rendered anew since"


def judge_manifest(artifacts: tuple[Artifact, ...], record: HostRecord) -> Iterator[Diagnostic]:
    """Find a host without the manifest of what it is to have."""
    manifest = record.state.manifest
    if manifest is None:
        if artifacts:
            yield _miss(artifacts, record, "the host has no manifest that can be read")
        return
    if manifest.host != record.host:
        yield _miss(artifacts, record, f"its manifest is that of {manifest.host}")
    named = {**manifest.files, **manifest.domains}
    wanted = {item.name or item.path: digest_of(item.content) for item in artifacts}
    differing = sorted(name for name in {*named, *wanted} if named.get(name) != wanted.get(name))
    if differing:
        why = f"its manifest, of plan {manifest.plan[:12]}, is not about {', '.join(differing)}"
        yield _miss(artifacts, record, f"{why} as rendered now")


def _miss(artifacts: tuple[Artifact, ...], record: HostRecord, why: str) -> Diagnostic:
    span = min((origin for item in artifacts for origin in item.origins), default=record.span)
    return MANIFEST_MISSING.at(
        span, why=why, fix="write it: fleetpolicy apply", subject=subject_of(record)
    )
