"""Prove the invariants of the simulation core, over its whole domain or over a fleet."""

import json
import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace

from fleetpolicy.cli.output import Output
from fleetpolicy.cli.request import request_of
from fleetpolicy.diagnostics import ExitStatus
from fleetpolicy.model.amounts import amount
from fleetpolicy.pipeline.loading import load, records_of
from fleetpolicy.pipeline.work import Work, work_out
from fleetpolicy.report.proof import verdicts_document, write_kills, write_laws, write_verdicts
from fleetpolicy.simcore.prove import (
    Kill,
    Proof,
    RegionPoint,
    certificate,
    kill_mutants,
    prove_fleet,
)
from fleetpolicy.simcore.prove import prove as prove_core
from fleetpolicy.simulate import list_points


def prove(arguments: Namespace, output: Output) -> ExitStatus:
    """Print every invariant's verdict; with an inventory those of the fleet's regions."""
    if arguments.inventory:
        return _prove_fleet(arguments, output)
    started = time.monotonic()
    proof = prove_core(litmus=not arguments.no_litmus)
    output.progress(f"proved in {time.monotonic() - started:.1f} s")
    kills = kill_mutants() if arguments.mutants else ()
    green = proof.is_green and all(kill.is_dead for kill in kills)
    document = certificate(proof, kills)
    if arguments.certificate:
        arguments.certificate.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n")
    output.emit(
        "prove",
        "ok" if green else "failed",
        lambda palette: (
            write_verdicts(proof.verdicts, palette)
            + write_laws(proof.laws, palette)
            + write_kills(kills, palette)
            + palette.paint(_summary(proof, kills, green=green), "green" if green else "red")
            + "\n"
        ),
        {"certificate": document},
    )
    return ExitStatus.DONE if green else ExitStatus.INVALID


def _summary(proof: Proof, kills: tuple[Kill, ...], *, green: bool) -> str:
    invariants = len({verdict.invariant.id for verdict in proof.verdicts})
    points = sum(verdict.points for verdict in proof.verdicts)
    dead = sum(kill.is_dead for kill in kills)
    mutants = f"; {dead} of {amount(len(kills), 'mutant')} killed" if kills else ""
    verdict = "exactly the known violations" if green else "NOT as expected"
    return f"{amount(invariants, 'invariant')} over {amount(points, 'point')}: {verdict}{mutants}"


def _prove_fleet(arguments: Namespace, output: Output) -> ExitStatus:
    request = request_of(arguments, output)
    loaded = load(request)
    work = work_out(loaded, records_of(request, loaded))
    points = tuple(_points(work))
    verdicts = prove_fleet(points)
    broken = sum(verdict.witness is not None for verdict in verdicts)
    closing = f"{amount(len(points), 'kind')} of region: {amount(broken, 'invariant')} broken\n"
    output.emit(
        "prove",
        "failed" if broken else "ok",
        lambda palette: (
            output.findings_text(work.findings, palette)
            + write_verdicts(verdicts, palette)
            + closing
        ),
        {"verdicts": verdicts_document(verdicts)},
    )
    return ExitStatus.INVALID if broken or output.fails(work.findings) else ExitStatus.DONE


def _points(work: Work) -> Iterator[RegionPoint]:
    """Yield each kind of region once, named by the first host that has it."""
    seen: set[RegionPoint] = set()
    done: set[int] = set()
    for host in work.fleet.hosts:
        if host.index in done:
            continue
        done.add(host.index)
        for _, _, point in list_points(work.fleet.class_of(host)):
            kind = replace(point, name="")
            if kind not in seen:
                seen.add(kind)
                yield replace(point, name=f"{host.name} {point.name}")
