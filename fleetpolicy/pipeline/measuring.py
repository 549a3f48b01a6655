"""Measure stage 2 on real kernels under QEMU, and compare with what the simulation says."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.emulate.cells import MODULES, Answer, Cell, measure_cell
from fleetpolicy.emulate.initramfs import Task
from fleetpolicy.emulate.kernels import ARCH, Kernel, find_kernel, provide_kernel
from fleetpolicy.emulate.lock import Progress
from fleetpolicy.emulate.modules_build import build_modules
from fleetpolicy.emulate.qemu import Emulator, find_emulator
from fleetpolicy.emulate.rules import NO_ANSWER
from fleetpolicy.load import load_policies, parse_record
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.model.measurement import Comparison, Measurement
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord, write_record
from fleetpolicy.pipeline.data import playbooks_folder
from fleetpolicy.resolve import resolve
from fleetpolicy.verify import Known, judge_measurement

_POLICY = Path(__file__).resolve().parent.parent / "emulate" / "policy.yaml"
_HOST = "measured"
_PROGRAMS = ("fleetpolicy_agent", "fleetpolicy_probe")


@dataclass(frozen=True, slots=True)
class Matrix:
    """What is to be measured: every kernel on every CPU model.

    Args:
        kernels: Beginnings of releases, or newest; after a slash a flavour such as arm64-16k.
        cpus: QEMU's names.
        modules: Folders of source to build and load, each with the parameters of its modules.
        bindings: PCI id and driver.
        policies: Files and folders with profiles of drivers, devices and kernels.
        seconds: How long a machine may run.
        anew: Whether answers of earlier runs do not count.
    """

    kernels: tuple[str, ...]
    cpus: tuple[str, ...]
    modules: tuple[tuple[Path, str], ...]
    bindings: tuple[tuple[str, str], ...]
    policies: tuple[Path, ...]
    seconds: float
    anew: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What a measurement comes to.

    Args:
        profile: The KernelProfile that its evidence leads to; empty where none does.
        record: None where the machine told nothing.
    """

    profile: str
    record: HostRecord | None
    comparisons: tuple[Comparison, ...]
    findings: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A cell of the matrix; the answer is None where the machine told nothing."""

    release: str
    cpu: str
    judged: Judged
    answer: Answer | None


def load_profiles(paths: Sequence[Path]) -> PolicySet:
    """Return a policy that claims nothing, with the catalogue and the profiles of some files."""
    policy, _ = load_policies((_POLICY, *paths))
    return policy


def measure_matrix(matrix: Matrix, progress: Progress) -> Iterator[Measured]:
    """Yield the cells as they are measured, kernel by kernel; one that cannot be had has one cell.

    Raises:
        FleetPolicyError: QEMU cannot be had, or the profiles have errors.
    """
    policy = load_profiles(matrix.policies)
    emulator = find_emulator(progress)
    for word in matrix.kernels:
        try:
            kernel, task = _prepare(word, matrix, progress)
        except FleetPolicyError as error:
            yield Measured(word, "any CPU", Judged("", None, (), error.diagnostics), None)
            continue
        for cpu in matrix.cpus:
            cell = Cell(kernel, cpu, task, _programs(), matrix.seconds)
            yield _measure(emulator, cell, policy, (matrix, progress))


def _programs() -> dict[str, Path]:
    return {name: playbooks_folder() / "module_utils" / name for name in _PROGRAMS}


def _prepare(word: str, matrix: Matrix, progress: Progress) -> tuple[Kernel, Task]:
    """Return a kernel with the modules that are built for it.

    Raises:
        FleetPolicyError: One of them cannot be had.
    """
    release, _, flavour = word.partition("/")
    found = find_kernel(release, progress, flavour or ARCH)
    kernel = provide_kernel(found, progress)
    extra = tuple(
        (path, parameters)
        for source, parameters in matrix.modules
        for path in build_modules(source, found, progress)
    )
    return kernel, Task(MODULES, extra, matrix.bindings)


def _measure(
    emulator: Emulator, cell: Cell, policy: PolicySet, how: tuple[Matrix, Progress]
) -> Measured:
    matrix, progress = how
    release = cell.kernel.release
    try:
        answer = measure_cell(emulator, cell, progress, anew=matrix.anew)
        judged = judge_reply(answer.reply, Span(str(answer.place)), policy)
    except FleetPolicyError as error:
        return Measured(release, cell.cpu, Judged("", None, (), error.diagnostics), None)
    return Measured(release, cell.cpu, judged, answer)


def judge_reply(reply: dict[str, Any], span: Span, policy: PolicySet) -> Judged:
    """Return what a machine told beside what the policy's profiles and the core say of it.

    Args:
        reply: The agent's.
        span: Where it is kept.
        policy: With the profiles of its kernel, drivers and devices.

    Raises:
        FleetPolicyError: The agent failed, or said something that is no measurement.
    """
    if reply.get("status") != "ok":
        raise _refuse(span, f"the agent failed: {reply.get('message')}")
    body = json.dumps(reply["record"], sort_keys=True)
    record = parse_record(write_record(_HOST, body, datetime.now(UTC)), span)
    measurement = read_measurement(reply["measurement"], span)
    fleet, found = resolve(policy, _inventory(record), {record.host: record})
    if not fleet.classes:
        return Judged("", record, (), found)
    host_class = fleet.classes[0]
    compared, differing = judge_measurement(host_class, record, Known(policy), measurement)
    profile = host_class.kernel.profile if host_class.kernel else ""
    return Judged(profile, record, compared, differing)


def read_measurement(document: Any, span: Span) -> Measurement:
    """Return a measurement that arrived as plain data.

    Raises:
        FleetPolicyError: It is none.
    """
    try:
        return Measurement.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise _refuse(span, f"no measurement: {error}") from error


def _refuse(span: Span, why: str) -> FleetPolicyError:
    fix = "measure anew; where it stays, report it with this line"
    return FleetPolicyError(NO_ANSWER.at(span, why=why, fix=fix))


def _inventory(record: HostRecord) -> Inventory:
    host = InventoryHost(record.host, ("all",), {}, "/", None)
    return Inventory(record.span, {host.name: host}, frozenset({host.name}), frozenset({"all"}), {})


def findings_of(cells: Iterable[Measured]) -> tuple[Diagnostic, ...]:
    """Return what was found in all cells, sorted."""
    found = (item for cell in cells for item in cell.judged.findings)
    return tuple(sorted(found, key=lambda item: item.order))
