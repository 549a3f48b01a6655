"""Compare what two revisions render for a host."""

import re
from collections.abc import Iterable, Iterator

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.radius import ArtifactChange

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAC = re.compile(r"52:54:00(?::[0-9a-f]{2}){3}")


def compare_artifacts(
    before: Iterable[Artifact], after: Iterable[Artifact]
) -> tuple[ArtifactChange, ...]:
    """Return what differs in text, files before domains, each sorted by path."""
    old = {item.path: item for item in before}
    new = {item.path: item for item in after}
    changes = (_change(old.get(path), new.get(path)) for path in {*old, *new})
    return tuple(
        sorted(
            (change for change in changes if change is not None),
            key=lambda change: (change.kind is ArtifactKind.DOMAIN, change.path),
        )
    )


def _change(before: Artifact | None, after: Artifact | None) -> ArtifactChange | None:
    known = after or before
    if known is None or (before and after and before.content == after.content):
        return None
    texts = (before.content if before else "", after.content if after else "")
    verb = Verb.CHANGE if before and after else Verb.CREATE if after else Verb.REMOVE
    return ArtifactChange(
        verb=verb,
        path=known.path,
        kind=known.kind,
        name=known.name,
        before=texts[0],
        after=texts[1],
        shape=_shape(known, texts),
        origins=after.origins if after else (),
    )


def _shape(artifact: Artifact, texts: tuple[str, str]) -> tuple[str, str, str]:
    if artifact.kind is not ArtifactKind.DOMAIN:
        return (artifact.path, *texts)
    before, after = (_without_names(text, artifact.name) for text in texts)
    return (artifact.kind.value, before, after)


def _without_names(text: str, name: str) -> str:
    """Return a domain's text without what follows from the names of host and guest."""
    named = re.compile(rf"\b{re.escape(name)}\b")
    return _MAC.sub("MAC", _UUID.sub("UUID", named.sub("NAME", text)))


def boot_kinds(changes: Iterable[ArtifactChange]) -> tuple[str, ...]:
    """Return the kinds of artefact that a boot is needed for, each once."""
    return tuple(dict.fromkeys(_needing_boot(changes)))


def _needing_boot(changes: Iterable[ArtifactChange]) -> Iterator[str]:
    return (change.kind.value for change in changes if change.kind.needs_boot)
