"""Work out what happens to a host, once for hosts that are equal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from fleetpolicy.diagnostics import Diagnostic, Severity
from fleetpolicy.model.artifact import deployed
from fleetpolicy.model.difference import Difference, compare
from fleetpolicy.model.fleet import FleetHost
from fleetpolicy.model.plan import FileAction, Planning
from fleetpolicy.model.record import HostRecord, ManifestMapping
from fleetpolicy.model.runtime import INITRAMFS, Unmet, unmet
from fleetpolicy.plan.foreign import find_foreign
from fleetpolicy.plan.image import renew_image
from fleetpolicy.plan.image_based import find_left_words, find_unready
from fleetpolicy.plan.manifest import Substance, list_mappings, take_substance
from fleetpolicy.plan.reboot import (
    boot_reasons,
    find_next_kernel,
    find_not_converged,
    guests_to_shut,
    has_booted_since,
    pending_reasons,
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens to a host, whatever it is called.

    Args:
        substance: What its manifest is to say; None where it need not be written.
        blobs: Digest to text of what is there and what will be.
        state: Digest of the state that it was worked out from.
    """

    actions: tuple[FileAction, ...]
    reasons: tuple[str, ...]
    guests_off: tuple[str, ...]
    substance: Substance | None
    blobs: Mapping[str, str]
    state: str


@dataclass(frozen=True, slots=True)
class _Comparison:
    """What a host lacks, with the findings that it shares with its equals."""

    differences: tuple[Difference, ...]
    missing: tuple[Unmet, ...]
    outlook: Outlook
    is_quiet: bool


@dataclass
class Planner:
    """Remember what was worked out for hosts of one class and one state."""

    planning: Planning
    _remembered: dict[tuple[object, ...], _Comparison] = field(default_factory=dict)
    _mappings: dict[int, tuple[ManifestMapping, ...]] = field(default_factory=dict)

    def plan_host(self, host: FleetHost) -> tuple[Outlook, tuple[Diagnostic, ...]]:
        """Return what happens to a host, nothing where it has an error, and its findings."""
        record = self.planning.records[host.name]
        compared = self._compare(host, record)
        if compared.is_quiet:
            return compared.outlook, ()
        findings = self._find(host, record, compared)
        if any(item.rule.severity is Severity.ERROR for item in findings):
            return Outlook((), (), (), None, {}, compared.outlook.state), findings
        return compared.outlook, findings

    def _compare(self, host: FleetHost, record: HostRecord) -> _Comparison:
        """Return the comparison of a host, from memory where an equal one was compared."""
        if host.name in self.planning.rendering.domains:
            return self._work_out(host, record)
        manifest = record.state.manifest
        named = manifest is not None and manifest.host == host.name
        key = (host.index, record.state_key, has_booted_since(record), named)
        if key not in self._remembered:
            self._remembered[key] = self._work_out(host, record)
        return self._remembered[key]

    def _work_out(self, host: FleetHost, record: HostRecord) -> _Comparison:
        artifacts = self.planning.rendering.of(host)
        differences = compare(artifacts, record.state)
        lacking = unmet(self.planning.fleet.class_of(host), record.state)
        missing = tuple(item for item in lacking if item.what != INITRAMFS)
        if len(missing) < len(lacking) and record.facts.boot.initramfs != "image":
            differences += renew_image(artifacts, record.state, differences)
        reasons = boot_reasons(differences)
        booted = has_booted_since(record)
        if missing and not reasons and not booted:
            reasons = pending_reasons(missing)
        release = record.facts.kernel.release
        substance = take_substance(deployed(artifacts), self._mappings_of(host), release)
        needed = differences or not substance.is_recorded(record.state.manifest, host.name)
        outlook = Outlook(
            actions=tuple(_action(item) for item in differences),
            reasons=reasons,
            guests_off=guests_to_shut(differences, record.state.running, reboots=bool(reasons)),
            substance=substance if needed else None,
            blobs=_blobs(differences),
            state=sha256(record.state_key).hexdigest(),
        )
        compared = _Comparison(differences, missing, outlook, is_quiet=True)
        quiet = not self._find(host, record, compared)
        return _Comparison(differences, missing, outlook, quiet)

    def _mappings_of(self, host: FleetHost) -> tuple[ManifestMapping, ...]:
        if host.index not in self._mappings:
            mappings = self.planning.simulation.classes[host.index]
            self._mappings[host.index] = list_mappings(mappings)
        return self._mappings[host.index]

    def _find(
        self, host: FleetHost, record: HostRecord, compared: _Comparison
    ) -> tuple[Diagnostic, ...]:
        host_class = self.planning.fleet.class_of(host)
        findings = list(find_foreign(host_class, record, compared.differences))
        findings += find_next_kernel(host_class, record)
        unready = list(find_unready(host_class, record, self.planning.rendering.of(host)))
        findings += (*unready, *find_left_words(host_class, record))
        settled = has_booted_since(record) and not compared.outlook.reasons
        if compared.missing and settled and not unready:
            findings += find_not_converged(record, compared.missing)
        return tuple(findings)


def _action(difference: Difference) -> FileAction:
    artifact = difference.artifact
    return FileAction(
        verb=difference.verb,
        path=difference.path,
        kind=difference.kind,
        before=difference.before,
        after=difference.after,
        mode=artifact.mode if artifact else 0,
        name=difference.name,
        origins=artifact.origins if artifact else (),
    )


def _blobs(differences: tuple[Difference, ...]) -> dict[str, str]:
    blobs: dict[str, str] = {}
    for item in differences:
        if item.text is not None:
            blobs[item.before] = item.text
        if item.artifact:
            blobs[item.after] = item.artifact.content
    return blobs
