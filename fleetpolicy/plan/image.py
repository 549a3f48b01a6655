"""Have a stale initramfs made anew where every file is as it is to be."""

from collections.abc import Iterable

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.difference import Difference, digest_of
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import HostState

_APART = (ArtifactKind.COMMAND_LINE, ArtifactKind.DOMAIN)


def renew_image(
    artifacts: Iterable[Artifact], state: HostState, differences: Iterable[Difference]
) -> tuple[Difference, ...]:
    """Return a difference without a change: the file is written again and the image made anew.

    Returns:
        Nothing where a file that the image copies changes anyway.
    """
    if any(item.kind not in _APART for item in differences):
        return ()
    rules = [item for item in artifacts if item.kind is ArtifactKind.BINDING]
    return tuple(
        Difference(
            Verb.CHANGE,
            item.path,
            ArtifactKind.INITRAMFS,
            "",
            digest_of(item.content),
            state.files[item.path].content,
            item,
        )
        for item in rules
        if item.path in state.files
    )
