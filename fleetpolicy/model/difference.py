"""Compare what a host is to have with what it has."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.commandline import DROP_IN, WORD_LIST, kernel_tokens, words_in
from fleetpolicy.model.domain import dropped
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import HostState

MANIFEST_PATH = "/var/lib/fleetpolicy/manifest.json"
OWN_FILES: Mapping[str, ArtifactKind] = MappingProxyType(
    {
        DROP_IN: ArtifactKind.COMMAND_LINE,
        WORD_LIST: ArtifactKind.COMMAND_LINE,
        "/etc/modprobe.d/fleetpolicy.conf": ArtifactKind.MODULE_OPTIONS,
        "/etc/modules-load.d/fleetpolicy.conf": ArtifactKind.MODULE_LOAD,
        "/etc/udev/rules.d/70-fleetpolicy.rules": ArtifactKind.BINDING,
        "/etc/dracut.conf.d/fleetpolicy.conf": ArtifactKind.INITRAMFS,
        "/etc/initramfs-tools/hooks/fleetpolicy": ArtifactKind.INITRAMFS,
    }
)

_METADATA = re.compile(r"<metadata[\s>].*?</metadata>", re.DOTALL)
_OUR_NAMESPACE = re.compile(r"""xmlns(?::[\w.-]+)?\s*=\s*["'][^"']*fleetpolicy[^"']*["']""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A file or a domain that is not as it is to be.

    Args:
        path: Absolute, on the host.
        name: The domain's name for a domain, else empty.
        before: Digest of what is there, empty when nothing is.
        text: What is there, None when nothing is or its text was not brought along.
        artifact: What is to be there, None for a removal.
    """

    verb: Verb
    path: str
    kind: ArtifactKind
    name: str
    before: str
    text: str | None
    artifact: Artifact | None

    @property
    def after(self) -> str:
        """Digest of what is to be there, empty for a removal."""
        return digest_of(self.artifact.content) if self.artifact else ""

    @property
    def needs_boot(self) -> bool:
        """Whether it takes effect at the next boot only; other permissions alone need none."""
        return self.kind.needs_boot and self.before != self.after


@lru_cache(maxsize=65_536)
def digest_of(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, in hex digits."""
    return sha256(text.encode()).hexdigest()


def domain_path(name: str) -> str:
    """Return where libvirt keeps a domain."""
    return f"/etc/libvirt/qemu/{name}.xml"


def carries_our_metadata(xml: str) -> bool:
    """Return whether a domain's metadata has an element of our namespace."""
    return any(_OUR_NAMESPACE.search(part) for part in _METADATA.findall(xml))


def owned_files(state: HostState) -> tuple[str, ...]:
    """Return the paths on the host that are ours by name or by manifest, sorted."""
    named = state.manifest.files if state.manifest else {}
    ours = {path for path in state.files if path in OWN_FILES or path in named}
    return tuple(sorted(ours - {MANIFEST_PATH}))


def compare(artifacts: tuple[Artifact, ...], state: HostState) -> tuple[Difference, ...]:
    """Return what has to change on a host, files before domains, each sorted by path.

    What its image is to be built with stays as it is.

    Returns:
        Nothing about domains that are neither rendered nor in the manifest: they are foreign.
    """
    files = {item.path: item for item in artifacts if item.kind is not ArtifactKind.DOMAIN}
    domains = {item.name: item for item in artifacts if item.kind is ArtifactKind.DOMAIN}
    return (*_compare_files(files, state), *_compare_domains(domains, state))


def _compare_files(files: Mapping[str, Artifact], state: HostState) -> Iterator[Difference]:
    for path in sorted({*files, *owned_files(state)}):
        artifact, seen = files.get(path), state.files.get(path)
        if artifact and artifact.kind is ArtifactKind.IMAGE:
            continue
        if artifact is None:
            kind = OWN_FILES.get(path, ArtifactKind.INITRAMFS)
            digest, text = (seen.digest, seen.content) if seen else ("", None)
            yield Difference(Verb.REMOVE, path, kind, "", digest, text, None)
        elif seen is None:
            yield Difference(Verb.CREATE, path, artifact.kind, "", "", None, artifact)
        elif (seen.digest, seen.mode) != (
            digest_of(artifact.content),
            artifact.mode,
        ) or words_passed_over(artifact, state):
            yield Difference(
                Verb.CHANGE, path, artifact.kind, "", seen.digest, seen.content, artifact
            )


def words_passed_over(artifact: Artifact, state: HostState) -> tuple[str, ...]:
    """Return the words of a file of ours that the next boot will lack, as far as that is known.

    Where the file is in its place, the boot loader's own files were changed behind it: they are
    to be written once more.
    """
    if artifact.kind is not ArtifactKind.COMMAND_LINE or state.next_command_line is None:
        return ()
    there = {token.text for token in kernel_tokens(state.next_command_line)}
    words = words_in(artifact.path, artifact.content)
    return tuple(word for word in words if word not in there)


def _compare_domains(domains: Mapping[str, Artifact], state: HostState) -> Iterator[Difference]:
    deployed = state.manifest.domains if state.manifest else {}
    gone = {name for name in deployed if name in state.domains}
    for name in sorted({*domains, *gone}):
        artifact, kept = domains.get(name), state.domains.get(name)
        path = artifact.path if artifact else domain_path(name)
        before = "" if kept is None else digest_of(kept)
        if artifact is None:
            verb = Verb.REMOVE
        elif kept is None:
            verb = Verb.CREATE
        elif deployed.get(name) == digest_of(artifact.content) and not lost(artifact.content, kept):
            continue
        else:
            verb = Verb.CHANGE
        yield Difference(verb, path, ArtifactKind.DOMAIN, name, before, kept, artifact)


@lru_cache(maxsize=4_096)
def lost(sent: str, kept: str) -> tuple[str, ...]:
    """Return the parts of a domain that libvirt does not keep, each pair worked out once."""
    return dropped(sent, kept)
