from pathlib import Path

import pytest

from fleetpolicy.cli.arguments import parse


def test_measure_is_a_command_of_two_words() -> None:
    arguments = parse(
        [
            *("lab", "measure", "--kernel", "6.12", "--kernel", "newest/arm64-16k"),
            *("--cpu", "max", "--module", "drivers/mine:mode=safe", "--module", "other"),
            *("--bind", "1af4:1110=mine", "--timeout", "60"),
        ]
    )

    assert (arguments.verb, arguments.module, arguments.function) == (
        "lab measure",
        "measure",
        "measure",
    )
    assert arguments.kernel == ["6.12", "newest/arm64-16k"]
    assert arguments.sources == [(Path("drivers/mine"), "mode=safe"), (Path("other"), "")]
    assert arguments.bind == [("1af4:1110", "mine")]
    assert arguments.timeout == 60.0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--bind", "1af4:1110"], "1af4:1110 is no ID=DRIVER, such as 8086:10d3=vfio-pci"),
        (["--timeout", "0"], "0 is no number of seconds"),
    ],
)
def test_words_that_mean_nothing_are_refused(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["lab", "measure", *words])

    assert caught.value.code == 64
    assert why in capsys.readouterr().err
