import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.cells import Cell, _no_answer, read_answer
from fleetpolicy.emulate.initramfs import Task
from fleetpolicy.emulate.kernels import Kernel
from fleetpolicy.emulate.machine import Run


def console(answer: Any) -> str:
    data = zlib.compress(json.dumps(answer).encode())
    text = base64.b64encode(data).decode()
    lines = [f"@answer {text[begin : begin + 20]}" for begin in range(0, len(text), 20)]
    end = f"@end {hashlib.sha256(data).hexdigest()}"
    return "\r\n".join(["[    1.0] Booting", *lines, end, "[    9.0] reboot: Power down", ""])


def test_answer_is_read_from_between_the_marks() -> None:
    assert read_answer(console({"status": "ok", "text": "x" * 100})) == {
        "status": "ok",
        "text": "x" * 100,
    }


DAMAGES: dict[str, Callable[[str], str]] = {
    "no end": lambda text: text.replace("@end", "@-nd"),
    "a message in a line": lambda text: text.replace("@answer ", "@answer [ 2.0] oops ", 1),
    "another letter": lambda text: text.replace("@answer e", "@answer f", 1),
    "half": lambda text: text[: len(text) // 2],
    "a panic": lambda _: "Kernel panic - not syncing",
}


@pytest.mark.parametrize("name", DAMAGES)
def test_answer_that_is_not_whole_is_none(name: str) -> None:
    text = console({"status": "ok", "text": "x" * 100})

    assert DAMAGES[name](text) != text
    assert read_answer(DAMAGES[name](text)) is None


@pytest.mark.shows("FP815")
@pytest.mark.parametrize("reply", [None, {"status": "failed", "message": "no such module"}])
def test_cell_without_an_answer_is_a_finding(tmp_path: Path, reply: dict[str, Any] | None) -> None:
    kernel = Kernel("7.3.4-arm64", "digest", tmp_path, tmp_path, tmp_path)
    (tmp_path / "console").write_text("one\ntwo\n")
    cell = Cell(kernel, "max", Task((), (), ()), {}, 60)

    with pytest.raises(FleetPolicyError):
        raise _no_answer(cell, tmp_path, Run(ended=False, seconds=60, cpu_seconds=9), reply)
