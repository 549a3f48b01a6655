"""Find what changed on hosts since they were deployed: content, running state, meaning."""

from collections.abc import Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.artifact import Artifact, ArtifactKind, Rendering, deployed
from fleetpolicy.model.difference import digest_of, lost, words_passed_over
from fleetpolicy.model.fleet import Fleet, HostClass
from fleetpolicy.model.record import FileState, HostRecord, Manifest, ManifestMapping
from fleetpolicy.model.runtime import DRIVER, INITRAMFS, Unmet, unmet
from fleetpolicy.model.simulation import DeviceMapping, Simulation
from fleetpolicy.verify.leftout import find_left_out, list_left_out
from fleetpolicy.verify.rules import (
    CONTENT_DRIFTED,
    MEANING_CHANGED,
    NEVER_DEPLOYED,
    RUNNING_STATE_DRIFTED,
)
from fleetpolicy.verify.running import IMAGE_FIX, find_next_words, judge_next_kernel
from fleetpolicy.verify.subject import place_of, show_difference, subject_of

_ANOTHER = "by the policy of now, another than was deployed, is to be"
_APPLY = "bring it back: fleetpolicy apply; or write the change into the policy"


def find_drift(
    fleet: Fleet,
    simulation: Simulation,
    rendering: Rendering,
    records: Mapping[str, HostRecord],
) -> tuple[Diagnostic, ...]:
    """Return what changed since the last apply; what policy changed since is no drift."""
    findings: list[Diagnostic] = []
    for host in fleet.hosts:
        record = records.get(host.name)
        if record is None:
            continue
        artifacts = {item.name or item.path: item for item in deployed(rendering.of(host))}
        manifest = record.state.manifest
        if manifest:
            mappings = simulation.classes[host.index]
            has_files = _is_deployed(manifest, artifacts)
            is_edited = fleet.revision != manifest.revision and not (
                has_files and _has_domains(manifest, artifacts)
            )
            findings += _find_meanings(fleet.class_of(host), mappings, record, is_edited=is_edited)
            findings += _find_files(manifest, artifacts, record)
            findings += _find_domains(manifest, artifacts, record)
            if has_files:
                findings += _find_running(fleet.class_of(host), record)
                findings += judge_next_kernel(fleet.class_of(host), record)
        elif artifacts:
            findings.append(_never_deployed(artifacts, record))
        findings += find_next_words(CONTENT_DRIFTED, fleet.class_of(host), record)
    findings += _find_left_out(fleet, records)
    return tuple(sorted(findings, key=lambda item: item.order))


def _find_left_out(fleet: Fleet, records: Mapping[str, HostRecord]) -> Iterator[Diagnostic]:
    """Find what can be found without policy on hosts that it leaves out."""
    for record in list_left_out(fleet, records):
        manifest = record.state.manifest
        if manifest:
            yield from find_left_out(fleet, record)
            yield from _find_files(manifest, {}, record)
            yield from _find_domains(manifest, {}, record)


def _find_meanings(
    host_class: HostClass,
    mappings: tuple[DeviceMapping, ...],
    record: HostRecord,
    *,
    is_edited: bool,
) -> Iterator[Diagnostic]:
    """Find changed meanings; where an edit of the policy waits, those alone of another kernel."""
    manifest = record.state.manifest
    if not is_edited:
        yield from find_host_meaning_changes(host_class, mappings, record)
    elif manifest and manifest.kernel != record.facts.kernel.release:
        yield from find_host_meaning_changes(host_class, mappings, record, now_is=_ANOTHER)


def find_host_meaning_changes(
    host_class: HostClass,
    mappings: tuple[DeviceMapping, ...],
    record: HostRecord,
    *,
    now_is: str = "is",
) -> Iterator[Diagnostic]:
    """Find the regions of one host whose mapping has another meaning now.

    Args:
        host_class: The host's.
        mappings: What is simulated of it.
        record: What it shows.
        now_is: How what is simulated is introduced.
    """
    manifest = record.state.manifest
    if manifest is None:
        return
    now = {
        (mapping.device, region.region): region
        for mapping in mappings
        for region in mapping.regions
    }
    origins = {item.device.address: item.mapping_origin for item in host_class.assignments}
    for then in manifest.mappings:
        region = now.get((then.device, then.region))
        if region and (region.stage2, region.reachable) != (then.stage2, then.reachable):
            said = f"{now_is} {_say(region.stage2, region.reachable)}"
            yield _meaning_changed(origins[then.device], then, said, record)


def _meaning_changed(span: Span, then: ManifestMapping, now: str, record: HostRecord) -> Diagnostic:
    manifest = record.state.manifest
    before = manifest.kernel if manifest else ""
    after = record.facts.kernel.release
    kernels = f"kernel {before} then, {after} now" if before != after else f"on kernel {after}"
    return MEANING_CHANGED.at(
        span,
        why=f"{then.device} region {then.region}: was {_say(then.stage2, then.reachable)}, "
        f"{now}; {kernels}",
        fix="boot the kernel that it was deployed for, or review what guests get now "
        "(fleetpolicy simulate) and accept it: fleetpolicy apply",
        subject=subject_of(record, then.device),
    )


def _say(stage2: str, reachable: tuple[str, ...]) -> str:
    return f"{stage2} (a guest can reach {', '.join(reachable)})" if reachable else stage2


def _find_files(
    manifest: Manifest, artifacts: Mapping[str, Artifact], record: HostRecord
) -> Iterator[Diagnostic]:
    """Find files whose digest is not the deployed one."""
    for path, digest in sorted(manifest.files.items()):
        seen, artifact = record.state.files.get(path), artifacts.get(path)
        said = _say_file(seen, digest, artifact) or _say_next_boot(digest, artifact, record)
        if said:
            yield _drifted(f"{path} {said}", artifact, record)


def _say_file(seen: FileState | None, digest: str, artifact: Artifact | None) -> str:
    """Say how a file is not as it was deployed; nothing where it is."""
    is_current = artifact is not None and digest_of(artifact.content) == digest
    if seen is None:
        return "is gone"
    if seen.digest != digest:
        if artifact is None or not is_current:
            return f"has digest {seen.digest[:12]}, was deployed with {digest[:12]}"
        return f"was changed:\n{show_difference(artifact.content, seen.content)}"
    if artifact is not None and is_current and seen.mode != artifact.mode:
        return f"has mode {seen.mode:04o}, was deployed with {artifact.mode:04o}"
    return ""


def _say_next_boot(digest: str, artifact: Artifact | None, record: HostRecord) -> str:
    """Say what the next boot will lack of a file that is as it was deployed."""
    if artifact is None or digest_of(artifact.content) != digest:
        return ""
    words = " ".join(words_passed_over(artifact, record.state))
    return f"is in its place, and the entry that boots next lacks {words}" if words else ""


def _find_domains(
    manifest: Manifest, artifacts: Mapping[str, Artifact], record: HostRecord
) -> Iterator[Diagnostic]:
    """Find domains that are gone, or lack a part of what was deployed.

    A domain that policy renders otherwise by now cannot be judged: only its digest is known.
    """
    for name, digest in sorted(manifest.domains.items()):
        kept, artifact = record.state.domains.get(name), artifacts.get(name)
        if kept is None:
            yield _drifted(f"domain {name} is gone", artifact, record)
        elif artifact and digest_of(artifact.content) == digest:
            parts = lost(artifact.content, kept)
            if parts:
                yield _drifted(f"domain {name} lacks {'; '.join(parts)}", artifact, record)


def _drifted(why: str, artifact: Artifact | None, record: HostRecord) -> Diagnostic:
    span = place_of(artifact, record)
    return CONTENT_DRIFTED.at(span, why=why, fix=_APPLY, subject=subject_of(record))


def _is_deployed(manifest: Manifest, artifacts: Mapping[str, Artifact]) -> bool:
    """Return whether the files that were deployed are those that policy renders now."""
    rendered = {
        path: digest_of(item.content)
        for path, item in artifacts.items()
        if item.kind is not ArtifactKind.DOMAIN
    }
    return rendered == manifest.files


def _has_domains(manifest: Manifest, artifacts: Mapping[str, Artifact]) -> bool:
    """Return whether the domains that were deployed are those that policy renders now."""
    rendered = {
        name: digest_of(item.content)
        for name, item in artifacts.items()
        if item.kind is ArtifactKind.DOMAIN
    }
    return rendered == manifest.domains


def _find_running(host_class: HostClass, record: HostRecord) -> Iterator[Diagnostic]:
    manifest = record.state.manifest
    booted = manifest is not None and manifest.boot_id != record.identity.boot_id
    for item in unmet(host_class, record.state):
        why, fix = _say_running(item, booted=booted)
        if item.what == INITRAMFS and record.facts.boot.initramfs == "image":
            fix = IMAGE_FIX
        device = item.subject if item.what == DRIVER else ""
        yield RUNNING_STATE_DRIFTED.at(
            item.origin, why=why, fix=fix, subject=subject_of(record, device)
        )


def _say_running(item: Unmet, *, booted: bool) -> tuple[str, str]:
    """Return what is other than it was deployed, and what to do about it."""
    if item.what == INITRAMFS:
        return str(item), "make the image anew: fleetpolicy apply"
    if booted:
        fix = "find out who changed it on the running host; see fleetpolicy explain FP501"
        return str(item), fix
    why = f"{item}; the host has not booted since it was deployed"
    return why, "reboot the host: fleetpolicy apply"


def _never_deployed(artifacts: Mapping[str, Artifact], record: HostRecord) -> Diagnostic:
    first = min(artifacts.values(), key=lambda item: item.path)
    return NEVER_DEPLOYED.at(
        place_of(first, record),
        why="the host has no manifest that can be read",
        fix="deploy it: fleetpolicy apply",
        subject=subject_of(record),
    )
