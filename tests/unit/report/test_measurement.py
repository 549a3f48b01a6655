from fleetpolicy.model.measurement import Comparison
from fleetpolicy.model.plan import Check
from fleetpolicy.report.junit import write_junit
from fleetpolicy.report.markdown import write_markdown
from fleetpolicy.report.measurement import (
    MeasuredCell,
    cell_check,
    cells_document,
    cells_table,
    measured_document,
    write_cells,
    write_comparisons,
    write_measured,
)
from fleetpolicy.report.product import Product

ADDRESS = "0000:01:00.0"


def compare(region: str, case: str, measured: str, predicted: str) -> Comparison:
    return Comparison(ADDRESS, "vfio-pci", region, case, measured, predicted, "seen")


DIFFERENT = (
    compare("bar0", "load", "Normal-NC", "Normal-NC"),
    compare("bar2", "load", "Device-nGnRE", "Normal-NC"),
)


def cell(comparisons: tuple[Comparison, ...], seconds: float | None = 9.5) -> MeasuredCell:
    return MeasuredCell(
        release="7.3.4",
        cpu="max",
        profile="",
        facts=None,
        comparisons=comparisons,
        seconds=seconds,
        is_kept=False,
        place="cell.json",
    )


def test_cell_without_an_answer_is_a_row_of_its_own() -> None:
    assert write_cells([cell((), None)]) == (
        "KERNEL  CPU  PROFILE  FWB  DIC  CAP 243  DRIVER  DEVICE MEMORY  RAM  AGREE  SECONDS\n"
        "7.3.4   max  none     ?    ?    ?                no answer\n"
    )


def test_cell_is_a_check_that_says_what_differs() -> None:
    said = "0000:01:00.0 bar2, vfio-pci, load: measured Device-nGnRE, predicted Normal-NC\n"
    assert cell_check(cell((), None)) == Check("7.3.4", "max", (), "no answer")
    assert cell_check(cell(DIFFERENT)) == Check("7.3.4", "max", (), said)
    assert cell_check(cell(DIFFERENT[:1])).passed


def test_markdown_counts_the_comparisons_of_a_cell() -> None:
    cells = [cell(DIFFERENT)]
    product = Product(
        "lab measure",
        "failed",
        lambda _: "",
        lambda: {"cells": cells_document(cells)},
        checks=tuple(map(cell_check, cells)),
        tables=(cells_table(cells),),
    )

    written = write_markdown(product)

    assert "no findings; 0 of 1 check passed." in written
    assert "| 7.3.4 | max | 2 | 9.5 | no | cell.json |\n" in written
    assert "### Kernels\n" in written
    case = '<testcase classname="fleetpolicy.lab.measure.checks.7.3.4" name="max" time="0">'
    assert case in write_junit(product)


def test_comparisons_are_listed_by_kernel() -> None:
    assert write_comparisons([cell(DIFFERENT)]) == (
        "\n7.3.4\n"
        "  CPU  DEVICE        REGION  DRIVER    CASE  MEASURED      PREDICTED  SEEN\n"
        "  max  0000:01:00.0  bar0    vfio-pci  load  Normal-NC     Normal-NC  seen\n"
        "                     bar2    vfio-pci  load  Device-nGnRE  Normal-NC  seen\n"
    )


def test_document_says_what_agrees() -> None:
    (document,) = cells_document([cell(DIFFERENT)])

    assert document["evidence"] == {}
    assert document["comparisons"] == [
        {
            "device": ADDRESS,
            "driver": "vfio-pci",
            "region": "bar0",
            "case": "load",
            "measured": "Normal-NC",
            "predicted": "Normal-NC",
            "agrees": True,
            "detail": "seen",
        },
        {
            "device": ADDRESS,
            "driver": "vfio-pci",
            "region": "bar2",
            "case": "load",
            "measured": "Device-nGnRE",
            "predicted": "Normal-NC",
            "agrees": False,
            "detail": "seen",
        },
    ]


MEASURED = {
    "arm-01": (*DIFFERENT, compare("RAM", "load", "Normal", "Normal")),
    "arm-02": (compare("bar0", "fetch", "ENOEXEC at fault", "ENOEXEC at fault"),),
}


def test_regions_of_hosts_are_listed_with_what_a_load_meets() -> None:
    assert write_measured(MEASURED, everything=False) == (
        "HOST    DEVICE        REGION  DRIVER    CASE  MEASURED      PREDICTED\n"
        "arm-01  0000:01:00.0  bar0    vfio-pci  load  Normal-NC     Normal-NC\n"
        "                      bar2    vfio-pci  load  Device-nGnRE  Normal-NC\n"
    )


def test_every_case_of_hosts_is_listed_where_more_is_asked_for() -> None:
    lines = write_measured(MEASURED, everything=True).splitlines()

    assert len(lines) == 5
    assert lines[-1].split() == (
        [
            "arm-02",
            "0000:01:00.0",
            "bar0",
            "vfio-pci",
            "fetch",
            "ENOEXEC",
            "at",
            "fault",
            "ENOEXEC",
            "at",
            "fault",
            "seen",
        ]
    )


def test_nothing_measured_is_no_table() -> None:
    assert write_measured({}, everything=True) == ""


def test_document_of_hosts_has_every_case() -> None:
    rows = measured_document(MEASURED)

    assert [(row["host"], row["region"], row["agrees"]) for row in rows] == [
        ("arm-01", "bar0", True),
        ("arm-01", "bar2", False),
        ("arm-01", "RAM", True),
        ("arm-02", "bar0", True),
    ]
