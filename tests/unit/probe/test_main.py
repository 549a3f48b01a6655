import platform
from collections.abc import Callable
from pathlib import Path

import pytest

Agent = Callable[..., dict[str, object]]


def test_simulated_host_is_not_measured(tiny_host: Callable[..., Path], ask_agent: Agent) -> None:
    reply = ask_agent(verb="measure", root=str(tiny_host()), devices={})

    assert reply == {
        "status": "failed",
        "message": "a simulated host has no stage 2 to be measured",
    }


@pytest.mark.skipif(platform.machine() == "aarch64", reason="this is an arm64 host")
def test_host_of_another_architecture_is_not_measured(ask_agent: Agent) -> None:
    reply = ask_agent(verb="measure", root="/", devices={})

    assert reply == {"status": "failed", "message": "stage 2 is measured on arm64 hosts alone"}
