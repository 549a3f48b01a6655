"""Execute short access programs in every way that memory types permit."""

from fleetpolicy.simcore.litmus.devices import DeviceModel, Registers, View
from fleetpolicy.simcore.litmus.execute import run_litmus
from fleetpolicy.simcore.litmus.models import (
    ALL_ONES,
    CoherentMemory,
    Doorbell,
    ErrorWindow,
    Framebuffer,
    IndexedData,
    ReadPopFifo,
    ReadToClearStatus,
    WriteCounter,
    doorbell,
)
from fleetpolicy.simcore.litmus.order import ARRIVAL_ORDER, Rules
from fleetpolicy.simcore.litmus.program import (
    GUEST,
    VMM,
    Attributes,
    Barrier,
    Clean,
    HandOver,
    Program,
    Read,
    Rely,
    Write,
)
from fleetpolicy.simcore.litmus.result import Counterexample, Safe, Step, Verdict

__all__ = [
    "ALL_ONES",
    "ARRIVAL_ORDER",
    "GUEST",
    "VMM",
    "Attributes",
    "Barrier",
    "Clean",
    "CoherentMemory",
    "Counterexample",
    "DeviceModel",
    "Doorbell",
    "ErrorWindow",
    "Framebuffer",
    "HandOver",
    "IndexedData",
    "Program",
    "Read",
    "ReadPopFifo",
    "ReadToClearStatus",
    "Registers",
    "Rely",
    "Rules",
    "Safe",
    "Step",
    "Verdict",
    "View",
    "Write",
    "WriteCounter",
    "doorbell",
    "run_litmus",
]
