"""Say which hosts fall in which wave of a rollout, and how many of them change at a time."""

from dataclasses import dataclass

from fleetpolicy.model.inventory import Inventory
from fleetpolicy.model.rollout import RolloutSpec, Wave
from fleetpolicy.resolve.grouping import matches_host


@dataclass(frozen=True, slots=True)
class PlacedWave:
    """A wave with its hosts.

    Args:
        hosts: Those that no earlier wave has, sorted.
        batch: How many the wave itself lets change at a time, at least 1.
        at_once: The same, and no more than the rollout lets be down at once.
    """

    wave: Wave
    hosts: tuple[str, ...]
    batch: int
    at_once: int

    @property
    def batches(self) -> int:
        """How many times hosts are changed, one batch after the other."""
        return -(-len(self.hosts) // self.at_once)


def place_hosts(
    spec: RolloutSpec, inventory: Inventory
) -> tuple[tuple[PlacedWave, ...], tuple[str, ...]]:
    """Return the waves with their hosts, and the hosts that fall in none, sorted.

    A host falls in the first wave that matches it. Hosts that --limit leaves out fall in none, and
    are not named as such; they still count as part of the fleet for maxUnavailable.
    """
    left = dict(inventory.hosts)
    most = share_of(spec.max_unavailable, len(inventory.names))
    waves = []
    for wave in spec.waves:
        hosts = tuple(
            name for name, host in left.items() if matches_host(wave.hosts, host, inventory)
        )
        for name in hosts:
            del left[name]
        batch = share_of(wave.batch, len(hosts)) if wave.batch else max(1, len(hosts))
        waves.append(PlacedWave(wave, hosts, batch, min(batch, most)))
    return tuple(waves), tuple(left)


def share_of(share: str, total: int) -> int:
    """Return how many of a total a share such as 5 or 5% is: rounded down, and at least 1."""
    if share.endswith("%"):
        return max(1, total * int(share[:-1]) // 100)
    return int(share)
