import signal

import pytest

from fleetpolicy.cli.output import Output


def test_work_that_goes_on_repeats_what_was_told_last(capfd: pytest.CaptureFixture[str]) -> None:
    output = Output()

    output.progress("looking at 1 host")
    output.progress("applying to 1 host")
    signal.raise_signal(signal.SIGALRM)
    output.pulse.stop()

    assert capfd.readouterr().err == (
        "looking at 1 host\napplying to 1 host\nstill at work, 0 s after: applying to 1 host\n"
    )


def test_work_that_is_begun_is_told_of_if_it_takes_long(
    capfd: pytest.CaptureFixture[str],
) -> None:
    output = Output()

    output.begin("asking arm-01")
    signal.raise_signal(signal.SIGALRM)
    output.pulse.stop()

    assert capfd.readouterr().err == "still at work, 0 s after: asking arm-01\n"


def test_pulse_leaves_nothing_behind() -> None:
    before = signal.getsignal(signal.SIGALRM)
    output = Output()

    output.progress("looking at 1 host")
    output.pulse.stop()

    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_quiet_run_has_no_pulse() -> None:
    output = Output(quiet=True)

    output.progress("looking at 1 host")
    output.begin("asking arm-01")

    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
