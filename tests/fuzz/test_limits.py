"""Inputs that are made to hurt, each in a process that the kernel ends if it takes too much."""

import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise

import pytest

FIRST_LINES = "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata: {name: a}\nspec:\n"
PROGRAM = """
import os
import resource
import sys
from pathlib import Path
from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import load_policies
def judge(path):
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
    try:
        load_policies([path])
    except FleetPolicyError as error:
        print(f"{path.name}: {len(error.diagnostics)}")
        for item in error.diagnostics[:2]:
            print(f"{path.name}: {item.span.line}:{item.span.column} {item.rule.id} {item.why}")
        sys.stdout.flush()
for path in sorted(Path(sys.argv[1]).iterdir()):
    child = os.fork()
    if not child:
        judge(path)
        os._exit(0)
    print(f"{path.name}: status {os.waitpid(child, 0)[1]}", flush=True)
"""

STRANGE_LETTER = "while scanning for the next token: found character that cannot start any token"


def bomb() -> str:
    levels = [f"{name}: &{name} [{', '.join(9 * [f'*{under}'])}]\n" for under, name in PAIRS]
    return "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(levels)


NAMES = "abcdefghijklmnopqrstuvwxyz"
PAIRS = list(pairwise(NAMES))

INPUTS: list[tuple[str, Callable[[], str], list[str]]] = [
    (
        "alias bomb",
        bomb,
        ["253", "1:1 FP107 it has no apiVersion", "1:1 FP107 it has no kind"],
    ),
    (
        "100,000 documents",
        lambda: 100_000 * "--- text\n",
        [
            "1001",
            "0:0 FP106 the file has more than 1000 findings, and the rest of it is not judged",
            "1:5 FP107 it is the text 'text', not a mapping",
        ],
    ),
    (
        "a million empty documents",
        lambda: 1_000_000 * "---\n",
        ["1", "10001:1 FP106 the file has more than 10000 documents"],
    ),
    (
        "a million brackets",
        lambda: 1_000_000 * "[",
        ["1", "1:1001 FP102 while increasing flow level: exceeded maximum nesting depth"],
    ),
    (
        "a million dashes",
        lambda: 1_000_000 * "- ",
        ["1", "1:65 FP106 mappings and sequences are nested more than 32 levels deep"],
    ),
    (
        "16 MiB in one value",
        lambda: f"{FIRST_LINES}  priority: {((16 << 20) - 200) * 'a'}\n",
        ["1", "5:3 FP110 spec has no key 'priority'"],
    ),
    (
        "16 MiB in one key",
        lambda: f"{FIRST_LINES}  ? {((16 << 20) - 200) * 'a'}\n  : b\n",
        ["1", f"5:5 FP110 spec has no key '{59 * 'a'}"],
    ),
    (
        "16 MiB in the kind",
        lambda: f'apiVersion: fleetpolicy/v1alpha1\nkind: "{((16 << 20) - 200) * "G"}"\n',
        ["1", f"2:7 FP109 kind is '{59 * 'G'}"],
    ),
    (
        "200,000 keys",
        lambda: FIRST_LINES + "".join(f"  k{number}: v\n" for number in range(200_000)),
        ["1", "99998:11 FP106 the document has more than 200000 keys, values and brackets"],
    ),
    (
        "90,000 keys, none of them known",
        lambda: FIRST_LINES + "".join(f"  k{number}: v\n" for number in range(90_000)),
        [
            "1001",
            "0:0 FP106 the file has more than 1000 findings, and the rest of it is not judged",
            "5:3 FP110 spec has no key 'k0'",
        ],
    ),
    (
        "the same key in all of 16 MiB",
        lambda: (16 << 20) // 6 * "a: b\n",
        ["1", "100000:1 FP106 the document has more than 200000 keys, values and brackets"],
    ),
    (
        "an empty mapping in all of 16 MiB",
        lambda: f"{FIRST_LINES}  overrides: [{((16 << 20) - 200) // 3 * '{},'}]\n",
        ["1", "5:299992 FP106 the document has more than 200000 keys, values and brackets"],
    ),
    (
        "an anchor at each of 90,000 items",
        lambda: f"a: [{90_000 * '&a b,'}]",
        [
            "1003",
            "0:0 FP106 the file has more than 1000 findings, and the rest of it is not judged",
            "1:1 FP107 it has no apiVersion",
        ],
    ),
    (
        "documents of 150,000 items each",
        lambda: 50 * f"---\na: [{150_000 * 'b,'}]\n",
        ["9", "2:1 FP107 it has no apiVersion", "2:1 FP107 it has no kind"],
    ),
    (
        "broken documents in all of 16 MiB",
        lambda: (16 << 20) // 6 * "---\n[\n",
        ["50", "3:1 FP102 while parsing a flow node: did not find expected node content"],
    ),
    (
        "16 MiB of tabs",
        lambda: (16 << 20) * "\t",
        ["1", f"1:1 FP102 {STRANGE_LETTER}"],
    ),
    (
        "16 MiB of NULs",
        lambda: (16 << 20) * "\0",
        ["1", "1:1 FP102 character U+0000 is not printable"],
    ),
]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Judge every input in a process of its own, which shares what the first one imported."""
    folder = tmp_path_factory.mktemp("inputs")
    for name, make, _ in INPUTS:
        (folder / f"{name}.yaml").write_text(make())
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    lines: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        name, _, said = line.partition(".yaml: ")
        lines.setdefault(name, []).append(said)
    return lines


@pytest.mark.parametrize(
    ("name", "expected"),
    [pytest.param(name, told, id=name) for name, _, told in INPUTS],
)
def test_input_made_to_hurt_ends_in_findings_within_two_seconds_and_one_gib(
    name: str, expected: list[str], judged: dict[str, list[str]]
) -> None:
    told = judged[name]

    assert told[-1] == "status 0"
    assert told[: len(expected)] == expected
