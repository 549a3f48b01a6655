"""Judge the guests of a host by what the host is."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import ResolvedGuest, Setting
from fleetpolicy.resolve.guest_devices import check_devices
from fleetpolicy.resolve.guest_hugepages import check_hugepages
from fleetpolicy.resolve.guest_processors import check_processors, check_shared_cpus
from fleetpolicy.resolve.guest_scene import Scene
from fleetpolicy.resolve.guest_sharing import check_shared_addresses, check_shared_disks
from fleetpolicy.resolve.situation import Situation


def check_guests(
    situation: Situation, guests: tuple[ResolvedGuest, ...], settings: tuple[Setting, ...]
) -> Iterator[Diagnostic]:
    """Find what a host cannot give to its guests, each alone and all together."""
    scenes = [
        Scene(situation, located, guest, settings)
        for located, guest in zip(situation.guests, guests, strict=True)
    ]
    for scene in scenes:
        yield from check_processors(scene)
        yield from check_devices(scene)
    yield from check_shared_cpus(scenes)
    yield from check_hugepages(scenes)
    yield from check_shared_disks(scenes)
    yield from check_shared_addresses(scenes)
