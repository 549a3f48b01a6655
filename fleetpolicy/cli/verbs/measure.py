"""Measure stage 2 on real kernels, and compare it with the simulation."""

import time
from argparse import Namespace

from fleetpolicy.cli.output import Output
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.emulate.cells import CPUS, NETWORK_CARD, SHARED_MEMORY
from fleetpolicy.emulate.kernels import ERA_RELEASES
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.measuring import Matrix, Measured, findings_of, measure_matrix
from fleetpolicy.report.document import findings_document
from fleetpolicy.report.measurement import (
    MeasuredCell,
    cell_check,
    cells_document,
    cells_table,
    write_cells,
    write_comparisons,
)
from fleetpolicy.report.product import Product

_VFIO_PCI = "vfio-pci"


def measure(arguments: Namespace, output: Output) -> ExitStatus:
    """Measure every kernel on every CPU model; a difference from the simulation is an error."""
    started = time.monotonic()
    measured: list[Measured] = []
    for cell in measure_matrix(_matrix(arguments), output.progress):
        measured.append(cell)
        output.progress(_say(cell))
    findings = findings_of(measured)
    cells = tuple(_cell(item) for item in measured)
    green = not output.fails(findings)
    closing = (
        f"{amount(len(cells), 'cell')}, {amount(sum(len(c.comparisons) for c in cells), 'thing')} "
        f"measured in {time.monotonic() - started:.0f} s: "
        f"{_verdict(cells, green=green)}"
    )
    output.publish(
        Product(
            "lab measure",
            "ok" if green else "failed",
            lambda palette: (
                output.findings_text(findings, palette)
                + write_cells(cells)
                + (write_comparisons(cells) if output.verbose else "")
                + f"{palette.paint(closing, 'green' if green else 'red')}\n"
            ),
            lambda: {
                "cells": cells_document(cells),
                "findings": findings_document(findings, output.profile),
            },
            findings=findings,
            checks=tuple(cell_check(cell) for cell in cells),
            tables=(cells_table(cells),),
        )
    )
    return ExitStatus.DONE if green else ExitStatus.STOPPED


def _verdict(cells: tuple[MeasuredCell, ...], *, green: bool) -> str:
    if all(item.agrees for cell in cells for item in cell.comparisons):
        return "as predicted" if green else "NOT all that was asked for"
    return "NOT as predicted"


def _matrix(arguments: Namespace) -> Matrix:
    bindings = {NETWORK_CARD: _VFIO_PCI, SHARED_MEMORY: _VFIO_PCI, **dict(arguments.bind)}
    return Matrix(
        kernels=tuple(dict.fromkeys(arguments.kernel)) or ERA_RELEASES,
        cpus=tuple(dict.fromkeys(arguments.cpu)) or CPUS,
        modules=tuple(arguments.sources),
        bindings=tuple(bindings.items()),
        policies=tuple(arguments.policy),
        seconds=arguments.timeout,
        anew=arguments.anew,
    )


def _say(cell: Measured) -> str:
    if cell.answer is None:
        return f"{cell.release} on {cell.cpu}: no answer"
    took = "kept" if cell.answer.is_kept else f"{cell.answer.seconds:.1f} s"
    agree = sum(item.agrees for item in cell.judged.comparisons)
    return f"{cell.release} on {cell.cpu}: {agree} of {len(cell.judged.comparisons)} agree ({took})"


def _cell(item: Measured) -> MeasuredCell:
    return MeasuredCell(
        release=item.release,
        cpu=item.cpu,
        profile=item.judged.profile,
        facts=item.judged.record.facts if item.judged.record else None,
        comparisons=item.judged.comparisons,
        seconds=item.answer.seconds if item.answer else None,
        is_kept=bool(item.answer and item.answer.is_kept),
        place=str(item.answer.place) if item.answer else "",
    )
