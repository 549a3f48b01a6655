"""Render a guest's processors and threads, and the host's CPUs that they run on."""

from collections.abc import Iterator

from fleetpolicy.model.fleet import ResolvedGuest
from fleetpolicy.model.guest import GuestSpec
from fleetpolicy.model.scalars import cpus_of
from fleetpolicy.render.memory import numa_element
from fleetpolicy.render.xml import Element, element


def processor_elements(spec: GuestSpec) -> Iterator[Element | None]:
    """Yield the number of vCPUs and I/O threads, and where they run."""
    yield element(
        "vcpu",
        text=str(spec.vcpus),
        placement="static",
        cpuset=spec.pinning.floating or "",
    )
    if spec.io_threads:
        yield element("iothreads", text=str(spec.io_threads))
    pins = list(_pins(spec))
    if pins:
        yield element("cputune", *pins)


def _pins(spec: GuestSpec) -> Iterator[Element]:
    for number, cpu in enumerate(cpus_of(spec.pinning.vcpus or "")):
        yield element("vcpupin", vcpu=str(number), cpuset=str(cpu))
    if spec.pinning.emulator:
        yield element("emulatorpin", cpuset=spec.pinning.emulator)
    for number in range(1, spec.io_threads + 1):
        if spec.pinning.io_threads:
            yield element("iothreadpin", iothread=str(number), cpuset=spec.pinning.io_threads)


def cpu_element(guest: ResolvedGuest) -> Element:
    """Return the CPU that the guest sees."""
    spec = guest.spec
    sockets = _count_sockets(spec)
    model = element("model", text=spec.cpu.model, fallback="forbid") if spec.cpu.model else None
    topology = element(
        "topology",
        sockets=str(sockets),
        dies="1",
        cores=str(spec.vcpus // sockets),
        threads="1",
    )
    is_custom = spec.cpu.mode == "custom"
    return element(
        "cpu",
        model,
        topology,
        numa_element(guest),
        mode=spec.cpu.mode,
        match="exact" if is_custom else "",
        check="partial" if is_custom else "none",
    )


def _count_sockets(spec: GuestSpec) -> int:
    """Return one socket for each cell where they are equal; a socket lies in one cell."""
    cells = [cpus_of(cell.vcpus) for cell in spec.numa or ()]
    each = spec.vcpus // (len(cells) or 1)
    starts = range(0, spec.vcpus, each)
    are_equal = [tuple(range(start, start + each)) for start in starts] == cells
    return len(cells) if are_equal else 1
