import re
from dataclasses import replace

from fleetpolicy.report.product import Product
from fleetpolicy.report.prometheus import write_prometheus

SAMPLE = re.compile(
    r'[a-z_]+\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*\} \d+'
)


def samples_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_write_prometheus_has_help_type_and_samples(validated: Product) -> None:
    assert write_prometheus(validated) == (
        "# HELP fleetpolicy_result Result of the last run, 1 for the one it had.\n"
        "# TYPE fleetpolicy_result gauge\n"
        'fleetpolicy_result{command="validate",result="invalid"} 1\n'
        "# HELP fleetpolicy_hosts Hosts that the last run judged.\n"
        "# TYPE fleetpolicy_hosts gauge\n"
        'fleetpolicy_hosts{command="validate"} 3\n'
        "# HELP fleetpolicy_findings Findings of the last run, each counted once per host.\n"
        "# TYPE fleetpolicy_findings gauge\n"
        'fleetpolicy_findings{command="validate",severity="error",rule="FP299"} 2\n'
        'fleetpolicy_findings{command="validate",severity="warning",rule="FP298"} 1\n'
        "# HELP fleetpolicy_silenced Findings that Exceptions silence, each counted once per "
        "host.\n"
        "# TYPE fleetpolicy_silenced gauge\n"
        'fleetpolicy_silenced{command="validate",severity="warning",rule="FP298"} 1\n'
    )


def test_write_prometheus_of_drift_counts_hosts(drifted: Product) -> None:
    samples = samples_of(write_prometheus(drifted))

    assert 'fleetpolicy_drift_hosts{command="drift"} 1' in samples


def test_write_prometheus_of_a_drift_run_that_stopped_says_nothing_of_drift(
    drifted: Product,
) -> None:
    stopped = replace(drifted, result="unreachable", drift=(), hosts=())

    assert samples_of(write_prometheus(stopped)) == [
        'fleetpolicy_result{command="drift",result="unreachable"} 1'
    ]


def test_write_prometheus_of_a_plan_counts_changes_and_reboots(planned: Product) -> None:
    assert samples_of(write_prometheus(planned))[2:] == [
        'fleetpolicy_plan_hosts{command="plan",action="change"} 2',
        'fleetpolicy_plan_hosts{command="plan",action="reboot"} 2',
    ]


def test_write_prometheus_of_checks_counts_both_ends(verified: Product) -> None:
    assert samples_of(write_prometheus(verified))[2:] == [
        'fleetpolicy_checks{command="verify",result="failed"} 1',
        'fleetpolicy_checks{command="verify",result="passed"} 1',
    ]


def test_write_prometheus_escapes_labels(carrying: Product) -> None:
    awkward = replace(carrying, parts=lambda: {'a"b\\c\nd': [{"part": "tap"}]})

    text = write_prometheus(awkward)

    assert text.endswith('fleetpolicy_entries{command="validate",list="a\\"b\\\\c\\nd"} 1\n')
    assert all(SAMPLE.fullmatch(line) for line in samples_of(text))
