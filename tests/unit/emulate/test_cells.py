import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from fleetpolicy.emulate.cells import read_answer


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
