"""Model emulated hosts: the host variable fleetpolicy_machine."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fleetpolicy.model.scalars import (
    SOME,
    SOME_ITEMS,
    TO_NUMBER,
    Document,
    Size,
    Text,
    Truth,
    size_kib,
)

KernelPrefix = Annotated[Text, Field(pattern=r"^(newest|[1-9][0-9]*\.[0-9]+(\.[0-9]+)?)\Z")]
DeviceModel = Literal["e1000e", "edu", "igb", "ivshmem", "nvme"]
DeviceSerial = Annotated[Text, Field(pattern=r"^[A-Za-z0-9]{1,20}\Z")]
_LEAST_MIB = 1024
_OF_ONE_MODEL = {"serial": "nvme", "size": "ivshmem"}


class EmulatedDevice(Document):
    """A device behind a root port of its own; the first one is 0000:01:00.0.

    Args:
        functions: How many of it sit in the slot; they share an IOMMU group.
        serial: Of an nvme.
        size: Of an ivshmem's memory, a power of two.
    """

    model: DeviceModel
    functions: Annotated[int, Field(ge=1, le=8), TO_NUMBER] = 1
    serial: DeviceSerial = "LAB0001"
    size: Size = "64MiB"

    @model_validator(mode="after")
    def _fits(self) -> "EmulatedDevice":
        kib = size_kib(self.size)
        if kib & (kib - 1):
            next_kib = 1 << kib.bit_length()
            wanted = f"{next_kib >> 10}MiB" if next_kib >> 10 else f"{next_kib}KiB"
            raise ValueError(f"size {self.size} is no power of two; write size: {wanted}")
        for key, model in _OF_ONE_MODEL.items():
            if key in self.model_fields_set and self.model != model:
                raise ValueError(f"{self.model} takes no {key}, which {model} does; remove {key}")
        return self


class EmulatedHost(Document):
    """A host that is a real arm64 Debian under QEMU.

    Args:
        kernels: First parts of Debian's kernel releases, or newest; the first one boots.
        cpu: QEMU's CPU model: max, neoverse-n2 and neoverse-v1 have FWB and DIC, cortex-a710 FWB
            alone, neoverse-n1 neither.
        memory: At least 1GiB.
        libvirt: Whether libvirt and QEMU are on it, for guests.
    """

    kernels: Annotated[tuple[KernelPrefix, ...], SOME, SOME_ITEMS] = ("6.12",)
    cpu: Literal["cortex-a710", "max", "neoverse-n1", "neoverse-n2", "neoverse-v1"] = "max"
    cpus: Annotated[int, Field(ge=1, le=8), TO_NUMBER] = 2
    memory: Size = "2GiB"
    libvirt: Truth = False
    devices: Annotated[tuple[EmulatedDevice, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _can_run(self) -> "EmulatedHost":
        if size_kib(self.memory) < _LEAST_MIB << 10:
            raise ValueError(
                f"memory {self.memory} is less than {_LEAST_MIB}MiB; write memory: {_LEAST_MIB}MiB"
            )
        if len(set(self.kernels)) < len(self.kernels):
            raise ValueError("a kernel is named twice; remove one")
        return self
