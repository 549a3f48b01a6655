"""Write down where a domain's processors, threads and cells run."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from fleetpolicy.model.scalars import cpus_of, spell_cpus
from fleetpolicy.scaffold.wording import quoted, size_of

_CPUS = re.compile(r"[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?){0,63}")
_PINS = frozenset(("vcpupin", "emulatorpin", "iothreadpin"))


def write_processors(domain: ET.Element, vcpus: int, left_out: list[str]) -> Iterator[str]:
    """Yield lines about I/O threads, pins and cells."""
    threads = (domain.findtext("iothreads") or "").strip()
    if threads.isdecimal() and int(threads):
        yield f"  ioThreads: {int(threads)}"
    pins = list(_pins(domain, vcpus, left_out))
    if pins:
        yield f"  pinning: {{{', '.join(pins)}}}"
    if any(child.tag not in _PINS for child in domain.find("cputune") or ()):
        left_out.append("a part of cputune")
    yield from _cells(domain, left_out)


def _pins(domain: ET.Element, vcpus: int, left_out: list[str]) -> Iterator[str]:
    each = {pin.get("vcpu"): pin.get("cpuset", "") for pin in domain.findall("cputune/vcpupin")}
    ordered = [each.get(str(number), "") for number in range(vcpus)]
    vcpu = domain.find("vcpu")
    floating = vcpu.get("cpuset", "") if vcpu is not None else ""
    if each and len(each) == vcpus and all(cpu.isdecimal() for cpu in ordered):
        yield f"vcpus: {quoted(_in_order([int(cpu) for cpu in ordered]))}"
    elif each:
        left_out.append("pins of vCPUs that are not one to one")
    elif _CPUS.fullmatch(floating):
        yield f"floating: {quoted(floating)}"
    for key, path in (("emulator", "emulatorpin"), ("ioThreads", "iothreadpin")):
        sets = {pin.get("cpuset", "") for pin in domain.findall(f"cputune/{path}")}
        if len(sets) == 1 and _CPUS.fullmatch(min(sets)):
            yield f"{key}: {quoted(min(sets))}"
        elif sets:
            left_out.append(f"{path} that differ")


def _in_order(cpus: list[int]) -> str:
    spelt = spell_cpus(cpus)
    return spelt if list(cpus_of(spelt)) == cpus else ",".join(map(str, cpus))


def _cells(domain: ET.Element, left_out: list[str]) -> Iterator[str]:
    """Yield cells with processors; those without are made for a device's initiators."""
    cells = [cell for cell in domain.findall("cpu/numa/cell") if cell.get("cpus")]
    if len(cells) < 2:  # noqa: PLR2004 one is the default
        return
    nodes = {item.get("cellid"): item.get("nodeset", "") for item in domain.iter("memnode")}
    lines = []
    for cell in cells:
        size, node = size_of(cell, "memory"), nodes.get(cell.get("id"), "")
        if not size or not _CPUS.fullmatch(cell.get("cpus", "")):
            left_out.append("NUMA cells")
            return
        host = f", hostNode: {int(node)}" if node.isdecimal() else ""
        lines.append(f"    - {{vcpus: {quoted(cell.get('cpus', ''))}, memory: {size}{host}}}")
    yield from ["  numa:", *lines]
