from collections.abc import Callable
from pathlib import Path

Agent = Callable[..., dict[str, object]]


def test_simulated_host_is_not_measured(tiny_host: Callable[..., Path], ask_agent: Agent) -> None:
    reply = ask_agent(verb="measure", root=str(tiny_host()), devices={})

    assert reply == {
        "status": "failed",
        "message": "a simulated host has no stage 2 to be measured",
    }
