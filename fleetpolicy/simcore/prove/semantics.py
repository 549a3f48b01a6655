"""Gather the functions that a proof is about, so that it can be run over others."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fleetpolicy.simcore.access import Access, Outcome, Translation, access_outcome
from fleetpolicy.simcore.alias import Alias, Mismatch, mismatch
from fleetpolicy.simcore.attributes import CpuFeatures, MemoryAttributes, Reserved
from fleetpolicy.simcore.choices import guest_choices
from fleetpolicy.simcore.combine import IMPDEF_CHOICES, ImpDef, combine
from fleetpolicy.simcore.kvm import (
    Fault,
    KernelBehaviour,
    Refused,
    Stage2Choice,
    kvm_stage2,
    stage2_memattr,
)
from fleetpolicy.simcore.litmus import (
    ARRIVAL_ORDER,
    DeviceModel,
    Program,
    Rules,
    Verdict,
    run_litmus,
)
from fleetpolicy.simcore.prove.judgement import Judgement
from fleetpolicy.simcore.prove.region import RegionPoint
from fleetpolicy.simcore.stage1 import decode_mair
from fleetpolicy.simcore.stage2 import Stage2Attributes, decode_s2
from fleetpolicy.simcore.vma import Vma, withhold

if TYPE_CHECKING:
    from fleetpolicy.simcore.boot import BootTrace, HostConfig
    from fleetpolicy.simcore.topology import Bar, BarMapping, Group, PciTree

_SH_ISH = 0b11


class Combine(Protocol):
    """Combine the two stages."""

    def __call__(
        self, s1: MemoryAttributes, s2: Stage2Attributes, *, fwb: bool, impdef: ImpDef
    ) -> MemoryAttributes:
        """Return the final attributes."""


Stage2Decision = Callable[[KernelBehaviour, Vma, CpuFeatures, Fault], Stage2Choice | Refused]


# The regions of a fleet are judged without a boot and a tree, so those are loaded when first used.
def _simulate_boot(host: "HostConfig") -> "BootTrace":
    from fleetpolicy.simcore.boot import simulate_boot  # noqa: PLC0415

    return simulate_boot(host)


def _iommu_groups(tree: "PciTree") -> "tuple[Group, ...]":
    from fleetpolicy.simcore.topology import iommu_groups  # noqa: PLC0415

    return iommu_groups(tree)


def _map_bars(bars: "Iterable[Bar]", page_size: int) -> "tuple[BarMapping, ...]":
    from fleetpolicy.simcore.topology import map_bars  # noqa: PLC0415

    return map_bars(bars, page_size)


@dataclass(frozen=True, slots=True)
class Semantics:
    """Hold every function that a proof takes for true; mutants replace one of them."""

    decode_mair: Callable[[int, int, CpuFeatures], MemoryAttributes | Reserved] = decode_mair
    decode_s2: Callable[[int, int, bool, CpuFeatures], Stage2Attributes | Reserved] = decode_s2
    combine: Combine = combine
    kvm_stage2: Stage2Decision = kvm_stage2
    mismatch: Callable[[Alias, Alias, CpuFeatures], Mismatch] = mismatch
    access_outcome: Callable[[Access, Translation, CpuFeatures], Outcome] = access_outcome
    rules: Rules = ARRIVAL_ORDER
    simulate_boot: "Callable[[HostConfig], BootTrace]" = _simulate_boot
    iommu_groups: "Callable[[PciTree], tuple[Group, ...]]" = _iommu_groups
    map_bars: "Callable[[Iterable[Bar], int], tuple[BarMapping, ...]]" = _map_bars
    withhold: Callable[[Vma], Vma] = withhold


ARCHITECTED = Semantics()

_Reach = tuple[int, CpuFeatures]
"""MemAttr[3:0] as KVM writes it, and what reads it."""
_Run = tuple[Program, tuple[tuple[str, MemoryAttributes], ...], DeviceModel]


@dataclass(frozen=True, slots=True)
class Core:
    """Answer the questions of invariants from one semantics, each question once."""

    semantics: Semantics
    _translations: dict[_Reach, tuple[Translation, ...]] = field(default_factory=dict)
    _finals: dict[_Reach, tuple[Translation, ...]] = field(default_factory=dict)
    _own: dict[tuple[Stage2Choice, CpuFeatures, MemoryAttributes], tuple[Translation, ...]] = field(
        default_factory=dict
    )
    _working: dict[
        tuple[Access, Stage2Choice, CpuFeatures, MemoryAttributes | None], tuple[Translation, ...]
    ] = field(default_factory=dict)
    _judgements: dict[tuple[object, ...], Judgement | None] = field(default_factory=dict)
    _runs: dict[_Run, Verdict] = field(default_factory=dict)

    def choose(self, region: RegionPoint, fault: Fault | None = None) -> Stage2Choice | Refused:
        """Return what the region's kernel installs."""
        return self.semantics.kvm_stage2(
            region.kernel, region.vma, region.features, fault or region.fault
        )

    def translations(self, choice: Stage2Choice, features: CpuFeatures) -> tuple[Translation, ...]:
        """Return every combination with a stage 1 and an IMPLEMENTATION DEFINED choice."""
        key = (stage2_memattr(choice, features), features)
        if key not in self._translations:
            self._translations[key] = tuple(self._translate(*key))
        return self._translations[key]

    def finals(self, choice: Stage2Choice, features: CpuFeatures) -> tuple[Translation, ...]:
        """Return one combination for each final result: that with the simplest stage 1."""
        key = (stage2_memattr(choice, features), features)
        if key not in self._finals:
            first: dict[MemoryAttributes, Translation] = {}
            for translation in self.translations(choice, features):
                first.setdefault(translation.final, translation)
            self._finals[key] = tuple(first.values())
        return self._finals[key]

    def finals_of(self, region: RegionPoint) -> tuple[Translation, ...]:
        """Return what any stage 1 can make of a region; nothing where KVM refuses."""
        choice = self.choose(region)
        return () if isinstance(choice, Refused) else self.finals(choice, region.features)

    def reach(self, region: RegionPoint) -> tuple[Translation, ...]:
        """Return what the region's workload makes of it, with its own stage 1 if it has one."""
        own = region.workload.stage_1
        if own is None:
            return self.finals_of(region)
        choice = self.choose(region)
        if isinstance(choice, Refused):
            return ()
        key = (choice, region.features, own)
        if key not in self._own:
            found = self.translations(choice, region.features)
            self._own[key] = tuple(t for t in found if t.s1 == own)
        return self._own[key]

    def working(self, access: Access, region: RegionPoint) -> tuple[Translation, ...]:
        """Return those of `reach` through which an access always completes."""
        choice = self.choose(region)
        if isinstance(choice, Refused):
            return ()
        key = (access, choice, region.features, region.workload.stage_1)
        if key not in self._working:
            outcome = self.semantics.access_outcome
            self._working[key] = tuple(
                t
                for t in self.reach(region)
                if outcome(access, t, region.features).always_completes
            )
        return self._working[key]

    def _translate(self, memattr: int, features: CpuFeatures) -> Iterator[Translation]:
        s2 = self.semantics.decode_s2(memattr, _SH_ISH, features.fwb, features)
        if isinstance(s2, Reserved):
            return
        for s1 in guest_choices(features):
            seen: set[MemoryAttributes] = set()
            for impdef in IMPDEF_CHOICES:
                final = self.semantics.combine(s1, s2, fwb=features.fwb, impdef=impdef)
                if final not in seen:
                    seen.add(final)
                    yield Translation(s1, s2, final)

    def once(
        self, key: tuple[object, ...], judge: Callable[[], Judgement | None]
    ) -> Judgement | None:
        """Return a judgement that depends on the key alone, made once."""
        if key not in self._judgements:
            self._judgements[key] = judge()
        return self._judgements[key]

    def run(
        self, program: Program, attributes: dict[str, MemoryAttributes], device: DeviceModel
    ) -> Verdict:
        """Return the verdict on a program, computed once."""
        key = (program, tuple(sorted(attributes.items(), key=lambda item: item[0])), device)
        if key not in self._runs:
            self._runs[key] = run_litmus(program, attributes, device, rules=self.semantics.rules)
        return self._runs[key]
