import re
from pathlib import Path

import pytest

from fleetpolicy.cli.arguments import _VERBS
from fleetpolicy.cli.formats import formats_of

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("form", ["sarif", "junit", "github", "markdown", "prometheus"])
def test_every_command_that_has_a_format_is_documented(form: str) -> None:
    text = (ROOT / "docs" / "command-line.md").read_text()
    row = re.search(rf"^\| `{form}` \| (.*?) \|", text, re.MULTILINE)

    assert row
    assert set(re.findall(r"`([^`]+)`", row[1])) == {
        verb for verb in _VERBS if form in formats_of(verb)
    }
