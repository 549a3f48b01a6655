"""Find the kernel and module parameters that matter to passthrough and that all hosts share."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.model.commandline import kernel_tokens
from fleetpolicy.model.profiles import DriverProfileSpec
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.scaffold.wording import few

_PREFIXES = ("iommu.", "arm-smmu", "arm_smmu", "kvm-arm.", "kvm.")
_WORDS = frozenset(
    (
        "amd_iommu",
        "default_hugepagesz",
        "hugepages",
        "hugepagesz",
        "intel_iommu",
        "iommu",
        "pcie_acs_override",
    )
)
_DEFAULTS = {"bool": ("N", "0"), "string": ("", "(null)"), "int": ("65535",)}
_IDS = "ids"


@dataclass(frozen=True, slots=True)
class Knob:
    """A parameter that all hosts which show it share; the module is empty for the kernel's own."""

    module: str
    name: str
    value: str
    hosts: tuple[str, ...]


def kernel_knobs(
    records: Iterable[HostRecord], drivers: Iterable[str], notes: list[str]
) -> Iterator[Knob]:
    """Yield the words of the command lines that all hosts have alike; note the others."""
    hosts = list(records)
    modules = frozenset(drivers)
    seen: dict[str, dict[str, list[str]]] = {}
    for record in hosts:
        for token in kernel_tokens(record.state.command_line):
            if _matters(token.key) and canonical_module(token.key.split(".")[0]) not in modules:
                seen.setdefault(token.key, {}).setdefault(token.value or "", []).append(record.host)
            elif _captures_by_id(token.key):
                notes.append(
                    f"{token.text} on the command line of {record.host}: it takes every device of "
                    "an id; the policies below bind by address and id"
                )
    for name, values in sorted(seen.items()):
        value, owners = next(iter(values.items()))
        if len(values) == 1 and owners == [record.host for record in hosts]:
            yield Knob("", name, value, tuple(owners))
            continue
        for other, having in sorted(values.items()):
            word = f"{name}={other}" if other else name
            notes.append(
                f"{word} on the command line of {few(sorted(set(having)))}: not the same, and "
                "once, on every host"
            )


def _matters(key: str) -> bool:
    return key in _WORDS or key.startswith(_PREFIXES)


def _captures_by_id(key: str) -> bool:
    return canonical_module(key) == "vfio_pci.ids"


def module_knobs(
    records: Iterable[HostRecord], drivers: Mapping[str, DriverProfileSpec], notes: list[str]
) -> Iterator[Knob]:
    """Yield the module parameters that are not at their default, and note those that differ."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for record in records:
        for module, parameters in record.state.module_parameters.items():
            spec = drivers.get(canonical_module(module))
            for name, value in parameters.items():
                if spec and name in spec.parameters:
                    values = seen.setdefault((spec.module, name), {})
                    values.setdefault(value.strip(), []).append(record.host)
    for (module, name), values in sorted(seen.items()):
        spec = drivers[canonical_module(module)]
        set_ones = {value: at for value, at in values.items() if not _is_default(spec, name, value)}
        if name == _IDS:
            notes.extend(
                f"{module}.ids={value} on {few(at)}: the policies below bind by address and id"
                for value, at in sorted(set_ones.items())
            )
        elif len(values) == 1 and set_ones:
            value, owners = next(iter(set_ones.items()))
            yield Knob(module, name, value, tuple(owners))
        else:
            notes.extend(
                f"{module}.{name}={value} on {few(at)}: it is not the same on every host"
                for value, at in sorted(set_ones.items())
            )


def _is_default(spec: DriverProfileSpec, name: str, value: str) -> bool:
    """Return whether a value as sysfs shows it is what the module has when nobody sets it.

    Source:
        Linux, drivers/vfio: every boolean is false; dma_entry_limit is U16_MAX.
    """
    return value in _DEFAULTS[spec.parameters[name]]
