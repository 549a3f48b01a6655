from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

Load = Callable[[str], ModuleType]
FOUND = {"run": "ok", "entry": {"descriptor": "0x1"}}
LOST = {"run": "ok", "entry": {"missing": "no valid entry at level 2"}}
ABORTED = {"run": "abort", "entry": {"missing": "no valid entry at level 1"}}
REFUSED = {"memslot": "EINVAL", "run": None}


@pytest.mark.parametrize(
    ("tries", "why", "times"),
    [
        ([FOUND], "", 1),
        ([LOST, FOUND], "", 2),
        ([LOST, LOST, FOUND], "", 3),
        ([LOST, LOST, LOST, FOUND], "", 3),
        ([ABORTED, FOUND], "", 1),
        ([REFUSED, FOUND], "", 1),
        ([LOST, FOUND], "the kernel lets nobody look", 1),
    ],
)
def test_case_whose_entry_went_away_is_measured_again_and_no_other(
    probe_module: Load,
    monkeypatch: pytest.MonkeyPatch,
    tries: list[dict[str, Any]],
    why: str,
    times: int,
) -> None:
    measure = probe_module("measure")
    left = iter(tries)
    monkeypatch.setattr(measure, "_case", lambda *_: next(left))

    found = measure._measured("load", None, None, SimpleNamespace(why=why))

    assert found == tries[times - 1]
    assert len(list(left)) == len(tries) - times
