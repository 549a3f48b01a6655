"""Keep the short programs by which invariants about arrival are decided."""

from fleetpolicy.simcore.litmus import (
    GUEST,
    VMM,
    Barrier,
    DeviceModel,
    ErrorWindow,
    HandOver,
    IndexedData,
    Program,
    Read,
    ReadPopFifo,
    Registers,
    Rely,
    Write,
    WriteCounter,
    doorbell,
)

Scenario = tuple[Program, DeviceModel]

_VMM_STREAM = (Write("INDEX", 1, VMM), Barrier(VMM), Read("DATA", VMM))
_GUEST_STREAM = (Write("INDEX", 2), Barrier(), Read("DATA"))
_SHARED_PAIR = IndexedData(expected=((VMM, 10), (GUEST, 20)))

STREAMS_APART: Scenario = ((*_VMM_STREAM, HandOver(), *_GUEST_STREAM), _SHARED_PAIR)
STREAMS_MIXED: Scenario = ((*_VMM_STREAM, *_GUEST_STREAM), _SHARED_PAIR)
POP: Scenario = ((Read("FIFO"),), ReadPopFifo())
READ_BACK: Scenario = (
    (Write("CTRL", 1), Barrier(), Read("CTRL"), Rely("CTRL", 1, after=(2,))),
    Registers(("CTRL",), name="posted write register"),
)
NO_READ_BACK: Scenario = (
    (Write("CTRL", 1), Barrier(), Rely("CTRL", 1)),
    Registers(("CTRL",), name="posted write register"),
)
PLAIN_READ_BACK: Scenario = (
    (Write("CTRL", 1), Read("CTRL"), Rely("CTRL", 1, after=(1,))),
    Registers(("CTRL",), name="posted write register"),
)
FAILED_MEMORY_READ: Scenario = ((Read("ABSENT"),), ErrorWindow())
FAILED_CONFIGURATION_READ: Scenario = (
    (Read("ABSENT"),),
    ErrorWindow(configuration=True),
)


def ring(words: int, *, barrier: bool) -> Scenario:
    """Return a program that writes a descriptor of so many words and rings the doorbell."""
    between: Program = (Barrier(),) if barrier else ()
    writes = tuple(Write(f"DESC{word}", word + 1) for word in range(words))
    return (*writes, *between, Write("DOORBELL", 1)), doorbell(words)


def count(writes: int, *, vector: bool = False, barrier: bool = False) -> Scenario:
    """Return a program that writes a register so often, with barriers or vector stores."""
    program: list[Write | Barrier] = []
    for value in range(1, writes + 1):
        if barrier and program:
            program.append(Barrier())
        program.append(Write("COUNT", value, vector=vector))
    return tuple(program), WriteCounter(expected=writes)
