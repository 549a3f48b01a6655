"""Measure every stage from policy to plan on a synthetic fleet, and print ratios.

python -m benchmarks.fleet [--hosts 10000] [--rounds 3]

Each round is a process of its own. The limit L is what merely reading the same files and writing
the plan's bytes takes, measured in the same process before the stages run. Times are CPU seconds,
medians over the rounds; judge the ratios, the seconds belong to one machine.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.generate import Fleet, generate
from fleetpolicy.load import load_inventory, load_policies, load_records
from fleetpolicy.model.plan import Planning
from fleetpolicy.plan import dump_plan, plan
from fleetpolicy.render import render
from fleetpolicy.resolve import resolve
from fleetpolicy.simulate import simulate

Product = TypeVar("Product")
GOAL = 60
LIMIT = "L: read and write the same bytes"
OFF_LIMITS = ("inventory, Ansible cold", "inventory, cached")


class Stopwatch:
    """Take the CPU time of this process and its children, and the peak memory, stage by stage."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, float]] = {}

    def run(self, name: str, work: Callable[[], Product]) -> Product:
        """Run a piece of work, note what it cost, and return its product."""
        started, wall = _cpu_seconds(), time.monotonic()
        product = work()
        self.rows[name] = {
            "cpu": _cpu_seconds() - started,
            "wall": time.monotonic() - wall,
            "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        return product


def _cpu_seconds() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.round:
        json.dump(measure(arguments.round), sys.stdout)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), arguments.hosts)
        rounds = [_round(folder) for _ in range(arguments.rounds)]
    print_table(arguments.hosts, rounds)


def _round(folder: str) -> dict[str, dict[str, float]]:
    command = [sys.executable, "-m", "benchmarks.fleet", "--round", folder]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "XDG_CACHE_HOME": cache}
        done = subprocess.run(  # noqa: S603 ourselves
            command, check=True, capture_output=True, text=True, env=environment
        )
    rows: dict[str, dict[str, float]] = json.loads(done.stdout)
    return rows


def measure(folder: Path) -> dict[str, dict[str, float]]:
    """Run the stages once and return their costs."""
    fleet = Fleet(folder, folder / "hosts.yaml", folder / "policies", folder / "facts")
    plan_size = folder / "plan.size"
    watch = Stopwatch()
    size = int(plan_size.read_text()) if plan_size.exists() else 1_000_000
    watch.run(LIMIT, lambda: _read_and_write(fleet, folder / "written", size))
    policy, _ = watch.run("load policy", lambda: load_policies([fleet.policies]))
    inventory = watch.run(OFF_LIMITS[0], lambda: load_inventory(fleet.inventory))
    watch.run(OFF_LIMITS[1], lambda: load_inventory(fleet.inventory))
    records, found = watch.run("load facts", lambda: load_records(fleet.facts))
    assert not found, found[:3]
    resolved, _ = watch.run("resolve", lambda: resolve(policy, inventory, records))
    simulation, _ = watch.run("simulate", lambda: simulate(resolved))
    rendering, _ = watch.run("render", lambda: render(resolved))
    planning = Planning(resolved, simulation, rendering, records, str(fleet.inventory))
    planned, _ = watch.run("plan", lambda: plan(planning))
    data = watch.run("save plan", lambda: dump_plan(planned))
    assert len(resolved.hosts) == len(planned.hosts), "hosts were lost"
    assert not planned.is_empty
    plan_size.write_text(str(len(data)))
    return watch.rows


def _read_and_write(fleet: Fleet, target: Path, size: int) -> None:
    for path in (*fleet.policies.iterdir(), fleet.inventory, *fleet.facts.iterdir()):
        path.read_bytes()
    target.write_bytes(b"\0" * size)


def print_table(hosts: int, rounds: list[dict[str, dict[str, float]]]) -> None:
    """Print medians and ratios to the limit."""

    def median(stage: str, key: str) -> float:
        return statistics.median(row[stage][key] for row in rounds)

    limit = median(LIMIT, "cpu")
    print(f"{hosts} hosts x 8 devices, {len(rounds)} rounds, medians")
    print(f"{'stage':34}{'CPU s':>9}{'x L':>9}{'peak MiB':>10}")
    total = 0.0
    for stage in rounds[0]:
        cpu = median(stage, "cpu")
        total += cpu if stage not in {LIMIT, *OFF_LIMITS} else 0
        print(f"{stage:34}{cpu:9.3f}{cpu / limit:9.1f}{median(stage, 'mib'):10.0f}")
    print(f"{'validate to plan, without Ansible':34}{total:9.3f}{total / limit:9.1f}")
    print(f"goal: at most {GOAL} x L, and 1 GiB")


if __name__ == "__main__":
    main()
