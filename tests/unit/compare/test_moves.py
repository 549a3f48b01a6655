from fleetpolicy.compare.radius import list_moves
from fleetpolicy.model.artifact import Rendering
from fleetpolicy.model.fleet import Fleet, FleetHost
from fleetpolicy.model.radius import Side
from fleetpolicy.model.simulation import Simulation


def test_moves_say_why_hosts_enter_or_leave() -> None:
    def side(names: str, hosts: str, skipped: dict[str, str]) -> Side:
        placed = tuple(FleetHost(name, 0, ()) for name in hosts)
        fleet = Fleet(placed, (), skipped, "")
        return Side(fleet, Simulation(()), Rendering((), {}), frozenset(names), {}, ())

    before = side("abc", "abc", {})
    after = side("bc", "", {"b": "it cannot have cacheable"})

    entering, leaving = list_moves(before, after)

    assert entering == ()
    assert [(move.hosts, move.why) for move in leaving] == [
        (("a",), "gone from the inventory"),
        (("b",), "skipped by policy: it cannot have cacheable"),
        (("c",), "with errors now"),
    ]
