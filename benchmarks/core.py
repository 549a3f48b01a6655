"""Measure the simulation core: decoding and combining, the proof, its mutants, a fleet.

python -m benchmarks.core [--rounds 3]

Each round is a process of its own. Ratios are to B, a bare loop that calls a function of two
arguments as often as stages are combined, measured in the same process. Times are CPU seconds,
medians over the rounds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.fleet import Stopwatch
from benchmarks.generate import generate
from fleetpolicy.load import load_inventory, load_policies, load_records
from fleetpolicy.resolve import resolve
from fleetpolicy.simcore import CpuFeatures, Reserved, combine, decode_mair, decode_s2
from fleetpolicy.simcore.prove import kill_mutants, prove
from fleetpolicy.simulate import simulate

FEATURES = CpuFeatures(fwb=True, dic=True, xs=True, mte2=True)
HOSTS = 10_000
INPUTS = 131_072
BARE = "B: a bare call per combination"
GOALS = {
    "decode and combine 131,072 inputs": "2 s",
    "proof without litmus": "3 s",
    "proof with litmus": "30 s, 300 MB",
    "simulate 10,000 hosts": "0.3 s",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.round:
        json.dump(measure(), sys.stdout)
        return
    command = [sys.executable, "-m", "benchmarks.core", "--round"]
    rounds = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603 ourselves
        for _ in range(arguments.rounds)
    ]
    bare = statistics.median(row[BARE]["cpu"] for row in rounds)
    print(f"{'stage':38}{'CPU s':>9}{'x B':>9}{'peak MiB':>10}  goal")
    for stage in rounds[0]:
        cpu, mib = (statistics.median(row[stage][key] for row in rounds) for key in ("cpu", "mib"))
        print(f"{stage:38}{cpu:9.3f}{cpu / bare:9.1f}{mib:10.0f}  {GOALS.get(stage, '')}")


def measure() -> dict[str, dict[str, float]]:
    """Run everything once and return what it cost."""
    watch = Stopwatch()
    watch.run(BARE, _call_bare)
    combined = watch.run("decode and combine 131,072 inputs", _combine_all)
    assert combined == INPUTS, combined
    assert watch.run("proof without litmus", lambda: prove(litmus=False)).is_green
    assert watch.run("proof with litmus", prove).is_green
    assert all(kill.is_dead for kill in watch.run("thirty mutants", kill_mutants))
    with tempfile.TemporaryDirectory() as folder:
        fleet = generate(Path(folder), HOSTS)
        policy, _ = load_policies([fleet.policies])
        records, _ = load_records(fleet.facts)
        resolved, _ = resolve(policy, load_inventory(fleet.inventory), records)
    watch.run("simulate 10,000 hosts", lambda: simulate(resolved))
    return watch.rows


def _call_bare() -> int:
    return sum(_second(stage_1, stage_2) for stage_1 in range(1024) for stage_2 in range(128))


def _second(stage_1: int, stage_2: int) -> int:
    del stage_1
    return stage_2 & 0


def _combine_all() -> int:
    """Decode and combine every MAIR byte and SH with every MemAttr, SH and FWB."""
    count = 0
    for attr in range(256):
        for sh in range(4):
            s1 = decode_mair(attr, sh, FEATURES)
            for bits in range(128):
                fwb = bool(bits >> 6)
                s2 = decode_s2(bits & 15, bits >> 4 & 3, fwb, FEATURES)
                count += 1
                if not isinstance(s1, Reserved) and not isinstance(s2, Reserved):
                    combine(s1, s2, fwb=fwb)
    return count


if __name__ == "__main__":
    main()
