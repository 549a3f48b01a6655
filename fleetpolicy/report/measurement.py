"""Show what was measured beside what is predicted, cell by cell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fleetpolicy.model.measurement import Comparison
from fleetpolicy.model.plan import Check
from fleetpolicy.model.record import HostFacts
from fleetpolicy.report.product import Table
from fleetpolicy.report.table import write_table

_HEADER = (
    *("KERNEL", "CPU", "PROFILE", "FWB", "DIC", "CAP 243", "DRIVER", "DEVICE MEMORY", "RAM"),
    *("AGREE", "SECONDS"),
)
_DETAILS = ("CPU", "DEVICE", "REGION", "DRIVER", "CASE", "MEASURED", "PREDICTED", "SEEN")
_ON_HOSTS = ("HOST", *_DETAILS[1:])
_SHOWN = {True: "yes", False: "no", None: "?"}
_LOAD, _RAM = "load", "RAM"


@dataclass(frozen=True, slots=True)
class MeasuredCell:
    """A kernel on a CPU model, and what was measured there.

    Args:
        facts: None where the machine told nothing.
        seconds: Wall time of the machine; None where it told nothing.
        is_kept: Whether it was measured in an earlier run.
        place: The file that keeps the raw answer.
    """

    release: str
    cpu: str
    profile: str
    facts: HostFacts | None
    comparisons: tuple[Comparison, ...]
    seconds: float | None
    is_kept: bool
    place: str


def write_cells(cells: Sequence[MeasuredCell]) -> str:
    """Return a row per cell and driver."""
    return write_table(_HEADER, [row for cell in cells for row in _rows(cell)])


def cells_table(cells: Iterable[MeasuredCell]) -> Table:
    """Return the rows of write_cells for formats that lay tables out."""
    return Table("Kernels", _HEADER, tuple(row for cell in cells for row in _rows(cell)))


def cell_check(cell: MeasuredCell) -> Check:
    """Return a cell as a check of its kernel, named after the CPU; it says what differs."""
    differs = "".join(
        f"{item.device} {item.region}, {item.driver}, {item.case}: measured {item.measured}, "
        f"predicted {item.predicted}\n"
        for item in cell.comparisons
        if not item.agrees
    )
    return Check(cell.release, cell.cpu, (), "no answer" if cell.seconds is None else differs)


def write_comparisons(cells: Iterable[MeasuredCell]) -> str:
    """Return every comparison, a table per kernel."""
    by_kernel: dict[str, list[tuple[str, ...]]] = {}
    for cell in cells:
        rows = by_kernel.setdefault(cell.release, [])
        rows += (
            (
                *(cell.cpu, item.device, item.region, item.driver, item.case),
                *(item.measured, item.predicted, item.detail),
            )
            for item in cell.comparisons
        )
    return "".join(
        f"\n{release}\n{write_table(_DETAILS, rows, '  ')}" for release, rows in by_kernel.items()
    )


def write_measured(hosts: Mapping[str, Sequence[Comparison]], *, everything: bool) -> str:
    """Return what was measured on hosts, a row for each region of a device.

    Args:
        hosts: Host to its comparisons.
        everything: Whether to show every case, RAM included, and what was seen.
    """
    chosen = [
        (host, item)
        for host, found in hosts.items()
        for item in found
        if everything or (item.case == _LOAD and item.region != _RAM)
    ]
    header = _ON_HOSTS if everything else _ON_HOSTS[:-1]
    rows = [
        (
            *(host, item.device, item.region, item.driver, item.case),
            *(item.measured, item.predicted, item.detail),
        )
        for host, item in chosen
    ]
    return write_table(header, [row[: len(header)] for row in rows]) if rows else ""


def measured_document(
    hosts: Mapping[str, Sequence[Comparison]],
) -> list[Mapping[str, object]]:
    """Return what was measured on hosts as plain data."""
    return [{"host": host, **_comparison(item)} for host, found in hosts.items() for item in found]


def cells_document(cells: Iterable[MeasuredCell]) -> list[Mapping[str, object]]:
    """Return the cells as plain data."""
    return [
        {
            "kernel": cell.release,
            "cpu": cell.cpu,
            "profile": cell.profile,
            "evidence": _evidence(cell.facts),
            "comparisons": [_comparison(item) for item in cell.comparisons],
            "seconds": cell.seconds,
            "kept": cell.is_kept,
            "raw": cell.place,
        }
        for cell in cells
    ]


def _comparison(item: Comparison) -> Mapping[str, object]:
    return {
        "device": item.device,
        "driver": item.driver,
        "region": item.region,
        "case": item.case,
        "measured": item.measured,
        "predicted": item.predicted,
        "agrees": item.agrees,
        "detail": item.detail,
    }


def _evidence(facts: HostFacts | None) -> Mapping[str, object]:
    if facts is None:
        return {}
    return {
        "fwb": facts.cpu.fwb,
        "dic": facts.cpu.dic,
        "pageSizeKib": facts.kernel.page_size_kib,
        "normalNcMarker": facts.kernel.normal_nc_marker,
        "capabilityOnKvm": facts.kernel.capability_on_kvm,
        "capabilityOnVm": facts.kernel.capability_on_vm,
    }


def _rows(cell: MeasuredCell) -> list[tuple[str, ...]]:
    head = (cell.release, cell.cpu, cell.profile or "none")
    if cell.facts is None:
        return [(*head, "?", "?", "?", "", "no answer", "", "", "")]
    shown = (
        *(_SHOWN[cell.facts.cpu.fwb], _SHOWN[cell.facts.cpu.dic]),
        f"{cell.facts.kernel.capability_on_kvm or '?'}/{cell.facts.kernel.capability_on_vm or '?'}",
    )
    took = "kept" if cell.is_kept else f"{cell.seconds or 0:.1f}"
    drivers = dict.fromkeys(item.driver for item in cell.comparisons)
    return [(*head, *shown, *_of_driver(cell, name), took) for name in drivers or {"": None}]


def _of_driver(cell: MeasuredCell, driver: str) -> tuple[str, str, str, str]:
    of_it = [item for item in cell.comparisons if item.driver == driver]
    agree = sum(item.agrees for item in of_it)
    loads = [item for item in of_it if item.case == _LOAD]
    return (
        driver,
        _say([item for item in loads if item.region != _RAM]),
        _say([item for item in loads if item.region == _RAM]),
        f"{agree} of {len(of_it)}",
    )


def _say(items: list[Comparison]) -> str:
    """Return what was measured, with the regions where not all of them are alike."""
    regions: dict[str, list[str]] = {}
    for item in items:
        regions.setdefault(item.measured, []).append(item.region)
    if len(regions) == 1:
        return next(iter(regions))
    return "; ".join(f"{', '.join(names)}: {what}" for what, names in regions.items())
