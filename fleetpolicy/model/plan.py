"""Hold what is to be done, what was done, and what was found afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import ArtifactKind, Rendering
from fleetpolicy.model.fleet import Fleet
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.simulation import Simulation


class Verb(StrEnum):
    """What happens to a file or a domain."""

    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Planning:
    """Everything that a plan is worked out from.

    Args:
        records: Host to the record of how it is set up now.
        inventory: The inventory's path as the user named it.
    """

    fleet: Fleet
    simulation: Simulation
    rendering: Rendering
    records: Mapping[str, HostRecord]
    inventory: str


@dataclass(frozen=True, slots=True)
class FileAction:
    """One change of one file.

    Args:
        before: Digest of what is there, empty when nothing is.
        after: Digest of what will be there, empty for a removal; contents are in Plan.blobs.
    """

    verb: Verb
    path: str
    kind: ArtifactKind
    before: str
    after: str
    mode: int
    name: str
    origins: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Everything that happens to one host.

    Args:
        reasons: Why it reboots, empty when it does not.
        guests_off: Domains that must be shut down first.
        state: Digest of the observed state that this was planned from.
        release: The running kernel that this was planned for.
        manifest: Text of the manifest that is written last; empty when nothing happens.
    """

    host: str
    actions: tuple[FileAction, ...]
    reasons: tuple[str, ...]
    guests_off: tuple[str, ...]
    state: str
    release: str
    manifest: str

    @property
    def is_empty(self) -> bool:
        """Whether the host need not be contacted."""
        return not (self.actions or self.reasons or self.manifest)


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply does, to the byte.

    Args:
        id: Digest of everything below.
        revision: Digest of the policy's text.
        inventory: The inventory's path as the user named it.
        hosts: Sorted by name, those with nothing to do included.
        blobs: Digest to text: every content before and after that an action names.
    """

    id: str
    revision: str
    inventory: str
    hosts: tuple[HostPlan, ...]
    blobs: Mapping[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do anywhere."""
        return all(host.is_empty for host in self.hosts)


@dataclass(frozen=True, slots=True)
class HostResult:
    """What a playbook did to one host.

    Args:
        changed: Paths that were written or removed, in the order of the work.
        rebooted: Whether the host booted during the run.
        message: Why it failed; empty otherwise.
    """

    host: str
    status: str
    changed: tuple[str, ...]
    rebooted: bool
    message: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """What an apply did, host by host, sorted by name."""

    plan: str
    results: tuple[HostResult, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one host; passed when there are no findings."""

    host: str
    name: str
    findings: tuple[Diagnostic, ...]
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.message


@dataclass(frozen=True, slots=True)
class Verification:
    """Every check of every host, sorted."""

    checks: tuple[Check, ...]

    @property
    def is_green(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)
