from fleetpolicy.model.measurement import Comparison
from fleetpolicy.report.measurement import (
    MeasuredCell,
    cells_document,
    write_cells,
    write_comparisons,
)

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
