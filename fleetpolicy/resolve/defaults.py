"""Work out the defaults of hosts: the fleet's, and what overrides say of them in order."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.policy import FleetPolicy, MappingMode, OnUnsupported, Override
from fleetpolicy.model.policyset import Located
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.simcore.boot.cmdline import canonical

Path = tuple[str | int, ...]


class DefaultParameter(Struct, frozen=True):
    """A parameter of the kernel or of a module, and the path to its value."""

    name: str
    value: str
    path: Path


class DefaultModule(Struct, frozen=True):
    """A module's parameters, and the path to the first mention of the module."""

    written: str
    path: Path
    parameters: tuple[DefaultParameter, ...]


class Defaults(Struct, frozen=True):
    """What holds for hosts where no DevicePolicy says otherwise.

    Args:
        mapping_origin: The line that decides over the mapping.
        opt_out: The line that asks for the global opt-out; None without it.
    """

    mapping: MappingMode
    mapping_origin: Span
    opt_out: Span | None
    on_unsupported: OnUnsupported
    parameters: tuple[DefaultParameter, ...]
    modules: tuple[DefaultModule, ...]


def choose_defaults(fleet: Located[FleetPolicy], indices: tuple[int, ...]) -> Defaults:
    """Return the defaults of hosts that some overrides match.

    Returns:
        The last override wins, value by value; the opt-out holds if any asks for it.

    Args:
        fleet: The defaults of the fleet, with the overrides.
        indices: Of the overrides that match, ascending.
    """
    spec = fleet.model.spec
    overrides = [(("spec", "overrides", index), spec.overrides[index]) for index in indices]
    mapping = spec.memory_mapping.default
    mapping_path: Path = ("spec", "memoryMapping", "default")
    on_unsupported = spec.memory_mapping.on_unsupported
    for where, override in overrides:
        if override.memory_mapping.default:
            mapping = override.memory_mapping.default
            mapping_path = (*where, "memoryMapping", "default")
        on_unsupported = override.memory_mapping.on_unsupported or on_unsupported
    layers: list[_Layer] = [(("spec",), spec.kernel.parameters, spec.modules)]
    layers += ((where, item.kernel.parameters, item.modules) for where, item in overrides)
    return Defaults(
        mapping=mapping,
        mapping_origin=fleet.span_of(mapping_path),
        opt_out=_opt_out(fleet, overrides),
        on_unsupported=on_unsupported,
        parameters=_merge_parameters(layers),
        modules=_merge_modules(layers),
    )


_Layer = tuple[Path, Mapping[str, tuple[str, ...]], Mapping[str, Mapping[str, str]]]


def _opt_out(
    fleet: Located[FleetPolicy], overrides: list[tuple[tuple[str, str, int], Override]]
) -> Span | None:
    """Return the first line that asks for the opt-out."""
    key = ("memoryMapping", "globalOptOut")
    if fleet.model.spec.memory_mapping.global_opt_out:
        return fleet.span_of(("spec", *key))
    for where, override in overrides:
        if override.memory_mapping.global_opt_out:
            return fleet.span_of((*where, *key))
    return None


def _merge_parameters(layers: list[_Layer]) -> tuple[DefaultParameter, ...]:
    """Return the kernel's parameters in the order of their first mention.

    Source:
        Linux kernel/params.c, parameq(): dash and underscore are one character.
    """
    found: dict[str, tuple[DefaultParameter, ...]] = {}
    for where, parameters, _ in layers:
        for name, values in parameters.items():
            path = (*where, "kernel", "parameters", name)
            found[canonical(name)] = tuple(
                DefaultParameter(name, value, path if len(values) == 1 else (*path, number))
                for number, value in enumerate(values)
            )
    return tuple(item for items in found.values() for item in items)


def _merge_modules(layers: list[_Layer]) -> tuple[DefaultModule, ...]:
    first: dict[str, tuple[str, Path]] = {}
    found: dict[str, dict[str, DefaultParameter]] = {}
    for where, _, modules in layers:
        for written, parameters in modules.items():
            path = (*where, "modules", written)
            module = canonical_module(written)
            first.setdefault(module, (written, path))
            own = {item.name: item for item in _parameters(path, parameters)}
            found[module] = found.get(module, {}) | own
    return tuple(
        DefaultModule(*first[module], tuple(parameters.values()))
        for module, parameters in found.items()
    )


def spell_path(path: Path) -> str:
    """Return a path as it is read, such as spec.overrides[0].kernel."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _parameters(where: Path, parameters: Mapping[str, str]) -> Iterator[DefaultParameter]:
    return (DefaultParameter(name, value, (*where, name)) for name, value in parameters.items())
