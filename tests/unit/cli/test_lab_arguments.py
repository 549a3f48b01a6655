import re
from pathlib import Path

import pytest

from fleetpolicy.cli.arguments import parse
from fleetpolicy.emulate.cells import NETWORK_CARD, SHARED_MEMORY


def test_measure_is_a_command_of_two_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("drivers/mine", "other"):
        Path(folder).mkdir(parents=True)

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
        (["--bind", "8086:10d4=x"], "8086:10d4 is not measured; 8086:10d3 and 1af4:1110 are"),
        (["--module", "/nowhere:mode=safe"], "there is no folder /nowhere"),
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


@pytest.mark.parametrize(
    "words",
    [
        ["-i", "fleet", "arm-01", "uname", "-r", "-q"],
        ["arm-01", "-i", "fleet", "uname", "-r", "-q"],
        ["--inventory=fleet", "arm-01", "--", "uname", "-r", "-q"],
        ["-ifleet", "--", "arm-01", "uname", "-r", "-q"],
    ],
)
def test_what_follows_the_host_is_its_command(words: list[str]) -> None:
    arguments = parse(["lab", "ssh", *words])

    assert (arguments.inventory, arguments.host, arguments.quiet) == (
        Path("fleet"),
        "arm-01",
        False,
    )
    assert arguments.command == ["uname", "-r", "-q"]


def test_every_flag_of_lab_may_stand_before_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {"--color": "never", "--kernel": ""}
    with pytest.raises(SystemExit):
        parse(["lab", "ssh", "--help"])
    told = re.findall(
        r"^  (?:-\w(?: \w+)?, )?(--[a-z]+)( \S)?", capsys.readouterr().out, re.MULTILINE
    )

    flags = [
        word for flag, valued in told for word in (flag, *([values.get(flag, "x")] * bool(valued)))
    ]
    arguments = parse(["lab", "ssh", *(word for word in flags if word != "--help"), "arm-01", "ls"])

    assert len(told) == 9
    assert (arguments.host, arguments.command) == ("arm-01", ["ls"])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "fleetpolicy lab: the following arguments are required: action\n"),
        (["up", "--kernel", "6.12"], "fleetpolicy lab: --kernel is for lab boot alone\n"),
        (
            ["up", "arm-01", "arm-02"],
            "fleetpolicy lab: arm-02 is one word too many: lab up takes one HOST\n",
        ),
    ],
)
def test_words_that_lab_would_ignore_are_refused(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(["lab", *words])

    assert caught.value.code == 64
    assert capsys.readouterr().err.endswith(why)


def test_help_of_lab_tells_what_each_action_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["lab", "up", "--help"])

    told = capsys.readouterr().out.partition("actions, on the whole lab without HOST or --limit:\n")
    assert [line.split()[0] for line in told[2].splitlines() if line] == [
        *("up", "status", "ssh", "logs", "boot", "reset", "down", "kernels"),
    ]


@pytest.mark.parametrize("device", [NETWORK_CARD, SHARED_MEMORY])
def test_every_measured_device_can_be_bound(device: str) -> None:
    assert parse(["lab", "measure", "--bind", f"{device}=mine"]).bind == [(device, "mine")]


@pytest.mark.parametrize(
    "words", [["-qi", "fleet"], ["-qvifleet"], ["-ifleet"], ["-i", "fleet"], ["-q", "-ifleet"]]
)
def test_letters_that_stand_together_are_flags_of_lab(words: list[str]) -> None:
    arguments = parse(["lab", "ssh", *words, "arm-01", "ls", "-l"])

    assert arguments.inventory == Path("fleet")
    assert (arguments.host, arguments.command) == ("arm-01", ["ls", "-l"])
