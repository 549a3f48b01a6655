"""Measure `fleetpolicy validate` beside what a user would check policies and facts with instead.

python -m benchmarks.policies [--hosts 10000] [--large-hosts 50000] [--yaml-hosts 500]
                             [--files 1000] [--rounds 3]

Peers live in .cache/ (benchmarks/peers/install). Each run is a process of its own, CPU seconds are
those of its whole tree, the tools take turns, and medians are shown. A tool is timed only after it
found exactly the hosts that were made invalid. Judge the ratios; the seconds belong to a machine.
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
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from benchmarks.generate import Fleet, generate

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks/peers"
PEER = ROOT / ".cache/peers-venv/bin/python"
SCHEMAS = ROOT / "schemas"
OURS = (sys.executable, "-m", "fleetpolicy", "validate", "--offline", "--color", "never", "-q")
FAULTS = 7
NO_FACTS = "FP210"
SHAPE = "shape only"
FASTEST = ("fleetpolicy, inventory cached", "jsonschema-rs", "ajv")
YAMALE = """\
host: str()
collectedAt: regex('^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$')
facts: include('facts', strict=False)
---
facts:
  devices: list(include('device', strict=False))
device:
  address: regex('^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f][.][0-7]$')
  id: regex('^[0-9a-f]{4}:[0-9a-f]{4}$')
  class: regex('^[0-9a-f]{4}([0-9a-f]{2})?$')
"""
YAMALE_POLICY = """\
apiVersion: enum('fleetpolicy/v1alpha1')
kind: enum('DevicePolicy', 'FleetPolicy')
metadata: map(str(), key=str())
spec: include('spec', strict=False)
---
spec:
  priority: int(required=False)
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A command, and what of our work it does.

    Args:
        count: Returns from its output how many documents or hosts it calls invalid; tools that only
            have an exit status say none or some.
    """

    name: str
    command: tuple[str | Path, ...]
    does: str
    count: Callable[[subprocess.CompletedProcess[str]], int] = lambda done: int(done.stdout)
    cold: bool = False


@dataclass(slots=True)
class Cost:
    """What each run took."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def _ours_invalid(done: subprocess.CompletedProcess[str]) -> int:
    """Count the records and files with errors: a record has a line, a spoilt policy one error."""
    found = json.loads(done.stdout)["findings"]
    errors = [item for item in found if item["severity"] == "error"]
    return len({(item["path"], item["line"]) for item in errors if item["rule"] != NO_FACTS})


def _some(done: subprocess.CompletedProcess[str]) -> int:
    return FAULTS if done.returncode else 0


def run(tool: Tool, cache: Path) -> tuple[subprocess.CompletedProcess[str], float, float]:
    """Return how a tool ended, its CPU seconds and its wall seconds."""
    with tempfile.TemporaryDirectory() as fresh:
        folder = fresh if tool.cold else str(cache)
        environment = {**os.environ, "XDG_CACHE_HOME": folder, "PYTHONPATH": str(ROOT)}
        before, started = children(), time.monotonic()
        done = subprocess.run(  # noqa: S603 the peers and ourselves
            tool.command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT
        )
        wall = time.monotonic() - started
    return done, children() - before, wall


def children() -> float:
    """Return the CPU seconds of the processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(
    title: str, good: list[Tool], bad: list[Tool], rounds: int, cache: Path
) -> dict[str, Cost]:
    """Check that the tools agree on good and bad input, then measure them on the good."""
    for tool in bad:
        _check_count(title, tool, run(tool, cache)[0], FAULTS)
    costs = {tool.name: Cost() for tool in good}
    run(good[0], cache)  # fills the caches of files and of the inventory
    for _ in range(rounds):
        for tool in good:
            done, cpu, wall = run(tool, cache)
            _check_count(title, tool, done, 0)
            costs[tool.name].cpu.append(cpu)
            costs[tool.name].wall.append(wall)
    print_table(title, good, costs)
    return costs


def _check_count(
    title: str, tool: Tool, done: subprocess.CompletedProcess[str], expected: int
) -> None:
    try:
        found = tool.count(done)
    except (ValueError, KeyError):
        sys.exit(f"{title}: {tool.name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if found != expected:
        sys.exit(f"{title}: {tool.name} finds {found} invalid, {expected} are")


def print_table(title: str, tools: list[Tool], costs: dict[str, Cost]) -> None:
    """Print medians, and how many times our CPU time (the first tool's) each takes."""
    ours = statistics.median(costs[tools[0].name].cpu)
    print(f"\n{title}")
    print(f"  {'tool':42}{'CPU s':>8}{'wall s':>8}{'x ours':>8}  what it does")
    for tool in tools:
        cpu, wall = (statistics.median(x) for x in (costs[tool.name].cpu, costs[tool.name].wall))
        print(f"  {tool.name:42}{cpu:8.2f}{wall:8.2f}{cpu / ours:8.2f}  {tool.does}")


def fleet_tools(fleet: Fleet, schemas: Path) -> list[Tool]:
    """Return what judges the recorded facts of a fleet, as JSON."""
    lines, array = fleet.facts / "hosts.jsonl", fleet.folder / "hosts.json"
    record = SCHEMAS / "HostRecord.json"
    places = ("-i", fleet.inventory, "--policy", fleet.policies, "--facts", fleet.facts)
    ours = (*OURS, "--output", "json", *places)
    whole = "inventory, policies, facts; resolves, simulates"
    return [
        Tool("fleetpolicy, inventory cached", ours, whole, _ours_invalid),
        Tool("fleetpolicy, inventory read by Ansible", ours, whole, _ours_invalid, cold=True),
        *_judges(record, [lines], ("jsonschema-rs", "jsonschema"), "facts, as JSON lines"),
        _ajv(record, [lines], "facts, as JSON lines"),
        _check(schemas / "array.json", [array], "facts, as a JSON array"),
        *(
            Tool(f"{name} renderer", (PEER, PEERS / "render.py", name, array), "lengths of facts")
            for name in ("rjsonnet", "gojsonnet")
        ),
    ]


def yaml_tools(fleet: Fleet, schemas: Path) -> list[Tool]:
    """Return what judges the same facts as YAML; ours reads the JSON that it recorded."""
    file, record = fleet.folder / "facts.yaml", SCHEMAS / "HostRecord.json"
    kind = "facts, as YAML"
    return [
        fleet_tools(fleet, schemas)[0],
        _ajv(record, [file], kind),
        *_judges(record, [file], ("jsonschema-rs", "jsonschema"), kind),
        *_judges(schemas / "record.yamale", [file], ("yamale",), kind),
        _check(schemas / "array.json", [fleet.folder / "array.yaml"], kind),
    ]


def policy_tools(folder: Path, files: list[Path], schemas: Path) -> list[Tool]:
    """Return what judges policy files."""
    schema = SCHEMAS / f"{'DevicePolicy' if len(files) > 1 else 'FleetPolicy'}.json"
    texts = "policies"
    ours = (*OURS, "--output", "json", *((folder,) if len(files) > 1 else files))
    return [
        Tool("fleetpolicy", ours, "policies, as a set", _ours_invalid),
        *_judges(schema, files, ("jsonschema-rs", "jsonschema"), texts),
        *_judges(schemas / "policy.yamale", files, ("yamale",), "its top level"),
        _ajv(schema, files, texts),
        _check(schema, files, texts),
    ]


def _judges(schema: Path, files: list[Path], names: tuple[str, ...], does: str) -> list[Tool]:
    loader = " + PyYAML's C loader" if files[0].suffix == ".yaml" else ""
    program = PEERS / "judge.py"
    return [Tool(f"{name}{loader}", (PEER, program, name, schema, *files), does) for name in names]


def _ajv(schema: Path, files: list[Path], does: str) -> Tool:
    loader = " + js-yaml" if files[0].suffix == ".yaml" else ""
    return Tool(f"ajv{loader}", ("node", PEERS / "judge.mjs", schema, *files), does)


def _check(schema: Path, files: list[Path], does: str) -> Tool:
    program = PEER.with_name("check-jsonschema")
    return Tool("check-jsonschema", (program, "--schemafile", schema, *files), does, _some)


class Quoting(yaml.CSafeDumper):
    """Quotes every text: else 1.1 and 1.2 parsers read other types out of PCI ids."""

    def ignore_aliases(self, data: object) -> bool:
        """Write equal values out."""
        del data
        return True


Quoting.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def spoil(records: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return records of which some have a device whose address is none."""
    step = len(records) // FAULTS
    spoilt: list[dict[str, object]] = json.loads(json.dumps(records))
    for record in spoilt[: step * FAULTS : step]:
        record["facts"]["devices"][0]["address"] = "bad"  # type: ignore[index]
    return spoilt


def write_fleet(folder: Path, hosts: int, *, spoilt: bool, as_yaml: bool) -> Fleet:
    """Generate a fleet and lay its facts out for every tool."""
    fleet = generate(folder, hosts)
    lines = fleet.facts / "hosts.jsonl"
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    if spoilt:
        records = spoil(records)
        lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "hosts.json").write_text(json.dumps(records))
    if as_yaml:
        (folder / "facts.yaml").write_text(yaml.dump_all(records, Dumper=Quoting))
        (folder / "array.yaml").write_text(yaml.dump(records, Dumper=Quoting))
    return fleet


def write_policies(folder: Path, count: int, *, spoilt: bool) -> list[Path]:
    """Write a FleetPolicy and many files of a DevicePolicy each; return the latter."""
    folder.mkdir()
    head = "apiVersion: fleetpolicy/v1alpha1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
    fleet = head.format("FleetPolicy", "default") + "  memoryMapping: {default: normal-nc}\n"
    (folder / "fleet.yaml").write_text(fleet)
    files, step = [], count // FAULTS
    for number in range(count):
        is_spoilt = spoilt and number in range(0, step * FAULTS, step)
        priority = "high" if is_spoilt else str(number)
        text = head.format("DevicePolicy", f"rule-{number}") + (
            f"  priority: {priority}\n  match:\n    hosts: {{group: kind-{number % 20}}}\n"
            '    device: {id: "8086:1572"}\n  driver: vfio-pci\n  mapping: normal-nc\n'
        )
        files.append(folder / f"rule-{number:04}.yaml")
        files[-1].write_text(text)
    return files


def write_schemas(folder: Path) -> Path:
    """Write what tools need beside our own schemas: one for an array of records, and yamale's."""
    folder.mkdir()
    record = json.loads((SCHEMAS / "HostRecord.json").read_text())
    array = {"$schema": record.pop("$schema"), "$defs": record.pop("$defs"), "type": "array"}
    record.pop("$id")
    (folder / "array.json").write_text(json.dumps({**array, "items": record}))
    (folder / "record.yamale").write_text(YAMALE)
    (folder / "policy.yamale").write_text(YAMALE_POLICY)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("hosts", 10_000),
        ("large-hosts", 50_000),
        ("yaml-hosts", 500),
        ("files", 1_000),
        ("rounds", 3),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        measure(Path(name), options)
    print(
        f"\nNo peer resolves a policy against hosts or simulates what they do; most judge {SHAPE}."
    )


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Run the five comparisons."""
    schemas, cache = write_schemas(folder / "schemas"), folder / "cache"
    for title, hosts, tools, as_yaml in (
        ("{} hosts, facts as JSON", options.hosts, fleet_tools, False),
        ("{} hosts, facts as YAML for the peers", options.yaml_hosts, yaml_tools, True),
    ):
        fleets = [
            write_fleet(folder / f"{hosts}-{as_yaml}-{bad}", hosts, spoilt=bad, as_yaml=as_yaml)
            for bad in (False, True)
        ]
        good, bad = (tools(fleet, schemas) for fleet in fleets)
        compare(title.format(hosts), good, bad, options.rounds, cache)
    large = generate(folder / "large", options.large_hosts)
    fastest = [tool for tool in fleet_tools(large, schemas) if tool.name in FASTEST]
    title = f"{options.large_hosts} hosts, the fastest"
    compare(title, fastest, [], options.rounds, cache)
    sets = {bad: folder / f"policies-{bad}" for bad in (False, True)}
    files = {bad: write_policies(sets[bad], options.files, spoilt=bad) for bad in sets}
    good, bad = (policy_tools(sets[bad], files[bad], schemas) for bad in sets)
    compare(f"{options.files} policy files", good, bad, options.rounds, cache)
    one = [sets[False] / "fleet.yaml"]
    compare("one policy file", policy_tools(sets[False], one, schemas), [], options.rounds, cache)


if __name__ == "__main__":
    main()
