"""Find what a running host lacks of what its class asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.commandline import is_met, kernel_tokens, same_parameter
from fleetpolicy.model.fleet import HostClass, ModuleSetting, Setting
from fleetpolicy.model.record import HostState
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.simcore.boot.cmdline import Token, canonical

COMMAND_LINE = "kernel command line"
MODULE_PARAMETER = "module parameter"
DRIVER = "driver"

_TRUTHS = {**dict.fromkeys(("1", "y", "Y"), "Y"), **dict.fromkeys(("0", "n", "N"), "N")}


@dataclass(frozen=True, slots=True)
class Unmet:
    """Something that policy asks for and the running host does not show.

    Args:
        what: COMMAND_LINE, MODULE_PARAMETER or DRIVER.
        subject: Kernel parameter, module.parameter or PCI address.
        origin: The line of policy that asks for it.
    """

    what: str
    subject: str
    wanted: str
    seen: str
    origin: Span

    def __str__(self) -> str:
        return f"{self.what}: {self.subject} is {self.seen}, wanted {self.wanted}"


def unmet(host_class: HostClass, state: HostState) -> tuple[Unmet, ...]:
    """Return what is missing: command line, module parameters, drivers, each as policy lists it."""
    tokens = kernel_tokens(state.command_line)
    return (
        *(item for setting in host_class.settings for item in _command_line(setting, tokens)),
        *_parameters(host_class.module_settings, state.module_parameters),
        *_drivers(host_class, state),
    )


def _command_line(setting: Setting, tokens: tuple[Token, ...]) -> Iterator[Unmet]:
    if not is_met(setting, tokens):
        same = () if setting.is_repeatable else same_parameter(setting, tokens)
        seen = same[-1].text if same else "absent"
        yield Unmet(COMMAND_LINE, setting.name, setting.token, seen, setting.origin)


def _parameters(
    settings: tuple[ModuleSetting, ...], seen: Mapping[str, Mapping[str, str]]
) -> Iterator[Unmet]:
    """Compare with sysfs; a parameter that it does not show cannot be judged."""
    for setting in settings:
        module = canonical_module(setting.module)
        value = seen.get(module, {}).get(canonical(setting.parameter))
        if value is not None and _plain(value) != _plain(setting.value):
            subject = f"{module}.{setting.parameter}"
            yield Unmet(MODULE_PARAMETER, subject, setting.value, value, setting.origin)


def _plain(value: str) -> str:
    """Return a value as sysfs prints it: Y or N for a truth, a number in decimal.

    Source:
        Linux kernel/params.c, param_get_bool(); lib/kstrtox.c.
    """
    text = value.strip()
    if text in _TRUTHS:
        return _TRUTHS[text]
    try:
        return str(int(text, 0))
    except ValueError:
        return text


def _drivers(host_class: HostClass, state: HostState) -> Iterator[Unmet]:
    for assignment in host_class.assignments:
        address = assignment.device.address
        binding = state.bindings.get(address)
        seen = (binding.driver or "without a driver") if binding else "not on the host"
        if seen != assignment.driver.name:
            yield Unmet(DRIVER, address, assignment.driver.name, seen, assignment.driver_origin)
