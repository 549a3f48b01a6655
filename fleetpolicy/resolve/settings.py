"""Collect the module parameters of a host."""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Assignment, ModuleSetting
from fleetpolicy.model.profiles import DriverProfileSpec
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.defaults import DefaultModule, DefaultParameter
from fleetpolicy.resolve.kernel_rules import (
    CONFLICTING_PARAMETER,
    UNKNOWN_MODULE,
    UNKNOWN_PARAMETER,
)
from fleetpolicy.resolve.module_rules import PARAMETER_NOT_IN_KERNEL
from fleetpolicy.resolve.situation import Situation

_FORMS = {
    "bool": (re.compile(r"[01NYny]"), "a boolean", 'write "Y" or "N"'),
    "int": (re.compile(r"-?(0[xX][0-9a-fA-F]+|[0-9]+)"), "a whole number", "write a number"),
    "uint": (
        re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+"),
        "a whole number that is not negative",
        "write a number",
    ),
    "string": (re.compile(r".*"), "", ""),
}
_KINDS = {
    **dict.fromkeys(("byte", "ushort", "uint", "ulong", "ullong"), "uint"),
    **dict.fromkeys(("short", "int", "long"), "int"),
    **dict.fromkeys(("charp", "string"), "string"),
    **dict.fromkeys(("bool", "invbool"), "bool"),
}


def with_withheld(
    situation: Situation,
    settings: tuple[ModuleSetting, ...],
    assignments: tuple[Assignment, ...],
) -> tuple[tuple[ModuleSetting, ...], tuple[Diagnostic, ...]]:
    """Return the module parameters with those that make assigned drivers withhold Normal-NC."""
    wanted: dict[tuple[str, str], ModuleSetting] = {}
    for item in assignments:
        name, _, value = item.driver.withheld_by.partition("=")
        if name:
            setting = ModuleSetting(item.driver.module, name, value, item.mapping_origin)
            wanted.setdefault((item.driver.module, name), setting)
    findings = tuple(
        situation.find(
            CONFLICTING_PARAMETER,
            setting.origin,
            why=f"{setting.module}.{setting.parameter} is {setting.value} here; the mapping at "
            f"{needed.origin} needs {needed.value}",
            fix=f"remove {setting.parameter} from spec.modules.{setting.module}",
        )
        for setting in settings
        if (needed := wanted.get((setting.module, setting.parameter)))
        and setting.value != needed.value
    )
    kept = [item for item in settings if (item.module, item.parameter) not in wanted]
    ordered = sorted((*kept, *wanted.values()), key=lambda item: (item.module, item.parameter))
    return tuple(ordered), findings


def collect_module_settings(
    situation: Situation,
) -> tuple[tuple[ModuleSetting, ...], tuple[Diagnostic, ...]]:
    """Return the module parameters, sorted, and what no module takes."""
    fleet = situation.policy.fleet
    settings: list[ModuleSetting] = []
    findings: list[Diagnostic] = []
    for item in situation.defaults.modules:
        module = canonical_module(item.written)
        located = situation.policy.drivers.get(module)
        if located is None or module not in situation.facts.modules:
            findings.append(_find_module(situation, item, module))
            continue
        findings += check_module_parameters(situation, located.model.spec, item.parameters)
        settings += (
            ModuleSetting(module, parameter.name, parameter.value, fleet.span_of(parameter.path))
            for parameter in item.parameters
        )
    ordered = sorted(settings, key=lambda setting: (setting.module, setting.parameter))
    return tuple(ordered), tuple(findings)


def _find_module(situation: Situation, item: DefaultModule, module: str) -> Diagnostic:
    known = module in situation.policy.drivers
    lacking = f"kernel {situation.facts.kernel.release} has no module {module}"
    return situation.find(
        UNKNOWN_MODULE,
        situation.policy.fleet.span_of(item.path),
        why=lacking if known else f"no DriverProfile knows the module {module}",
        fix="remove it, or install a kernel that has it"
        if known
        else "correct the name, or add a DriverProfile that lists its parameters",
    )


def check_module_parameters(
    situation: Situation, spec: DriverProfileSpec, parameters: Iterable[DefaultParameter]
) -> Iterator[Diagnostic]:
    """Find parameters that a module does not take, or not with such a value."""
    for item in parameters:
        parameter, value = item.name, item.value
        kind = spec.parameters.get(parameter)
        span = situation.policy.fleet.span_of(item.path)
        if kind is None:
            near = get_close_matches(parameter, spec.parameters, n=1)
            known = ", ".join(sorted(spec.parameters)) or "none"
            yield situation.find(
                UNKNOWN_PARAMETER,
                span,
                why=f"{spec.module} has no parameter {parameter}; it has {known}",
                fix=f"write {near[0]}" if near else "remove it",
            )
            continue
        form, noun, fix = _FORMS[_shown_kind(situation, spec, parameter) or kind]
        if not form.fullmatch(value):
            yield situation.find(
                UNKNOWN_PARAMETER,
                span,
                why=f"{spec.module}.{parameter} is {noun}; {value or 'nothing'} is not one",
                fix=fix,
            )
        yield from _check_shown(situation, spec, item)


def _shown(situation: Situation, spec: DriverProfileSpec) -> dict[str, str] | None:
    """Return what the host's own module takes; None where it did not show that."""
    return (situation.facts.module_parameters or {}).get(canonical_module(spec.module))


def _shown_kind(situation: Situation, spec: DriverProfileSpec, parameter: str) -> str:
    return _KINDS.get((_shown(situation, spec) or {}).get(parameter, ""), "")


def _check_shown(
    situation: Situation, spec: DriverProfileSpec, item: DefaultParameter
) -> Iterator[Diagnostic]:
    """Find a parameter that the catalogue knows and the host's module does not take."""
    shown = _shown(situation, spec)
    if shown is None or item.name in shown:
        return
    release = situation.facts.kernel.release
    yield situation.find(
        PARAMETER_NOT_IN_KERNEL,
        situation.policy.fleet.span_of(item.path),
        why=f"{spec.module} of kernel {release} takes {', '.join(sorted(shown)) or 'nothing'}, "
        f"and no {item.name}",
        fix="remove it, or install a kernel that is built with it",
    )
