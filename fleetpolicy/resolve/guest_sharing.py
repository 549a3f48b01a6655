"""Find what two guests of a host both have, and only one can."""

from collections.abc import Iterable, Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.resolve.guest_rules import DISK_SHARED, MAC_SHARED
from fleetpolicy.resolve.guest_scene import Scene


def check_shared_disks(scenes: Iterable[Scene]) -> Iterator[Diagnostic]:
    """Find disks that are there twice, unless all only read."""
    first: dict[str, tuple[str, bool]] = {}
    for scene in scenes:
        for index, disk in enumerate(scene.spec.disks):
            owner, only_reads = first.setdefault(disk.source, (scene.guest.name, disk.read_only))
            is_first = (owner, index) == (scene.guest.name, _index(scene, disk.source))
            if not is_first and not (only_reads and disk.read_only):
                yield scene.find(
                    DISK_SHARED,
                    ("disks", index),
                    why=f"{disk.source} is a disk of guest {owner} too",
                    fix="give each guest an image of its own, or write readOnly: true for all",
                )


def _index(scene: Scene, source: str) -> int:
    return [disk.source for disk in scene.spec.disks].index(source)


def check_shared_addresses(scenes: Iterable[Scene]) -> Iterator[Diagnostic]:
    """Find MAC addresses that two interfaces have."""
    owners: dict[str, str] = {}
    for scene in scenes:
        for index, network in enumerate(scene.spec.networks):
            if network.mac in owners:
                yield scene.find(
                    MAC_SHARED,
                    ("networks", index, "mac"),
                    why=f"{network.mac} is an interface of guest {owners[network.mac]} too",
                    fix="leave mac out: one follows from the names of host and guest",
                )
            elif network.mac:
                owners[network.mac] = scene.guest.name
