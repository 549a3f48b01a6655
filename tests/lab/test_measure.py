import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.emulate.cells import CPUS, NETWORK_CARD, SHARED_MEMORY
from fleetpolicy.emulate.kernels import ERA_RELEASES, NEWEST
from fleetpolicy.emulate.process import find
from fleetpolicy.emulate.rules import NO_ANSWER, PACKAGE_MISSING
from fleetpolicy.pipeline.measuring import Matrix, Measured, measure_matrix
from tests.lab.building import say

pytestmark = pytest.mark.lab

HERE = Path(__file__).resolve().parent
RECORDED = HERE.parent / "measured"
PLAIN = Matrix(
    kernels=ERA_RELEASES,
    cpus=CPUS,
    modules=(),
    bindings=((NETWORK_CARD, "vfio-pci"), (SHARED_MEMORY, "vfio-pci")),
    policies=(),
    seconds=600.0,
    anew=False,
)
CACHEABLE = replace(
    PLAIN,
    modules=((HERE / "module", ""),),
    bindings=((NETWORK_CARD, "vfio-pci"), (SHARED_MEMORY, "lab_vfio_pci")),
    policies=(HERE / "policies",),
)
OPT_OUT = replace(
    PLAIN,
    modules=((HERE.parents[1] / "kernel", ""),),
    bindings=((NETWORK_CARD, "optout_vfio_pci"), (SHARED_MEMORY, "vfio-pci")),
)
WITH_FWB_AND_DIC, WITH_FWB, WITHOUT = "max", "cortex-a710", "neoverse-n1"


def measure(config: pytest.Config, matrix: Matrix, suffix: str = "") -> list[Measured]:
    """Measure, and under --update-golden keep what real kernels did for tests without them."""
    cells = list(measure_matrix(matrix, say))
    if config.getoption("--update-golden"):
        for cell in cells:
            assert cell.answer is not None
            number = cell.release.partition("-")[0].partition("+")[0]
            path = RECORDED / f"{number}_{cell.cpu}{suffix}.json"
            kept = {key: cell.answer.reply[key] for key in ("measurement", "record", "status")}
            RECORDED.mkdir(exist_ok=True)
            path.write_text(json.dumps(kept, separators=(",", ":"), sort_keys=True) + "\n")
    return cells


def check(cells: list[Measured]) -> dict[tuple[str, str], dict[tuple[str, str], str]]:
    """Demand that all agree, and return what was measured by profile and CPU, region and case."""
    assert [item.why for cell in cells for item in cell.judged.findings] == []
    return {
        (cell.judged.profile, cell.cpu): {
            (item.region, item.case): item.measured for item in cell.judged.comparisons
        }
        for cell in cells
    }


def test_decisive_cells_of_vfio_pci_are_as_predicted(pytestconfig: pytest.Config) -> None:
    seen = check(measure(pytestconfig, replace(PLAIN, cpus=(WITH_FWB_AND_DIC, WITHOUT))))

    assert {key: cell["bar0", "load"] for key, cell in seen.items()} == {
        ("era-a", WITH_FWB_AND_DIC): "Device-nGnRE",
        ("era-a", WITHOUT): "Device-nGnRE",
        ("era-b", WITH_FWB_AND_DIC): "Normal-NC",
        ("era-b", WITHOUT): "Normal-NC",
        ("era-c", WITH_FWB_AND_DIC): "Normal-NC",
        ("era-c", WITHOUT): "Normal-NC",
    }
    assert {cell["bar0", "fetch"] for cell in seen.values()} == {"ENOEXEC at fault"}
    assert {cell["bar0", "dirty-logging"] for cell in seen.values()} == {
        "EINVAL at memslot creation"
    }


def test_decisive_cells_of_coherent_memory_are_as_predicted(pytestconfig: pytest.Config) -> None:
    cpus = (WITH_FWB_AND_DIC, WITH_FWB)
    seen = check(measure(pytestconfig, replace(CACHEABLE, kernels=(NEWEST,), cpus=cpus), "_memory"))

    told: dict[str, Any] = {
        cpu: [cell["memory", case] for case in ("load", "mapped-after-slot")]
        for (_, cpu), cell in seen.items()
    }
    assert told == {
        WITH_FWB_AND_DIC: ["Normal, executable", "Normal, executable"],
        WITH_FWB: ["EINVAL at memslot creation", "EFAULT at fault"],
    }


def test_decisive_cell_of_the_opt_out_is_as_predicted(pytestconfig: pytest.Config) -> None:
    matrix = replace(OPT_OUT, kernels=(NEWEST,), cpus=(WITH_FWB_AND_DIC,))
    (seen,) = check(measure(pytestconfig, matrix, "_optout")).values()

    assert (seen["bar0", "load"], seen["bar0", "consent"]) == ("Device-nGnRE", "withholds")
    assert (seen["bar2", "load"], seen["bar2", "consent"]) == ("Normal-NC", "consents")


def test_opt_out_that_is_switched_off_is_as_predicted(pytestconfig: pytest.Config) -> None:
    ((source, _),) = OPT_OUT.modules
    matrix = replace(OPT_OUT, kernels=(NEWEST,), cpus=(WITHOUT,))
    matrix = replace(matrix, modules=((source, "stage2=normal-nc"),))
    (seen,) = check(measure(pytestconfig, matrix, "_optout-off")).values()

    assert (seen["bar0", "load"], seen["bar0", "consent"]) == ("Normal-NC", "consents")


def test_opt_out_in_every_era_is_as_predicted(pytestconfig: pytest.Config) -> None:
    seen = check(measure(pytestconfig, replace(OPT_OUT, cpus=(WITH_FWB_AND_DIC,)), "_optout"))

    assert [cell["bar0", "load"] for cell in seen.values()] == ["Device-nGnRE"] * 3


def test_pages_of_16_kib_are_as_predicted(pytestconfig: pytest.Config) -> None:
    matrix = replace(CACHEABLE, kernels=(f"{NEWEST}/arm64-16k",), cpus=(WITH_FWB_AND_DIC,))
    cells = measure(pytestconfig, matrix, "_16k_memory")
    (seen,) = check(cells).values()

    record = cells[0].judged.record
    assert record is not None
    assert record.facts.kernel.page_size_kib == 16
    assert (seen["bar0", "load"], seen["memory", "load"]) == ("Normal-NC", "Normal, executable")


def test_era_c_begins_with_6_17(pytestconfig: pytest.Config) -> None:
    matrix = replace(PLAIN, kernels=("6.16", "6.17"), cpus=("neoverse-v1",))
    cells = list(measure_matrix(matrix, say))
    if any(item.rule is PACKAGE_MISSING for cell in cells for item in cell.judged.findings):
        pytest.skip("the archive has dropped one of them")

    seen = check(measure(pytestconfig, matrix))

    assert list(seen) == [("era-b", "neoverse-v1"), ("era-c", "neoverse-v1")]


def test_kernel_that_panics_is_reported_with_its_last_words() -> None:
    matrix = replace(PLAIN, kernels=(NEWEST,), cpus=(WITHOUT,), modules=((HERE / "panic", ""),))
    (cell,) = measure_matrix(matrix, say)

    (finding,) = cell.judged.findings
    assert finding.rule is NO_ANSWER
    assert "ended without an answer; its last words:" in finding.why
    assert "Kernel panic - not syncing: lab_panic was loaded" in Path(finding.span.path).read_text()


def test_kernel_that_is_not_done_in_time_is_reported() -> None:
    matrix = replace(PLAIN, kernels=(NEWEST,), cpus=(WITHOUT,), seconds=1.0, anew=True)
    (cell,) = measure_matrix(matrix, say)

    (finding,) = cell.judged.findings
    assert finding.rule is NO_ANSWER
    assert "on neoverse-n1 was not done in 1 s; its last words:" in finding.why
    assert find(Path(finding.span.path).parent) is None


def test_whole_matrix_of_vfio_pci_is_as_predicted(pytestconfig: pytest.Config) -> None:
    seen = check(measure(pytestconfig, PLAIN))

    assert len(seen) == len(ERA_RELEASES) * len(CPUS)


def test_whole_matrix_of_coherent_memory_is_as_predicted(pytestconfig: pytest.Config) -> None:
    cpus = (WITH_FWB_AND_DIC, WITH_FWB, WITHOUT)
    seen = check(measure(pytestconfig, replace(CACHEABLE, cpus=cpus), "_memory"))

    assert {key: cell["memory", "load"] for key, cell in seen.items()} == {
        ("era-a", WITH_FWB_AND_DIC): "Device-nGnRE",
        ("era-a", WITH_FWB): "Device-nGnRE",
        ("era-a", WITHOUT): "Device-nGnRE",
        ("era-b", WITH_FWB_AND_DIC): "Device-nGnRE",
        ("era-b", WITH_FWB): "Device-nGnRE",
        ("era-b", WITHOUT): "Device-nGnRE",
        ("era-c", WITH_FWB_AND_DIC): "Normal, executable",
        ("era-c", WITH_FWB): "EINVAL at memslot creation",
        ("era-c", WITHOUT): "EINVAL at memslot creation",
    }
