"""Write the manifest that a host keeps of what was put on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.record import Manifest, ManifestMapping
from fleetpolicy.model.simulation import DeviceMapping

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Substance:
    """The part of a manifest that is about the host's content, not about when and by which plan.

    Args:
        kernel: Release that the mappings were simulated for.
        files: Path to digest.
        domains: Name to digest of the XML as rendered.
    """

    kernel: str
    files: Mapping[str, str]
    domains: Mapping[str, str]
    mappings: tuple[ManifestMapping, ...]

    @property
    def is_empty(self) -> bool:
        """Whether a host has nothing of ours."""
        return not (self.files or self.domains or self.mappings)

    def is_recorded(self, manifest: Manifest | None, host: str) -> bool:
        """Return whether a host's manifest already says all this."""
        if manifest is None:
            return self.is_empty
        return (
            manifest.host == host
            and manifest.kernel == self.kernel
            and manifest.files == self.files
            and manifest.domains == self.domains
            and manifest.mappings == self.mappings
        )

    @cached_property
    def _fragments(self) -> tuple[str, str]:
        """The runs of keys before and after the host's name, in canonical order."""
        mappings = [item.model_dump(mode="json", by_alias=True) for item in self.mappings]
        before = {"domains": self.domains, "files": self.files, "formatVersion": FORMAT_VERSION}
        after = {"kernel": self.kernel, "mappings": mappings}
        return _canonical(before)[1:-1], _canonical(after)[1:-1]

    def text(self, host: str, boot_id: str, plan: str, revision: str) -> str:
        """Return the manifest as canonical JSON: sorted keys, no blanks, a final newline."""
        before, after = self._fragments
        return (
            f'{{"bootId":{_canonical(boot_id)},{before},"host":{_canonical(host)},{after},'
            f'"plan":{_canonical(plan)},"revision":{_canonical(revision)}}}\n'
        )


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def list_mappings(mappings: tuple[DeviceMapping, ...]) -> tuple[ManifestMapping, ...]:
    """Return what the simulation says of a class's regions, as a manifest keeps it."""
    return tuple(
        ManifestMapping(
            device=mapping.device,
            region=region.region,
            stage2=region.stage2,
            reachable=region.reachable,
        )
        for mapping in mappings
        for region in mapping.regions
    )


def take_substance(
    artifacts: tuple[Artifact, ...], mappings: tuple[ManifestMapping, ...], kernel: str
) -> Substance:
    """Return what the manifest of a host says once it has the artefacts."""
    files: dict[str, str] = {}
    domains: dict[str, str] = {}
    for item in artifacts:
        if item.kind is ArtifactKind.DOMAIN:
            domains[item.name] = digest_of(item.content)
        else:
            files[item.path] = digest_of(item.content)
    return Substance(kernel, files, domains, mappings)
