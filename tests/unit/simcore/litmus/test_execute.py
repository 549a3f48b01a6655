"""Reproduce the known facts about arrival at a peripheral, exhaustively."""

import pytest

from fleetpolicy.simcore import (
    NORMAL_NC,
    NORMAL_WB,
    Cacheability,
    Device,
    DeviceType,
    MemoryAttributes,
    Normal,
)
from fleetpolicy.simcore.litmus import (
    GUEST,
    VMM,
    Barrier,
    Clean,
    CoherentMemory,
    Counterexample,
    DeviceModel,
    ErrorWindow,
    Framebuffer,
    HandOver,
    IndexedData,
    Program,
    Read,
    ReadPopFifo,
    ReadToClearStatus,
    Registers,
    Rely,
    Safe,
    Write,
    WriteCounter,
    doorbell,
    run_litmus,
)

NGNRNE, NGNRE, NGRE, GRE = (Device(kind) for kind in DeviceType)
NORMAL_WT = Normal(Cacheability.WT, Cacheability.WT)
UNCACHED: dict[str, MemoryAttributes] = {
    "nGnRnE": NGNRNE,
    "nGnRE": NGNRE,
    "nGRE": NGRE,
    "GRE": GRE,
    "NC": NORMAL_NC,
}
EVERY: dict[str, MemoryAttributes] = {**UNCACHED, "WT": NORMAL_WT, "WB": NORMAL_WB}


def harmed(program: Program, device: DeviceModel) -> set[str]:
    """Return the names of the types through which the program comes to harm."""
    return {
        name
        for name, attrs in EVERY.items()
        if isinstance(run_litmus(program, attrs, device), Counterexample)
    }


def post(words: int, *, barrier: bool) -> Program:
    """Write a descriptor and ring the doorbell."""
    between: Program = (Barrier(),) if barrier else ()
    writes = tuple(Write(f"DESC{word}", word + 1) for word in range(words))
    return (*writes, *between, Write("DOORBELL", 1))


def test_fifo_item_is_lost_only_on_normal_memory() -> None:
    assert harmed((Read("FIFO"),), ReadPopFifo()) == {"NC", "WT", "WB"}


def test_fifo_counterexample_on_normal_nc_reads_as_a_story() -> None:
    found = run_litmus((Read("FIFO"),), NORMAL_NC, ReadPopFifo())

    assert str(found) == (
        "1. guest speculatively reads FIFO through Normal-NC; "
        "the read-pop FIFO gives 0x1, which the CPU drops\n"
        "2. guest reads FIFO through Normal-NC; the read-pop FIFO gives 0x2\n"
        "=> item 1 is lost: the program got item 2 in its place"
    )


def test_fifo_reads_are_merged_only_where_gathering_is_permitted() -> None:
    twice = (Read("FIFO"), Read("FIFO"))

    assert harmed(twice, ReadPopFifo()) == {"GRE", "NC", "WT", "WB"}
    assert isinstance(run_litmus((twice[0], Barrier(), twice[1]), GRE, ReadPopFifo()), Safe)


def test_fifo_is_emptied_by_a_mapping_that_is_never_used() -> None:
    mapped: dict[str, MemoryAttributes] = {GUEST: NGNRNE, "host": NORMAL_NC}

    found = run_litmus((Read("FIFO"),), mapped, ReadPopFifo())

    assert isinstance(found, Counterexample)
    assert [step.agent for step in found.trace] == ["host", "guest"]


def test_read_to_clear_event_is_lost_only_on_normal_memory() -> None:
    assert harmed((Read("STATUS"),), ReadToClearStatus()) == {"NC", "WT", "WB"}
    assert harmed((Read("STATUS"), Read("STATUS")), ReadToClearStatus()) == {
        "GRE",
        "NC",
        "WT",
        "WB",
    }


def test_doorbell_without_barrier_overtakes_where_reordering_is_permitted() -> None:
    assert harmed(post(2, barrier=False), doorbell(2)) == {"nGRE", "GRE", "NC", "WT", "WB"}


def test_doorbell_behind_barrier_never_overtakes_on_device_and_normal_nc() -> None:
    assert harmed(post(2, barrier=True), doorbell(2)) == {"WT", "WB"}


def test_doorbell_counterexample_reads_as_a_story() -> None:
    found = run_litmus(post(2, barrier=False), NORMAL_NC, doorbell(2))

    assert str(found) == (
        "1. guest writes DOORBELL = 0x1 through Normal-NC; the doorbell with descriptor sees it\n"
        "=> the doorbell overtook the descriptor: DESC0 had not arrived"
    )


def test_doorbell_that_depends_on_a_read_is_ordered_where_gathering_is_prohibited() -> None:
    program = (Read("DESC0"), Write("DOORBELL", 1, after=(0,)), Rely("DESC0", 0, after=(0,)))
    order = {name: run_litmus(program, attrs, WriteFirst()) for name, attrs in UNCACHED.items()}

    harm = {name for name, found in order.items() if isinstance(found, Counterexample)}
    assert harm == {"GRE", "NC"}


class WriteFirst(Registers):
    """Notice a write that arrives before the read it depends on."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(("DESC0", "DOORBELL"))

    def read(
        self, state: tuple[int, ...], location: str
    ) -> tuple[tuple[tuple[int, ...], int], ...]:
        return ((state, state[1] if location == "DESC0" else 0),)

    def harm(self, view: object) -> str:
        reads = getattr(view, "reads", ())
        return "the write came first" if any(value for _, _, value in reads) else ""


def test_writes_are_merged_where_gathering_is_permitted_and_no_barrier_stands() -> None:
    device = WriteCounter(expected=2)
    first, second = Write("COUNT", 1), Write("COUNT", 2)

    assert harmed((first, second), device) == {"GRE", "NC", "WT", "WB"}
    assert harmed((first, Barrier(), second), device) == {"WT", "WB"}


def test_vector_writes_are_merged_on_every_device_type() -> None:
    program = (Write("COUNT", 1, vector=True), Write("COUNT", 2, vector=True))

    assert {"nGnRnE", "nGnRE", "nGRE"} <= harmed(program, WriteCounter(expected=2))


def test_framebuffer_needs_no_order_but_no_write_back_cache() -> None:
    program = (Write("PIXEL0", 9), Write("PIXEL0", 1), Write("PIXEL1", 2))

    assert harmed(program, Framebuffer()) == {"WB"}


def test_posted_write_has_arrived_only_after_a_read_back() -> None:
    register = Registers(("CTRL",))
    write, rely = Write("CTRL", 1), Rely("CTRL", 1)
    bare: Program = (write, Barrier(), rely)
    back: Program = (write, Read("CTRL"), Rely("CTRL", 1, after=(1,)))
    ordered: Program = (write, Barrier(), Read("CTRL"), Rely("CTRL", 1, after=(2,)))

    assert harmed(bare, register) == set(EVERY)
    assert harmed(back, register) == {"GRE", "NC", "WT", "WB"}
    assert harmed(ordered, register) == {"WT", "WB"}


def test_dsb_waits_for_the_endpoint_only_with_ngnrne_on_a_bus_that_does_not_post() -> None:
    program: Program = (Write("CTRL", 1), Barrier(), Rely("CTRL", 1))

    assert harmed(program, Registers(("CTRL",), posted=False)) == set(EVERY) - {"nGnRnE"}


def test_all_ones_are_promised_in_configuration_space_only() -> None:
    program = (Read("ABSENT"),)

    assert harmed(program, ErrorWindow()) == set(EVERY)
    assert harmed(program, ErrorWindow(configuration=True)) == set()


def test_in_band_error_reaches_the_cpu_through_every_type() -> None:
    device = ErrorWindow(configuration=True, in_band=True)

    assert harmed((Read("ABSENT"),), device) == set(EVERY)


def test_guest_reads_the_previous_tenants_data_through_an_uncached_alias() -> None:
    program = (Write("WORD0", 0, VMM), HandOver(), Read("WORD0"))

    found = run_litmus(program, {VMM: NORMAL_WB, GUEST: NORMAL_NC}, CoherentMemory())

    assert str(found) == (
        "1. VMM writes WORD0 = 0x0 through Normal-WB; the cache keeps it\n"
        "2. guest reads WORD0 through Normal-NC; the coherent memory gives 0x5ec2e7\n"
        "=> the guest read the previous tenant's data from WORD0"
    )


@pytest.mark.parametrize(
    ("cleans", "guest", "safe"),
    [(True, NORMAL_NC, True), (False, NORMAL_WB, True), (False, NGNRE, False)],
)
def test_cleaned_memory_is_safe_after_a_clean_or_through_a_cacheable_alias(
    *, cleans: bool, guest: MemoryAttributes, safe: bool
) -> None:
    clean: Program = (Clean("WORD0", VMM),) if cleans else ()
    program = (Write("WORD0", 0, VMM), *clean, HandOver(), Read("WORD0"))

    found = run_litmus(program, {VMM: NORMAL_WB, GUEST: guest}, CoherentMemory())

    assert isinstance(found, Safe) is safe


def test_write_back_reverts_an_uncached_write_in_its_line() -> None:
    program = (Write("WORD0", 0, VMM), Write("WORD1", 7))
    mapped = {VMM: NORMAL_WB, GUEST: NORMAL_NC}

    found = run_litmus(program, mapped, CoherentMemory(expected=(0, 7)))

    assert isinstance(found, Counterexample)
    assert found.harm == "WORD1 holds 0x5ec2e7: the write of 0x7 was undone"


@pytest.mark.parametrize("guest", list(UNCACHED.values()), ids=list(UNCACHED))
def test_two_streams_to_one_register_pair_need_a_hand_over(guest: MemoryAttributes) -> None:
    vmm = (Write("INDEX", 1, VMM), Barrier(VMM), Read("DATA", VMM))
    own = (Write("INDEX", 2), Barrier(), Read("DATA"))
    device = IndexedData(expected=((VMM, 10), (GUEST, 20)))
    mapped = {VMM: NGNRNE, GUEST: guest}

    apart = run_litmus((*vmm, HandOver(), *own), mapped, device)
    mixed = run_litmus((*vmm, *own), mapped, device)

    assert isinstance(apart, Safe)
    assert isinstance(mixed, Counterexample)


def test_mapping_of_another_type_orders_nothing_without_a_barrier() -> None:
    strong: Program = (Write("DESC0", 1), Write("DOORBELL", 1, via="bell"))
    fenced: Program = (Write("DESC0", 1), Barrier(), Write("DOORBELL", 1, via="bell"))
    mapped: dict[str, MemoryAttributes] = {GUEST: NORMAL_NC, "bell": NGNRNE}

    assert isinstance(run_litmus(strong, mapped, doorbell(1)), Counterexample)
    assert isinstance(run_litmus(fenced, mapped, doorbell(1)), Safe)


@pytest.mark.parametrize(("words", "states"), [(4, 544), (6, 8_320)])
def test_states_of_a_fenced_doorbell_are_subsets_of_words_times_subsets_of_guesses(
    words: int, states: int
) -> None:
    found = run_litmus(post(words, barrier=True), NORMAL_NC, doorbell(words), reduced=False)

    assert isinstance(found, Safe)
    assert found.states == states == (2**words + 1) * 2 ** (words + 1)


@pytest.mark.parametrize("words", [1, 4, 8])
def test_states_of_a_strongly_ordered_doorbell_are_a_chain(words: int) -> None:
    found = run_litmus(post(words, barrier=False), NGNRE, doorbell(words), reduced=False)

    assert found == Safe(states=words + 2, executions=1)


@pytest.mark.parametrize(("words", "states"), [(6, 15), (10, 23)])
def test_states_until_a_doorbell_overtakes_are_those_of_the_first_steps(
    words: int, states: int
) -> None:
    found = run_litmus(post(words, barrier=False), NORMAL_NC, doorbell(words), reduced=False)

    assert isinstance(found, Counterexample)
    assert (found.states, len(found.trace)) == (states, 1)


def test_vector_and_plain_writes_to_one_location_stay_in_order() -> None:
    program = (Write("PIXEL0", 9, vector=True), Write("PIXEL0", 1))

    found = run_litmus(program, NGNRE, Framebuffer(("PIXEL0",), expected=(1,)))

    assert isinstance(found, Safe)


@pytest.mark.parametrize("attrs", list(EVERY.values()), ids=list(EVERY))
@pytest.mark.parametrize("barrier", [False, True])
def test_leaving_out_harmless_guesses_changes_no_verdict(
    attrs: MemoryAttributes, *, barrier: bool
) -> None:
    program = post(3, barrier=barrier)

    full = run_litmus(program, attrs, doorbell(3), reduced=False)
    reduced = run_litmus(program, attrs, doorbell(3))

    assert isinstance(full, Safe) is isinstance(reduced, Safe)


def test_access_through_an_unknown_mapping_raises_key_error() -> None:
    with pytest.raises(KeyError, match="guest"):
        run_litmus((Read("FIFO"),), {VMM: NGNRNE}, ReadPopFifo())
