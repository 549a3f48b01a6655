from typing import Any

import pytest

from fleetpolicy.deploy.modules import _judge
from fleetpolicy.runner import PlaybookResult, RunEvent

DONE = PlaybookResult("successful", (), "")
COPIED: dict[str, Any] = {
    "results": [{"changed": True, "dest": "/lib/modules/x/a.ko"}, {"changed": False}]
}


def event(task: str, status: str = "ok", **result: Any) -> RunEvent:
    return RunEvent("a", task, status, 0.1, result)


LISTED = event("List the kernels")


@pytest.mark.parametrize(
    ("events", "run", "status", "changed", "message"),
    [
        ([LISTED, event("Copy the modules", **COPIED)], DONE, "changed", 1, ""),
        ([LISTED, event("Copy the modules", results=[])], DONE, "unchanged", 0, ""),
        ([LISTED], DONE, "unchanged", 0, "it has none of these kernels"),
        (
            [LISTED],
            PlaybookResult("canceled", (), ""),
            "interrupted",
            0,
            "not done, or its end was not seen",
        ),
        ([], PlaybookResult("failed", (), "no such file"), "failed", 0, "no such file"),
        ([], PlaybookResult("canceled", (), ""), "interrupted", 0, "Ansible ended: canceled"),
        (
            [event("List the kernels", "unreachable", msg="no\nroute")],
            DONE,
            "unreachable",
            0,
            "no route",
        ),
        (
            [
                LISTED,
                event(
                    "Let modprobe find them",
                    "failed",
                    msg="One or more items failed",
                    results=[{"rc": 0}, {"failed": True, "stderr": "depmod: no\n room"}],
                ),
            ],
            DONE,
            "failed",
            0,
            "depmod: no room",
        ),
    ],
)
def test_outcome_of_a_host_is_what_its_tasks_say(
    events: list[RunEvent], run: PlaybookResult, status: str, changed: int, message: str
) -> None:
    found = _judge("a", events, run)

    assert (found.status, len(found.changed), found.message) == (status, changed, message)
