"""Judge words of the kernel command line by what is known of parameters."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache

from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.model.hugepages import hugepage_sizes_kib
from fleetpolicy.model.parameters import ParameterEntry
from fleetpolicy.model.scalars import spell_kib
from fleetpolicy.resolve.defaults import DefaultParameter
from fleetpolicy.resolve.parameter_rules import (
    MISSPELT_KERNEL_PARAMETER,
    NO_SUCH_HUGEPAGES,
    NOT_IN_KERNEL,
    OTHER_ARCHITECTURE,
    UNKNOWN_KERNEL_PARAMETER,
    WRONG_VALUE,
)
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.boot.cmdline import canonical

_NEAR = 0.85
_PAGE_SIZES = frozenset({"hugepagesz", "default_hugepagesz"})
_CPU = r"(?:\d+|N)"
_RANGE = rf"(?:all|{_CPU}(?:-{_CPU}(?::\d+/\d+)?)?)"
# Sources: Linux, lib/kstrtox.c (kstrtobool), lib/cmdline.c (memparse), lib/bitmap-str.c
# (bitmap_parselist), mm/hugetlb.c (hugepages_setup).
_FORMS = {
    "flag": (re.compile(r""), "stands alone"),
    "bool": (re.compile(r"[01YyNnTtFf]|on|off|yes|no|true|false"), "is a boolean such as 0 or 1"),
    "int": (re.compile(r"-?(?:0[xX][0-9a-fA-F]+|[0-9]+)"), "is a whole number"),
    "size": (
        re.compile(r"(?:0[xX][0-9a-fA-F]+|[0-9]+)[KkMmGgTtPpEe]?"),
        "is a size such as 2M or 1G",
    ),
    "counts": (re.compile(r"\d+(?::\d+(?:,\d+:\d+)*)?"), "is a number, or node:number,..."),
    "string": (re.compile(r".+"), "needs a value"),
}


def check_parameter(situation: Situation, item: DefaultParameter) -> Iterator[Diagnostic]:
    """Find why the host's kernel would not take a word as it is meant."""
    span = situation.policy.fleet.span_of(item.path)
    entry = situation.policy.parameters.get(canonical(item.name))
    if entry is None:
        yield from _check_unknown(situation, item, span)
    elif entry.arch and situation.facts.arch not in entry.arch:
        yield _find_architecture(situation, item, entry, span)
    else:
        yield from _check_value(situation, item, entry, span)
        yield from _check_release(situation, item, entry, span)


def _check_unknown(
    situation: Situation, item: DefaultParameter, span: Span
) -> Iterator[Diagnostic]:
    """Find a word that no profile of parameters, modules or kernels declares."""
    name = canonical(item.name)
    if name in _of_kernels(situation):
        return
    near = _nearest(name, (*_of_modules(situation), *situation.policy.parameters))
    if near:
        yield situation.find(
            MISSPELT_KERNEL_PARAMETER,
            span,
            why=f"nothing is known of {item.name}, which is all but {near}",
            fix=f"write {near}; or add a ParameterProfile for {item.name}",
        )
        return
    yield situation.find(
        UNKNOWN_KERNEL_PARAMETER,
        span,
        why=f"nothing is known of {item.name}",
        fix="correct the name, or add a ParameterProfile that says what it takes",
    )


@lru_cache(maxsize=1_024)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    """Return the known name that a name is all but; empty without one."""
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=_NEAR)), "")


def _of_modules(situation: Situation) -> Iterator[str]:
    for module, located in situation.policy.drivers.items():
        yield from (f"{module}.{parameter}" for parameter in located.model.spec.parameters)


def _of_kernels(situation: Situation) -> set[str]:
    """Return the parameters that kernels have for an opt-out."""
    opt_outs = (located.model.spec.opt_out for located in situation.policy.kernels)
    return {canonical(item.parameter.partition("=")[0]) for item in opt_outs if item}


def _find_architecture(
    situation: Situation, item: DefaultParameter, entry: ParameterEntry, span: Span
) -> Diagnostic:
    arch = situation.facts.arch
    return situation.find(
        OTHER_ARCHITECTURE,
        span,
        why=f"{item.name} is a parameter of {', '.join(entry.arch)}; the host is {arch}, whose "
        "kernel ignores it",
        fix=f"use {entry.instead}, or move it to an override"
        if entry.instead
        else f"move it to an override for hosts that are {', '.join(entry.arch)}",
    )


def _check_value(
    situation: Situation, item: DefaultParameter, entry: ParameterEntry, span: Span
) -> Iterator[Diagnostic]:
    fault = "" if entry.bare and not item.value else _fault(entry, item.value)
    if fault:
        yield situation.find(
            WRONG_VALUE,
            span,
            why=f"{item.name} {fault}; it has {item.value or 'no value'}",
            fix=f'write {item.name}: "", it takes no value'
            if entry.type == "flag"
            else f"write what it takes: {entry.meaning}",
        )
    elif canonical(item.name) in _PAGE_SIZES:
        yield from _check_page_size(situation, item, span)


def _check_page_size(
    situation: Situation, item: DefaultParameter, span: Span
) -> Iterator[Diagnostic]:
    """Find a size of huge pages that the host's kernel does not have."""
    kernel, arch = situation.facts.kernel, situation.facts.arch
    sizes = hugepage_sizes_kib(arch, kernel.page_size_kib)
    if sizes and _kib(item.value) not in sizes:
        yield situation.find(
            NO_SUCH_HUGEPAGES,
            span,
            why=f"{item.name} is {item.value}; {arch} with pages of {kernel.page_size_kib} KiB "
            f"has {', '.join(map(spell_kib, sizes))}",
            fix="write one of these, such as 2M",
        )


def _kib(size: str) -> float:
    """Return a size as memparse() reads it, in KiB."""
    number = size.rstrip("KkMmGgTtPpEe")
    unit = size[len(number) :].upper()
    return int(number, 0) * (1 << 10 * "KMGTPE".index(unit) if unit else 1 / 1024)


def _fault(entry: ParameterEntry, value: str) -> str:
    """Return what a value should be; empty where it is that."""
    if entry.type == "choice":
        return "" if value in entry.values else f"takes one of {', '.join(entry.values)}"
    if entry.type == "choices":
        given = (re.split(r"[=:]", part)[0] for part in value.split(","))
        right = bool(value) and all(name in entry.values for name in given)
        return "" if right else f"takes some of {', '.join(entry.values)}"
    if entry.type == "cpus":
        parts = value.split(",")
        while len(parts) > 1 and parts[0] in entry.values:
            del parts[0]
        right = all(re.fullmatch(_RANGE, part) for part in parts)
        return "" if right else "is a list of CPUs such as 2-7,10"
    form, words = _FORMS[entry.type]
    return "" if form.fullmatch(value) else words


def _check_release(
    situation: Situation, item: DefaultParameter, entry: ParameterEntry, span: Span
) -> Iterator[Diagnostic]:
    release = situation.facts.kernel.release
    why = _absence(entry, release)
    if why:
        yield situation.find(
            NOT_IN_KERNEL,
            span,
            why=f"{item.name} is {why}; the host runs {release}",
            fix="remove it, or show by an Exception who says that this kernel has it",
        )


def _absence(entry: ParameterEntry, release: str) -> str:
    """Return why a kernel has none of a parameter; empty where it may have it."""
    if not entry.upstream:
        return "in no upstream kernel"
    version = _version(release)
    if version and entry.since and version < _version(entry.since):
        return f"in no kernel before {entry.since}"
    if version and entry.until and version > _version(entry.until):
        return f"in no kernel after {entry.until}"
    return ""


def _version(release: str) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found.group(1)), int(found.group(2))) if found else ()
