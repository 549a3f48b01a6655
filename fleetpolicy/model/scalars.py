"""Spell the values of the field: PCI addresses and ids, sizes, names, kernel words."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """The base of everything that arrives from outside: frozen, camelCase, no unknown keys."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        defer_build=True,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        regex_engine="python-re",
    )


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise ValueError("write true or false")
        return value == "true"
    return value


def _digits(value: Any) -> Any:
    if isinstance(value, str):
        if not re.fullmatch(r"0|[1-9][0-9]{0,11}", value):
            raise ValueError("write a whole number, without leading zeros")
        return int(value)
    return value


def _refuse_number(value: Any) -> Any:
    if isinstance(value, (int, float)):
        raise ValueError(f"was read as the number {value}; quote it")  # noqa: TRY004 pydantic wants ValueError
    return value


def _day(value: str) -> str:
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("write a day that the calendar has, such as 2027-03-01") from error
    return value


def _listed(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


def _some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if not items:
        raise ValueError("write at least one")
    return items


def _ascending(value: str) -> str:
    for part in value.split(","):
        first, _, last = part.partition("-")
        if last and int(first) > int(last):
            raise ValueError(f"write {last}-{first} instead of {part}")
    return value


SOME = AfterValidator(_some)
"""Stands in an Annotated sequence with the schema SOME_ITEMS; bad items are not counted as none."""
SOME_ITEMS = Field(json_schema_extra={"minItems": 1})
TO_NUMBER = BeforeValidator(_digits)
"""Stands last in an Annotated integer, so that its bounds stay visible to schemas."""
_LOWER = BeforeValidator(_lower)
_TEXT = BeforeValidator(_refuse_number)
_WORD = r"[A-Za-z0-9_.,:=+/@%*!\[\]-]"


def _spelt(pattern: str) -> StringConstraints:
    return StringConstraints(pattern=pattern)


Text = Annotated[str, _TEXT]
Truth = Annotated[bool, BeforeValidator(_truth)]
Line = Annotated[str, _spelt(r"^[^\x00-\x1f\x7f]{1,500}\Z"), _TEXT]
Sentence = Annotated[str, _spelt(r"^[^\x00-\x1f\x7f]{4,500}\Z"), _TEXT]
Name = Annotated[str, _spelt(r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?\Z"), _TEXT]
PciAddress = Annotated[
    str, _spelt(r"^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]\Z"), _LOWER, _TEXT
]
PciId = Annotated[str, _spelt(r"^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}\Z"), _LOWER, _TEXT]
PciClass = Annotated[str, _spelt(r"^[0-9a-fA-F]{4}([0-9a-fA-F]{2})?\Z"), _LOWER, _TEXT]
Serial = Annotated[str, _spelt(r"^[A-Za-z0-9._:-]{1,64}\Z"), _TEXT]
Size = Annotated[str, _spelt(r"^[1-9][0-9]{0,11}(KiB|MiB|GiB|TiB)\Z"), _TEXT]
AbsolutePath = Annotated[str, _spelt(r"^/[^\x00-\x1f\x7f]{1,1000}\Z"), _TEXT]
RelativePath = Annotated[str, _spelt(r"^[^/\x00-\x1f\x7f][^\x00-\x1f\x7f]{0,500}\Z"), _TEXT]
CpuSet = Annotated[
    str,
    _spelt(r"^[0-9]{1,4}(-[0-9]{1,4})?(,[0-9]{1,4}(-[0-9]{1,4})?){0,63}\Z"),
    AfterValidator(_ascending),
    _TEXT,
]
CpuModel = Annotated[str, _spelt(r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z"), _TEXT]
MachineType = Annotated[str, _spelt(r"^(virt|q35|(virt|pc-q35)-[a-z0-9.]{1,32})\Z"), _TEXT]
MacAddress = Annotated[
    str, _spelt(r"^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}\Z"), _LOWER, _TEXT
]
KernelParameter = Annotated[str, _spelt(r"^[A-Za-z][A-Za-z0-9_.-]{0,127}\Z"), _TEXT]
KernelValue = Annotated[str, _spelt(rf"^{_WORD}{{0,512}}\Z"), _TEXT]
KernelValues = Annotated[
    tuple[KernelValue, ...],
    BeforeValidator(_listed, json_schema_input_type=KernelValue | tuple[KernelValue, ...]),
    SOME,
]
KernelToken = Annotated[
    str, _spelt(rf"^[A-Za-z][A-Za-z0-9_.-]{{0,127}}(={_WORD}{{0,512}})?\Z"), _TEXT
]
ModuleName = Annotated[str, _spelt(r"^[a-z0-9][a-z0-9_-]{0,63}\Z"), _TEXT]
ModuleParameter = Annotated[str, _spelt(r"^[A-Za-z0-9_]{1,64}\Z"), _TEXT]
Glob = Annotated[str, _spelt(r"^[A-Za-z0-9._+~*?\[\]-]{1,128}\Z"), _TEXT]
KernelVersion = Annotated[str, _spelt(r"^[0-9]{1,2}\.[0-9]{1,3}\Z"), _TEXT]
Label = Annotated[str, _spelt(r"^[A-Za-z0-9._/-]{1,63}\Z"), _TEXT]
HostPattern = Annotated[str, _spelt(r"^[A-Za-z0-9._:,&!*?~\[\]-]{1,256}\Z"), _TEXT]
RuleId = Annotated[str, _spelt(r"^FP[0-9]{3}\Z"), _TEXT]
Reason = Annotated[str, _spelt(r"^[^\x00-\x1f\x7f]{8,500}\Z"), _TEXT]
Owner = Annotated[str, _spelt(r"^[A-Za-z0-9@][A-Za-z0-9 ._@/+-]{0,99}\Z"), _TEXT]
Day = Annotated[str, _spelt(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"), AfterValidator(_day), _TEXT]
Duration = Annotated[str, _spelt(r"^[1-9][0-9]{0,4}[smhd]\Z"), _TEXT]
Share = Annotated[str, _spelt(r"^([1-9][0-9]{0,4}|(100|[1-9][0-9]?)%)\Z"), _TEXT]
Clock = Annotated[str, _spelt(r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z"), _TEXT]
TimeZone = Annotated[str, _spelt(r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}\Z"), _TEXT]
Count = Annotated[int, Field(ge=1, le=4096), TO_NUMBER]
Priority = Annotated[int, Field(ge=0, le=1_000_000), TO_NUMBER]

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_KIB = {"KiB": 1, "MiB": 1 << 10, "GiB": 1 << 20, "TiB": 1 << 30}


def size_kib(size: str) -> int:
    """Return a size such as 64GiB in KiB."""
    return int(size[:-3]) * _KIB[size[-3:]]


def cpus_of(cpus: str) -> tuple[int, ...]:
    """Return the numbers in a set such as 0-3,8, in the order in which they are written."""
    found: list[int] = []
    for part in cpus.split(",") if cpus else ():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def spell_cpus(cpus: Iterable[int]) -> str:
    """Return numbers as a set such as 0-3,8, sorted."""
    parts: list[list[int]] = []
    for number in sorted(set(cpus)):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in parts)


def spell_kib(kib: int) -> str:
    """Return a size in the largest unit that divides it, such as 64GiB."""
    units = reversed(_KIB.items())
    return next(f"{kib // factor}{unit}" for unit, factor in units if kib % factor == 0)


def duration_of(text: str) -> timedelta | None:
    """Return a duration such as 36h or 30d; None for a text that is none."""
    if not re.fullmatch(r"[1-9][0-9]{0,4}[smhd]", text):
        return None
    return timedelta(seconds=int(text[:-1]) * _SECONDS[text[-1]])


def canonical_module(name: str) -> str:
    """Return a module's name with the underscores that the kernel uses for it."""
    return name.replace("-", "_")
