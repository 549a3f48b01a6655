"""Collect the words of the kernel command line that policy asks for, and judge them together."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.commandline import FOLLOWS
from fleetpolicy.model.fleet import OptOut, Setting
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.defaults import DefaultParameter, spell_path
from fleetpolicy.resolve.kernel_rules import CONFLICTING_PARAMETER
from fleetpolicy.resolve.parameter_rules import SET_TWICE, TOO_MANY_VALUES
from fleetpolicy.resolve.parameters import check_parameter
from fleetpolicy.resolve.settings import check_module_parameters
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.boot.cmdline import canonical


def collect_settings(
    situation: Situation, opt_out: OptOut | None
) -> tuple[tuple[Setting, ...], tuple[Diagnostic, ...]]:
    """Return the command line's words, the opt-out's last, and what is wrong with them."""
    settings = _settings(situation)
    unknown = tuple(_check_words(situation))
    where = {item.name: item.path[:-1] for item in situation.defaults.parameters}
    if opt_out is None or not opt_out.is_on_command_line:
        return settings, unknown
    name, _, value = opt_out.detail.partition("=")
    findings = tuple(
        situation.find(
            CONFLICTING_PARAMETER,
            setting.origin,
            why=f"{setting.token} here; the opt-out at {opt_out.origin} needs {opt_out.detail}",
            fix=f"remove {setting.name} from {spell_path(where[setting.name])}",
        )
        for setting in settings
        if _is_same(setting.name, name) and setting.value != value
    )
    kept = (setting for setting in settings if not _is_same(setting.name, name))
    return (*kept, Setting(name, value, opt_out.origin)), (*unknown, *findings)


def _settings(situation: Situation) -> tuple[Setting, ...]:
    """Return the words that the defaults ask for, each with what it is about."""
    known = situation.policy.parameters
    settings: list[Setting] = []
    last: dict[str, str] = {}
    for item in _paired(situation.defaults.parameters):
        name = canonical(item.name)
        entry = known.get(name)
        settings.append(
            Setting(
                item.name,
                item.value,
                situation.policy.fleet.span_of(item.path),
                is_repeatable=entry is not None and entry.repeatable,
                led_by=last.get(FOLLOWS.get(name, ""), ""),
            )
        )
        last[name] = item.value
    return tuple(settings)


def _paired(items: tuple[DefaultParameter, ...]) -> Iterator[DefaultParameter]:
    """Yield parameters in order, but each value that is about another one behind that one."""
    by_name = _by_name(items)
    followers: dict[str, list[DefaultParameter]] = {}
    for name, leader in FOLLOWS.items():
        if leader in by_name and name in by_name:
            followers[leader] = by_name.pop(name)
    for name, values in by_name.items():
        waiting = followers.get(name, [])
        for number, item in enumerate(values):
            yield item
            yield from waiting[number : number + 1]
        yield from waiting[len(values) :]


def _by_name(items: tuple[DefaultParameter, ...]) -> dict[str, list[DefaultParameter]]:
    by_name: dict[str, list[DefaultParameter]] = {}
    for item in items:
        by_name.setdefault(canonical(item.name), []).append(item)
    return by_name


def _check_numbers(situation: Situation) -> Iterator[Diagnostic]:
    """Find parameters with several values of which one alone would count."""
    by_name = _by_name(situation.defaults.parameters)
    for name, values in by_name.items():
        entry = situation.policy.parameters.get(name)
        leader = FOLLOWS.get(name, "")
        wanted = len(by_name.get(leader, ())) if leader else 1
        if len(values) == 1 or len(values) == wanted or (entry and entry.repeatable):
            continue
        why = f"{values[0].name} has {len(values)} values"
        about = f", {leader} has {wanted}" if leader else ", and the kernel keeps the last one"
        yield situation.find(
            TOO_MANY_VALUES,
            situation.policy.fleet.span_of(values[1].path),
            why=why + about,
            fix=f"give one value for each {leader}" if leader else "write the one that is meant",
        )


def _check_words(situation: Situation) -> Iterator[Diagnostic]:
    """Find words that the kernel, or the module that they are for, would not take."""
    yield from _check_numbers(situation)
    for item in situation.defaults.parameters:
        module, _, parameter = item.name.partition(".")
        located = situation.policy.drivers.get(canonical_module(module)) if parameter else None
        if located is None:
            yield from check_parameter(situation, item)
        else:
            own = DefaultParameter(canonical(parameter), item.value, item.path)
            yield from check_module_parameters(situation, located.model.spec, [own])
            yield from _check_other_value(situation, canonical_module(module), own)


def _check_other_value(
    situation: Situation, module: str, word: DefaultParameter
) -> Iterator[Diagnostic]:
    """Find a parameter that has another value for modprobe.d than on the command line."""
    fleet = situation.policy.fleet
    for item in situation.defaults.modules:
        for parameter in item.parameters:
            is_same = canonical_module(item.written) == module and parameter.name == word.name
            if is_same and parameter.value != word.value:
                yield situation.find(
                    SET_TWICE,
                    fleet.span_of(word.path),
                    why=f"{module}.{word.name} is {word.value or 'without a value'} here and "
                    f"{parameter.value} at {fleet.span_of(parameter.path)}",
                    fix=f"remove it from {spell_path(word.path[:-1])}",
                )


def _is_same(name: str, other: str) -> bool:
    """Tell whether the kernel takes two parameters for one: dash and underscore are alike."""
    return canonical(name) == canonical(other)
