"""Judge the host variables that concern us: labels, model, root and machine."""

from collections.abc import Callable, Mapping
from os.path import normpath
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fleetpolicy.diagnostics import Rule, Span
from fleetpolicy.load.host_rules import (
    BAD_LABELS,
    BAD_MACHINE,
    BAD_MODEL,
    BAD_ROOT,
    UNQUOTED_VALUE,
)
from fleetpolicy.load.misfits import KeyPath, explain_misfits, spell_path
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.scalars import Label
from fleetpolicy.model.simulated import SimulatedHost
from fleetpolicy.runner.inventory import Place, ReadValue

_LABELS: TypeAdapter[dict[str, str]] = TypeAdapter(
    dict[Label, Label], config=ConfigDict(defer_build=True, regex_engine="python-re")
)


class Problem(Struct, frozen=True):
    """What is wrong with a value; hosts that share the value share the problem."""

    rule: Rule
    span: Span
    why: str
    fix: str


Problems = tuple[Problem, ...]


class HostVariables:
    """The distinct values of an inventory, each judged once.

    Args:
        values: As Ansible read them.
        show: Tells how the user would name a place.
    """

    def __init__(self, values: tuple[ReadValue, ...], show: Callable[[Place | None], Span]) -> None:
        self._values = values
        self._show = show
        self._labels: dict[int, tuple[Mapping[str, str], Problems]] = {-1: ({}, ())}
        self._models: dict[int, tuple[SimulatedHost | None, Problems]] = {-1: (None, ())}
        self._machines: dict[int, tuple[EmulatedHost | None, Problems]] = {-1: (None, ())}

    def is_given(self, index: int) -> bool:
        """Return whether a host has the variable, null not counting."""
        return index >= 0 and self._values[index].value is not None

    def labels(self, index: int) -> tuple[Mapping[str, str], Problems]:
        """Return labels; equal ones are one object."""
        if index not in self._labels:
            value = self._values[index]
            found, problems = self._judge(value, "fleetpolicy_labels", BAD_LABELS)
            self._labels[index] = (found or {}, problems)
        return self._labels[index]

    def model(self, index: int) -> tuple[SimulatedHost | None, Problems]:
        """Return the model of a simulated host; equal ones are one object."""
        if index not in self._models:
            value = self._values[index]
            found, problems = self._judge(value, "fleetpolicy_model", BAD_MODEL, SimulatedHost)
            self._models[index] = (found, problems)
        return self._models[index]

    def machine(self, index: int) -> tuple[EmulatedHost | None, Problems]:
        """Return the machine of an emulated host; equal ones are one object."""
        if index not in self._machines:
            value = self._values[index]
            found, problems = self._judge(value, "fleetpolicy_machine", BAD_MACHINE, EmulatedHost)
            self._machines[index] = (found, problems)
        return self._machines[index]

    def root(self, index: int, folder: Path) -> tuple[str, Problems]:
        """Return the folder of a simulated host, absolute; "" if none is given or it is bad."""
        if not self.is_given(index):
            return "", ()
        value = self._values[index]
        why = _misfit_of_root(value.value, folder)
        if not why:
            return normpath(folder / value.value), ()
        fix = "write a folder, absolute or relative to the inventory"
        why = f"fleetpolicy_root is {value.value!r}: {why}"
        return "", (Problem(BAD_ROOT, self._show(value.place), why, fix),)

    def _judge(
        self, value: ReadValue, name: str, rule: Rule, model: type[BaseModel] | None = None
    ) -> tuple[Any, Problems]:
        if value.value is None:
            return None, ()
        odd = self._oddities(value, name)
        try:
            found = (model.model_validate if model else _LABELS.validate_python)(value.value)
        except ValidationError as error:
            problems = self._problems(error, value, name, rule, model)
            # What an odd value was meant to be is not known: it proves nothing else wrong.
            kept = (item for item in problems if not odd or item.rule is UNQUOTED_VALUE)
            return None, (*odd, *kept)
        return (None, odd) if odd else (found, ())

    def _oddities(self, value: ReadValue, name: str) -> Problems:
        return tuple(
            Problem(
                UNQUOTED_VALUE,
                self._show(place or value.place),
                f"{name}: {spell_path(path)}: {what}" if path else f"{name}: {what}",
                "put it in quotes",
            )
            for path, place, what in value.odd
        )

    def _problems(
        self,
        error: ValidationError,
        value: ReadValue,
        name: str,
        rule: Rule,
        model: type[BaseModel] | None,
    ) -> Problems:
        places: dict[KeyPath, Place | None] = dict(value.numbers)
        return tuple(
            Problem(
                UNQUOTED_VALUE if misfit.is_unquoted else rule,
                self._show(places.get(misfit.path) or value.place),
                f"{name}: {misfit.why}",
                misfit.fix,
            )
            for misfit in explain_misfits(error, model)
        )


def _misfit_of_root(value: Any, folder: Path) -> str:
    if not isinstance(value, str):
        return "it is no text"
    if not value or not value.isprintable():
        return "it is no path"
    if value.startswith("~"):
        return "~ is not expanded"
    return "" if normpath(folder / value).strip("/") else "that is this machine"
