"""Measure `fleetpolicy render -o DIR` of a large fleet beside writing the same tree.

python -m benchmarks.render [--hosts 10000] [--rounds 3]

The hosts are of some twenty kinds. The limit W is a process that reads the finished files' bytes
from one archive and writes them as the same tree; both write into fresh folders, taking turns. CPU
seconds are those of the whole process, start-up included, and medians are shown. The trees are
compared byte by byte before anything is printed. Judge the ratios; the seconds belong to a machine.
"""

import argparse
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generate import Fleet, generate
from benchmarks.policies import children

ROOT = Path(__file__).resolve().parent.parent
GOAL = 3
LIMIT = "W: write the same tree"
WRITER = """
import os, pickle, sys
with open(sys.argv[1], "rb") as file:
    folders, files = pickle.load(file)
target = sys.argv[2]
for folder in folders:
    os.mkdir(f"{target}/{folder}")
for path, mode, data in files:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(f"{target}/{path}", flags, mode), "wb") as file:
        file.write(data)
"""


def run(command: list[str | Path], cache: Path) -> tuple[float, float]:
    """Return the CPU and wall seconds of a process that must end well."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    before, started = children(), time.monotonic()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    return children() - before, time.monotonic() - started


def render_command(fleet: Fleet, target: Path) -> list[str | Path]:
    """Return the command that renders a fleet into a tree."""
    places = ("-i", fleet.inventory, "--policy", fleet.policies, "--facts", fleet.facts)
    return [sys.executable, "-m", "fleetpolicy", "render", "--offline", "-q", *places, "-o", target]


def pack(tree: Path, archive: Path) -> tuple[int, int]:
    """Write a tree into one file; return the number of its files and of their bytes."""
    found = sorted(tree.rglob("*"))
    folders = [str(path.relative_to(tree)) for path in found if path.is_dir()]
    files = [
        (str(path.relative_to(tree)), path.stat().st_mode & 0o7777, path.read_bytes())
        for path in found
        if path.is_file()
    ]
    archive.write_bytes(pickle.dumps((folders, files)))
    return len(files), sum(len(data) for _, _, data in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options.hosts, options.rounds)


def measure(folder: Path, hosts: int, rounds: int) -> None:
    """Render and write in turns, then once more over a tree that is there; print a table."""
    fleet = generate(folder / "fleet", hosts)
    first, archive, cache = folder / "first", folder / "tree.pickle", folder / "cache"
    run(render_command(fleet, first), cache)
    files, size = pack(first, archive)
    again = "render -o once more, nothing to do"
    costs: dict[str, list[tuple[float, float]]] = {LIMIT: [], "render -o": [], again: []}
    for _ in range(rounds):
        written, rendered = folder / "written", folder / "rendered"
        written.mkdir()
        costs[LIMIT].append(run([sys.executable, "-c", WRITER, archive, written], cache))
        costs["render -o"].append(run(render_command(fleet, rendered), cache))
        compare(written, rendered)
        costs[again].append(run(render_command(fleet, rendered), cache))
        compare(written, rendered)
        shutil.rmtree(written)
        shutil.rmtree(rendered)
    print(f"{hosts} hosts, {files} files, {size / 1e6:.1f} MB, {rounds} rounds, medians")
    print_table(costs)


def compare(one: Path, other: Path) -> None:
    """Stop where two trees differ."""
    done = subprocess.run(  # noqa: S603
        ["diff", "-rq", one, other],  # noqa: S607 the system's own
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"the trees differ:\n{done.stdout[:2000]}{done.stderr[:2000]}")


def print_table(costs: dict[str, list[tuple[float, float]]]) -> None:
    """Print medians, and how many times the limit's CPU and wall time each takes."""

    def median(name: str, column: int) -> float:
        return statistics.median(cost[column] for cost in costs[name])

    print(f"{'':38}{'CPU s':>8}{'x W':>7}{'wall s':>9}{'x W':>7}")
    for name in costs:
        cpu, wall = median(name, 0), median(name, 1)
        ratios = cpu / median(LIMIT, 0), wall / median(LIMIT, 1)
        print(f"{name:38}{cpu:8.2f}{ratios[0]:7.2f}{wall:9.2f}{ratios[1]:7.2f}")
    print(f"goal: at most {GOAL} x W")


if __name__ == "__main__":
    main()
