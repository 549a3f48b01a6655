"""Model what a measurement of stage 2 brings back, and what it comes to beside the simulation."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from fleetpolicy.model.scalars import Document, PciAddress

Hex = Annotated[str, Field(pattern=r"^0x[0-9a-f]+\Z")]
CaseName = Literal["load", "fetch", "mapped-after-slot", "dirty-logging", "mte-guest"]


class Stage2Entry(Document):
    """A valid page or block entry of a stage-2 table."""

    descriptor: Hex
    executable: bool
    level: Annotated[int, Field(ge=-1, le=3)]
    memattr: Annotated[int, Field(ge=0, le=15, description="MemAttr[3:0].")]
    output: Hex = Field(description="The physical address that it leads to.")
    size_kib: Annotated[int, Field(ge=1)]
    writable: bool


class NoEntry(Document):
    """No entry was found, and why."""

    missing: str


class MeasuredCase(Document):
    """What became of a region under some circumstances."""

    case: CaseName
    memslot: str | None = Field(description="ok, or the error that KVM refused the slot with.")
    run: str | None = Field(description="ok, abort, or the error that KVM_RUN ended with.")
    value: Hex = Field(default="0x0", description="What the guest loaded, or ESR_EL1 of its abort.")
    entry: Stage2Entry | NoEntry | None = None
    ram: Stage2Entry | NoEntry | None = None
    refused: str | None = Field(default=None, description="Why this was not measured.")


class MeasuredRegion(Document):
    """A memory region of a device."""

    index: Annotated[int, Field(ge=0, le=5)]
    size: Annotated[int, Field(ge=1)]
    mapped: Annotated[int, Field(ge=0, description="Bytes that the driver lets the VMM map.")]
    physical: Hex
    vm_flags: tuple[str, ...] = Field(description="Of the VMM's mapping, as in smaps.")
    cases: tuple[MeasuredCase, ...]
    refused: str | None = None


class MeasuredDevice(Document):
    """A PCI function, or why it was left alone."""

    address: PciAddress
    driver: str | None
    refused: str | None
    regions: tuple[MeasuredRegion, ...]


class Measurement(Document):
    """What KVM of a running kernel did with the regions of devices."""

    release: str
    page_size_kib: Annotated[int, Field(ge=1)]
    devices: tuple[MeasuredDevice, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that was measured, and what the simulation says of it.

    Args:
        region: Such as bar0, or RAM for the guest's own memory.
        case: The circumstances, or consent for the flag of the VMM's mapping.
        detail: Where the measurement stands in its entry, or why there is none.
    """

    device: str
    driver: str
    region: str
    case: str
    measured: str
    predicted: str
    detail: str

    @property
    def agrees(self) -> bool:
        """Whether they are the same."""
        return self.measured == self.predicted
