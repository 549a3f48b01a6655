from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate import boots
from fleetpolicy.emulate.boots import await_boot, console_size, has_panicked
from tests.unit.emulate.emulators import answering

FIRMWARE = "UEFI firmware (version 2025.02-8)\r\n"
PANIC = "[ 1.0] Kernel panic - not syncing: VFS\r\n"
UP = "[ 1.0] Linux version 6.12\r\n"


@pytest.mark.parametrize(
    ("text", "has"),
    [
        (FIRMWARE + UP, False),
        (FIRMWARE + PANIC + "---[ end ]---\r\n", True),
        (FIRMWARE + PANIC + FIRMWARE + UP, False),
        (FIRMWARE + UP + FIRMWARE + PANIC, True),
    ],
    ids=["up", "panic", "panic before", "panic afterwards"],
)
def test_panic_counts_where_nothing_was_started_after_it(
    tmp_path: Path, text: str, *, has: bool
) -> None:
    (tmp_path / "console").write_text(text, newline="")

    assert has_panicked(tmp_path) is has


def test_panic_of_an_earlier_boot_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "console").write_text(FIRMWARE + PANIC, newline="")
    seen = console_size(tmp_path)

    with (tmp_path / "console").open("a", newline="") as console:
        console.write(UP)

    assert has_panicked(tmp_path, seen) is False
    assert has_panicked(tmp_path / "none") is False
    assert console_size(tmp_path / "none") == 0


@pytest.mark.shows("FP843")
def test_wait_for_a_host_that_refuses_ssh_ends_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boots, "_PAUSE_SECONDS", 0)

    with answering(tmp_path, "running"), pytest.raises(FleetPolicyError) as caught:
        await_boot(tmp_path, "arm-01")

    (finding,) = caught.value.diagnostics
    words = f"Can't open user config file {tmp_path}/ssh_config: No such file or directory"
    assert finding.why == f"ssh says: {words}"


@pytest.mark.shows("FP834")
def test_wait_for_a_host_that_was_removed_says_so(tmp_path: Path) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        await_boot(tmp_path / "none", "arm-01")

    (finding,) = caught.value.diagnostics
    assert finding.why == "somebody removed it meanwhile"
