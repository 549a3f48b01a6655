from pathlib import Path

import pytest

from fleetpolicy.deploy.outcome import judge_host
from fleetpolicy.model.plan import HostResult
from fleetpolicy.runner import PlaybookResult, RunEvent, RunOptions

OPTIONS = RunOptions(Path("playbooks"))
CANCELED = PlaybookResult("canceled", (), "")
FAILED = PlaybookResult("failed", (), "no such file")
DONE = PlaybookResult("successful", (), "")
BOOTS = {"status": "changed", "paths": ["/a"], "needs_reboot": True}


def event(ended: str, /, **result: object) -> RunEvent:
    return RunEvent("a", "Apply", ended, 0.1, result)


@pytest.mark.parametrize(
    ("events", "run", "expected"),
    [
        (
            [event("changed", status="changed", paths=["/a"], record="{}")],
            DONE,
            HostResult("a", "changed", ("/a",), rebooted=False, message=""),
        ),
        (
            [event("ok", status="unchanged", paths=[], record="{}")],
            DONE,
            HostResult("a", "unchanged", (), rebooted=False, message=""),
        ),
        (
            [event("ok", status="unchanged", msg="it has none of these kernels", paths=[])],
            DONE,
            HostResult(
                "a", "unchanged", (), rebooted=False, message="it has none of these kernels"
            ),
        ),
        (
            [event("failed", status="stale", msg="kernel 7.0 runs")],
            DONE,
            HostResult("a", "stale", (), rebooted=False, message="kernel 7.0 runs"),
        ),
        (
            [event("unreachable", msg="no route")],
            DONE,
            HostResult("a", "unreachable", (), rebooted=False, message="no route"),
        ),
        (
            [event("changed", **BOOTS), event("changed"), event("ok", record="{}")],
            DONE,
            HostResult("a", "changed", ("/a",), rebooted=True, message=""),
        ),
        (
            [event("changed", **BOOTS), event("failed", msg="timed out")],
            DONE,
            HostResult("a", "failed", ("/a",), rebooted=False, message="timed out"),
        ),
        (
            [event("changed", **BOOTS)],
            CANCELED,
            HostResult(
                "a", "interrupted", ("/a",), rebooted=False, message="changed, but not seen booting"
            ),
        ),
        (
            [],
            CANCELED,
            HostResult(
                "a", "interrupted", (), rebooted=False, message="not begun, or its end was not seen"
            ),
        ),
        (
            [],
            FAILED,
            HostResult(
                "a",
                "failed",
                (),
                rebooted=False,
                message="Ansible said nothing of this host: no such file",
            ),
        ),
    ],
)
def test_outcome_of_a_host_follows_its_events(
    events: list[RunEvent], run: PlaybookResult, expected: HostResult
) -> None:
    assert judge_host("a", events, run, OPTIONS) == expected


def test_outcome_without_reboot_is_pending() -> None:
    options = RunOptions(Path("playbooks"), no_reboot=True)

    result = judge_host("a", [event("changed", **BOOTS)], DONE, options)

    assert result == HostResult("a", "pending-reboot", ("/a",), rebooted=False, message="")


def test_outcome_in_check_mode_is_what_would_change() -> None:
    options = RunOptions(Path("playbooks"), check=True)

    result = judge_host("a", [event("changed", **BOOTS)], DONE, options)

    assert result == HostResult("a", "changed", ("/a",), rebooted=False, message="")
