"""Map one page by VMM and guests step by step and hold mismatches against a set of stale levels."""

from itertools import combinations, product

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fleetpolicy.simcore import alias
from fleetpolicy.simcore.alias import Alias, Mismatch, Repair, Restricted, mismatches
from fleetpolicy.simcore.attributes import (
    Cacheability,
    CpuFeatures,
    Device,
    MemoryAttributes,
    Normal,
)
from fleetpolicy.simcore.choices import guest_choices
from fleetpolicy.simcore.combine import combine
from fleetpolicy.simcore.kvm import (
    ERA_C,
    ERAS,
    KernelBehaviour,
    Refused,
    kvm_stage2,
    stage2_attributes,
)
from fleetpolicy.simcore.vma import MemoryKind, Pgprot, Vma, VmFlag, pgprot_attributes

BRISK = settings(
    max_examples=60,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
UNSHRUNK = settings(BRISK, phases=[Phase.generate])
FEATURES = [CpuFeatures(fwb=f, dic=d, xs=x) for f, d, x in product([False, True], repeat=3)]
GUESTS = st.sampled_from(["guest 1", "guest 2"])


class AliasMachine(RuleBasedStateMachine):
    """Map, write, read, reset and unplug one page of a device."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel: KernelBehaviour = ERA_C
        self.features = FEATURES[0]
        self.vma = Vma(Pgprot.NONCACHED, frozenset({VmFlag.PFNMAP}), MemoryKind.PCIE_MMIO)
        self.aliases: dict[str, Alias] = {}
        self.dirty: dict[str, frozenset[str]] = {}

    @initialize(
        kernel=st.sampled_from(ERAS),
        features=st.sampled_from(FEATURES),
        pgprot=st.sampled_from(Pgprot),
        consents=st.booleans(),
    )
    def start(
        self, kernel: KernelBehaviour, features: CpuFeatures, pgprot: Pgprot, *, consents: bool
    ) -> None:
        self.kernel, self.features = kernel, features
        consent = {VmFlag.ALLOW_ANY_UNCACHED} if consents else set()
        flags = frozenset({VmFlag.PFNMAP, VmFlag.SHARED, *consent})
        self.vma = Vma(pgprot, flags, MemoryKind.PCIE_MMIO)
        self.aliases = {"VMM": Alias("VMM", pgprot_attributes(pgprot))}

    @rule(guest=GUESTS, choice=st.integers(0, 9999), read=st.booleans(), write=st.booleans())
    def map_in_guest(self, guest: str, choice: int, *, read: bool, write: bool) -> None:
        installed = kvm_stage2(self.kernel, self.vma, self.features)
        if isinstance(installed, Refused):
            return
        choices = guest_choices(self.features)
        final = combine(
            choices[choice % len(choices)],
            stage2_attributes(installed, self.features),
            fwb=self.features.fwb,
        )
        self.aliases[guest] = Alias(guest, final, read, write)
        self.dirty.pop(guest, None)

    @rule(guest=GUESTS)
    def unmap(self, guest: str) -> None:
        self.aliases.pop(guest, None)
        self.dirty.pop(guest, None)

    @rule()
    def hot_unplug(self) -> None:
        self.aliases = {name: a for name, a in self.aliases.items() if name == "VMM"}
        self.dirty.clear()
        assert not list(mismatches(self.aliases.values(), self.features))

    @rule()
    def reset(self) -> None:
        self.dirty.clear()

    @rule(agent=st.sampled_from(["VMM", "guest 1", "guest 2"]))
    def write(self, agent: str) -> None:
        writer = self.aliases.get(agent)
        if writer is not None and writer.may_write:
            self.dirty[agent] = levels(writer.attributes, frozenset({Cacheability.WB}))

    @precondition(lambda self: self.dirty)
    @rule(agent=GUESTS)
    def read(self, agent: str) -> None:
        reader = self.aliases.get(agent)
        if reader is None or not reader.may_read:
            return
        for name, stale in self.dirty.items():
            if name != agent and stale - looked_into(reader):
                assert agent in self.compare(self.aliases[name], reader).stale_readers

    def compare(self, a: Alias, b: Alias) -> Mismatch:
        return alias.mismatch(a, b, self.features)

    @invariant()
    def pairs_agree_with_the_reference(self) -> None:
        for a, b in combinations(self.aliases.values(), 2):
            found, mirrored = self.compare(a, b), self.compare(b, a)
            cacheable = any(looked_into(each) for each in (a, b))
            restricted = found.restricted is Restricted.DEVICE_OR_NON_CACHEABLE

            assert mirrored.agents == found.agents[::-1]
            assert (set(found.reasons), found.losses, found.restricted, found.repair) == (
                set(mirrored.reasons),
                mirrored.losses,
                mirrored.restricted,
                mirrored.repair,
            )
            assert set(found.stale_readers) == set(mirrored.stale_readers) == exposed(a, b)
            assert restricted == (found.is_mismatched and not cacheable)
            assert not found.lost or all(lost for _, lost in found.lost)
            if early_acknowledgement_alone(a.attributes, b.attributes):
                assert found.lost == ()

    @invariant()
    def current_kernels_keep_vmm_and_guest_apart_from_exposure(self) -> None:
        if self.kernel is not ERA_C or "VMM" not in self.aliases:
            return
        vmm = self.aliases["VMM"]
        for guest in (a for name, a in self.aliases.items() if name != "VMM"):
            found = self.compare(vmm, guest)
            assert not found.exposes_data
            if found.is_mismatched and not looked_into(vmm):
                assert found.repair is Repair.BARRIER


def levels(attrs: MemoryAttributes, kinds: frozenset[Cacheability]) -> frozenset[str]:
    """Return the cache levels at which memory is of one of the kinds."""
    if not isinstance(attrs, Normal):
        return frozenset()
    named = (("inner", attrs.inner), ("outer", attrs.outer))
    return frozenset(name for name, kind in named if kind in kinds)


def looked_into(reader: Alias) -> frozenset[str]:
    return levels(reader.attributes, frozenset({Cacheability.WB, Cacheability.WT}))


def stale_levels(writer: Alias) -> frozenset[str]:
    return levels(writer.attributes, frozenset({Cacheability.WB}))


def exposed(a: Alias, b: Alias) -> set[str]:
    return {
        reader.agent
        for reader, writer in ((a, b), (b, a))
        if reader.may_read and writer.may_write and stale_levels(writer) - looked_into(reader)
    }


def early_acknowledgement_alone(a: MemoryAttributes, b: MemoryAttributes) -> bool:
    return (
        isinstance(a, Device)
        and isinstance(b, Device)
        and (a.gathering, a.reordering) == (b.gathering, b.reordering)
    )


AliasMachine.TestCase.settings = BRISK
TestAlias = AliasMachine.TestCase


def test_machine_finds_stale_readers_that_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alias, "reads_stale_data", lambda _reader, _writer: False)

    with pytest.raises(AssertionError):
        run_state_machine_as_test(AliasMachine, settings=UNSHRUNK)
