"""Model what is known of parameters of the kernel command line: the kind ParameterProfile."""

from typing import Literal

from pydantic import Field, model_validator

from fleetpolicy.model.policy import Metadata
from fleetpolicy.model.profiles import Source
from fleetpolicy.model.scalars import (
    Document,
    KernelParameter,
    KernelVersion,
    Line,
    Sentence,
    Truth,
)

Architecture = Literal["aarch64", "x86_64"]
ValueType = Literal["flag", "bool", "int", "size", "cpus", "counts", "choice", "choices", "string"]
_LISTS_VALUES = ("choice", "choices")


class ParameterEntry(Document):
    """A parameter: who reads it, what it takes and which kernels know it."""

    type: ValueType = Field(
        description="flag: no value. bool: as kstrtobool() reads it. size: a number with K, M, G, "
        "T, P or E. cpus: a list of CPUs, with `values` as flags before it. counts: a number, or "
        "node:number with commas. choices: `values` with commas, each with =VALUE if need be."
    )
    values: tuple[Line, ...] = ()
    bare: Truth = Field(default=False, description="Means something without a value, too.")
    repeatable: Truth = Field(default=False, description="Every occurrence counts, not the last.")
    arch: tuple[Architecture, ...] = Field(default=(), description="Empty: every architecture.")
    instead: Line | None = Field(
        default=None, description="What to write on other architectures, such as iommu.strict=1."
    )
    since: KernelVersion | None = Field(default=None, description="No kernel before it has it.")
    until: KernelVersion | None = Field(default=None, description="No kernel after it has it.")
    upstream: Truth = Field(default=True, description="False: only patched kernels have it.")
    meaning: Sentence

    @model_validator(mode="after")
    def _lists_what_it_takes(self) -> "ParameterEntry":
        if self.type in _LISTS_VALUES and not self.values:
            raise ValueError(f"type {self.type} needs values")
        return self


class ParameterProfileSpec(Document):
    """Parameters that share a source."""

    parameters: dict[KernelParameter, ParameterEntry]
    source: Source


class ParameterProfile(Document):
    """Parameters of the kernel command line: of Linux, its modules, or programs that read it."""

    api_version: Literal["fleetpolicy/v1alpha1"]
    kind: Literal["ParameterProfile"]
    metadata: Metadata
    spec: ParameterProfileSpec
