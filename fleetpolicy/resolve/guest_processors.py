"""Judge a guest's processors and cells by what its host has."""

from collections.abc import Iterable, Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.amounts import amount
from fleetpolicy.model.scalars import cpus_of, size_kib, spell_cpus, spell_kib
from fleetpolicy.resolve.guest_rules import (
    CELLS_DO_NOT_ADD_UP,
    CPU_PINNED_TWICE,
    GIC_TOO_SMALL,
    NO_SUCH_CPU,
    NO_SUCH_NODE,
    NOT_ONE_TO_ONE,
)
from fleetpolicy.resolve.guest_scene import Scene

_GIC_2_CPUS = 8


def check_processors(scene: Scene) -> Iterator[Diagnostic]:
    """Find pins, cells and an interrupt controller that do not fit."""
    yield from _check_pins(scene)
    yield from _check_cells(scene)
    yield from _check_nodes(scene)
    spec = scene.spec
    if spec.gic == "2" and spec.vcpus > _GIC_2_CPUS:
        yield scene.find(
            GIC_TOO_SMALL,
            ("gic",),
            why=f"{spec.vcpus} vCPUs, and a GICv2 serves {_GIC_2_CPUS}",
            fix='write gic: "3", or leave it out',
        )


def _check_pins(scene: Scene) -> Iterator[Diagnostic]:
    pinning, vcpus = scene.spec.pinning, scene.spec.vcpus
    pins = cpus_of(pinning.vcpus or "")
    if pins and (len(pins) != vcpus or len(set(pins)) != vcpus):
        named = amount(len(set(pins)), "CPU")
        yield scene.find(
            NOT_ONE_TO_ONE,
            ("pinning", "vcpus"),
            why=f"{amount(vcpus, 'vCPU')}, and {pinning.vcpus} names {named}",
            fix="name as many CPUs as there are vCPUs, or write them as floating",
        )
    present = {cpu for node in scene.facts.numa for cpu in cpus_of(node.cpus)}
    sets = (
        ("vcpus", pinning.vcpus),
        ("floating", pinning.floating),
        ("emulator", pinning.emulator),
        ("ioThreads", pinning.io_threads),
    )
    for name, cpus in sets:
        absent = spell_cpus(cpu for cpu in cpus_of(cpus or "") if cpu not in present)
        if absent:
            yield scene.find(
                NO_SUCH_CPU,
                ("pinning", name),
                why=f"the host has no CPU {absent}; it showed {spell_cpus(present) or 'none'}",
                fix="name CPUs that it has" if present else "collect the facts again",
            )


def _check_cells(scene: Scene) -> Iterator[Diagnostic]:
    """Find cells that leave vCPUs or memory out, or have them twice."""
    spec = scene.spec
    if not spec.numa:
        return
    dealt = [cpu for cell in spec.numa for cpu in cpus_of(cell.vcpus)]
    if sorted(dealt) != list(range(spec.vcpus)):
        yield scene.find(
            CELLS_DO_NOT_ADD_UP,
            ("numa",),
            why=f"the guest has vCPUs 0-{spec.vcpus - 1}, and its cells "
            f"{', '.join(cell.vcpus for cell in spec.numa)}",
            fix="give each vCPU to one cell",
        )
    total = sum(size_kib(cell.memory) for cell in spec.numa)
    if total != size_kib(spec.memory):
        yield scene.find(
            CELLS_DO_NOT_ADD_UP,
            ("numa",),
            why=f"the guest has {spec.memory}, and its cells together {spell_kib(total)}",
            fix=f"write memory: {spell_kib(total)}, or change the cells",
        )


def _check_nodes(scene: Scene) -> Iterator[Diagnostic]:
    present = sorted(node.node for node in scene.facts.numa)
    asked: list[tuple[tuple[str | int, ...], int | None]] = [(("numaNode",), scene.spec.numa_node)]
    for index, cell in enumerate(scene.spec.numa or ()):
        asked.append((("numa", index, "hostNode"), cell.host_node))
    for where, node in asked:
        if node is not None and node not in present:
            shown = spell_cpus(present) or "none"
            yield scene.find(
                NO_SUCH_NODE,
                where,
                why=f"the host has no NUMA node {node}; it showed {shown}",
                fix="name a node that it has" if present else "collect the facts again",
            )


def check_shared_cpus(scenes: Iterable[Scene]) -> Iterator[Diagnostic]:
    """Find CPUs that two guests of a host have each for one vCPU."""
    owners: dict[int, str] = {}
    for scene in scenes:
        pins = set(cpus_of(scene.spec.pinning.vcpus or ""))
        taken = sorted(pins & owners.keys())
        if taken:
            yield scene.find(
                CPU_PINNED_TWICE,
                ("pinning", "vcpus"),
                why=f"CPU {spell_cpus(taken)} runs a vCPU of guest {owners[taken[0]]} too",
                fix="pin the guests to CPUs of their own, or write them as floating",
            )
        owners |= {cpu: owners.get(cpu, scene.guest.name) for cpu in pins}
