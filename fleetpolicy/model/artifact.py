"""Hold what is rendered for a host."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.fleet import FleetHost


class ArtifactKind(StrEnum):
    """What an artefact is; decides which commands follow a change and whether it needs a boot."""

    COMMAND_LINE = "kernel command line"
    MODULE_OPTIONS = "module parameters"
    MODULE_LOAD = "module load order"
    BINDING = "driver binding"
    INITRAMFS = "initramfs content"
    IMAGE = "content of the host's image"
    DOMAIN = "libvirt domain"

    @property
    def needs_boot(self) -> bool:
        """Whether a change takes effect at the next boot only."""
        return self is not ArtifactKind.DOMAIN


@dataclass(frozen=True, slots=True, order=True)
class Artifact:
    """A file for a host.

    Args:
        path: Absolute, on the host.
        content: Ends with a newline.
        mode: Permission bits.
        origins: The lines of policy that caused it, sorted.
        name: The domain's name for a domain, else empty.
    """

    path: str
    kind: ArtifactKind
    content: str
    mode: int
    origins: tuple[Span, ...]
    name: str = ""


class Rendering(Struct, frozen=True):
    """What a fleet's hosts are to have.

    Args:
        shared: The files that all hosts of a class share, in the order of the fleet's classes,
            each sorted by path.
        domains: Host to its libvirt domains, sorted by path; hosts without guests are left out.
    """

    shared: tuple[tuple[Artifact, ...], ...]
    domains: Mapping[str, tuple[Artifact, ...]]

    def of(self, host: FleetHost) -> tuple[Artifact, ...]:
        """Return everything that one host is to have, the shared files first."""
        return (*self.shared[host.index], *self.domains.get(host.name, ()))


def deployed(artifacts: Iterable[Artifact]) -> tuple[Artifact, ...]:
    """Return what is put on a host: everything but what its image is to be built with."""
    return tuple(item for item in artifacts if item.kind is not ArtifactKind.IMAGE)
