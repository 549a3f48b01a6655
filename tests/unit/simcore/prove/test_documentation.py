"""Run the examples of the page on the simulation core."""

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[4] / "docs" / "simulation-core.md"


def test_examples_of_the_page_print_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    examples = doctest.DocTestParser().get_doctest(
        PAGE.read_text().replace("```\n", "\n"), {}, PAGE.name, str(PAGE), 0
    )

    failed, attempted = doctest.DocTestRunner().run(examples)

    assert capsys.readouterr().out == ""
    assert (failed, attempted > 30) == (0, True)
