"""Spell the values of the field: PCI addresses and ids, sizes, names, kernel words."""

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
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


_WORD = r"[A-Za-z0-9_.,:=+/@%*!\[\]-]"

Number = Annotated[int, BeforeValidator(_digits)]
Text = Annotated[str, BeforeValidator(_refuse_number)]
Truth = Annotated[bool, BeforeValidator(_truth)]
Line = Annotated[Text, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,500}\Z")]
Name = Annotated[Text, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?\Z")]
PciAddress = Annotated[
    Text,
    BeforeValidator(_lower),
    StringConstraints(pattern=r"^[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[01][0-9a-fA-F]\.[0-7]\Z"),
]
PciId = Annotated[
    Text,
    BeforeValidator(_lower),
    StringConstraints(pattern=r"^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}\Z"),
]
PciClass = Annotated[
    Text,
    BeforeValidator(_lower),
    StringConstraints(pattern=r"^[0-9a-fA-F]{4}([0-9a-fA-F]{2})?\Z"),
]
Serial = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,64}\Z")]
Size = Annotated[Text, StringConstraints(pattern=r"^[1-9][0-9]{0,11}(KiB|MiB|GiB|TiB)\Z")]
AbsolutePath = Annotated[Text, StringConstraints(pattern=r"^/[^\x00-\x1f\x7f]{1,1000}\Z")]
KernelParameter = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,127}\Z")]
KernelValue = Annotated[Text, StringConstraints(pattern=rf"^{_WORD}{{0,512}}\Z")]
KernelToken = Annotated[
    Text, StringConstraints(pattern=rf"^[A-Za-z][A-Za-z0-9_.-]{{0,127}}(={_WORD}{{0,512}})?\Z")
]
ModuleName = Annotated[Text, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}\Z")]
ModuleParameter = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,64}\Z")]
Glob = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9._+~*?\[\]-]{1,128}\Z")]
Label = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9._/-]{1,63}\Z")]
HostPattern = Annotated[Text, StringConstraints(pattern=r"^[A-Za-z0-9._:,&!*?~\[\]-]{1,256}\Z")]
Count = Annotated[Number, Field(ge=1, le=4096)]
Priority = Annotated[Number, Field(ge=0, le=1_000_000)]

_KIB = {"KiB": 1, "MiB": 1 << 10, "GiB": 1 << 20, "TiB": 1 << 30}


def size_kib(size: str) -> int:
    """Return a size such as 64GiB in KiB."""
    return int(size[:-3]) * _KIB[size[-3:]]


def canonical_module(name: str) -> str:
    """Return a module's name with the underscores that the kernel uses for it."""
    return name.replace("-", "_")


def is_plain_word(text: str) -> bool:
    """Return whether a text can stand in a command line, a rule or a file name as it is."""
    return re.fullmatch(r"[A-Za-z0-9_.:+-]+", text) is not None
