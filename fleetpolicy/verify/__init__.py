"""Verify that hosts are what policy says, and find what drifted since."""

from fleetpolicy.verify.drift import find_drift
from fleetpolicy.verify.judgement import judge
from fleetpolicy.verify.mappings import Known
from fleetpolicy.verify.measured import judge_measurement
from fleetpolicy.verify.session import run_checks

__all__ = [
    "Known",
    "find_drift",
    "judge",
    "judge_measurement",
    "run_checks",
]
