"""Place hosts in the waves of a rollout."""

import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.rollout import RolloutSpec
from fleetpolicy.resolve.waves import place_hosts, share_of

HOSTS = {
    name: InventoryHost(name, ("all", name[0]), {}, "/", None) for name in ("a1", "a2", "b1", "b2")
}
FLEET = Inventory(Span("h"), HOSTS, frozenset(HOSTS), frozenset({"all", "a", "b"}), {})


def spec(**parts: object) -> RolloutSpec:
    return RolloutSpec.model_validate(parts, by_alias=True)


def test_host_falls_in_the_first_wave_that_matches_it() -> None:
    waves = [{"hosts": {"group": "b"}}, {"hosts": {}}]

    placed, left = place_hosts(spec(waves=waves, maxUnavailable="100%"), FLEET)

    assert [(wave.hosts, wave.at_once, wave.batches) for wave in placed] == [
        (("b1", "b2"), 2, 1),
        (("a1", "a2"), 2, 1),
    ]
    assert left == ()


def test_host_that_no_wave_matches_is_left() -> None:
    _, left = place_hosts(spec(waves=[{"hosts": {"group": "a"}}]), FLEET)

    assert left == ("b1", "b2")


def test_batch_is_no_more_than_may_be_down_at_once() -> None:
    (wave,), _ = place_hosts(spec(waves=[{"hosts": {}, "batch": "50%"}]), FLEET)

    assert (wave.batch, wave.at_once, wave.batches) == (2, 1, 4)


def test_wave_without_hosts_takes_no_batch() -> None:
    placed, _ = place_hosts(spec(waves=[{"hosts": {}}, {"hosts": {"group": "b"}}]), FLEET)

    assert (placed[1].hosts, placed[1].batches) == ((), 0)


@pytest.mark.parametrize(
    ("share", "total", "number"),
    [("5", 2, 5), ("5%", 100, 5), ("5%", 39, 1), ("5%", 40, 2), ("100%", 7, 7), ("1%", 0, 1)],
)
def test_share_is_rounded_down_and_at_least_one(share: str, total: int, number: int) -> None:
    assert share_of(share, total) == number
