"""Break the core on purpose, to show that a proof can fail."""

from dataclasses import dataclass, replace

from fleetpolicy.simcore.litmus import ARRIVAL_ORDER
from fleetpolicy.simcore.litmus.order import (
    keeps_ordered_before,
    waits_for_endpoint,
)
from fleetpolicy.simcore.prove.mutations import (
    always,
    atomic_anywhere,
    consent_assumed,
    consent_dropped,
    early_ack_lost,
    era_forgotten,
    executable,
    force_spares_device,
    gic_relaxed,
    groups_of_one,
    l1,
    l4,
    more_cacheable,
    narrower,
    never,
    never_mild,
    override_ignored,
    pages_shared,
    q1,
    q2,
    q3,
    unaligned_device,
    weakened,
    without_dic,
)
from fleetpolicy.simcore.prove.semantics import ARCHITECTED, Semantics


@dataclass(frozen=True, slots=True)
class Mutant:
    """Name a broken core.

    Args:
        id: Short name; those with one letter and a digit are deviations of known software.
        what: What is broken, in one sentence.
        semantics: The core with one function replaced.
    """

    id: str
    what: str
    semantics: Semantics


_RULES = ARRIVAL_ORDER

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "Q1",
        "QEMU: with a Device and a Normal stage the Normal attribute lends its low nibble.",
        replace(ARCHITECTED, combine=q1),
    ),
    Mutant(
        "Q2", "QEMU: with FWB stage-2 Device replaces stage 1.", replace(ARCHITECTED, combine=q2)
    ),
    Mutant(
        "Q3",
        "QEMU: write-back transient under stage-2 write-through loses its transient hint.",
        replace(ARCHITECTED, combine=q3),
    ),
    Mutant(
        "L1",
        "Linux: write-back transient under stage-2 write-through stays write-back.",
        replace(ARCHITECTED, combine=l1),
    ),
    Mutant(
        "L4",
        "Linux: the encodings of FEAT_XS and FEAT_MTE2 are read nibble by nibble.",
        replace(ARCHITECTED, decode_mair=l4),
    ),
    Mutant(
        "narrower-shareability",
        "Combine forgets Outer Shareable.",
        replace(ARCHITECTED, combine=narrower),
    ),
    Mutant(
        "force-wb-spares-device",
        "Force write-back leaves a Device request alone.",
        replace(ARCHITECTED, combine=force_spares_device),
    ),
    Mutant(
        "more-cacheable-wins",
        "Combine takes the more cacheable of two inner levels.",
        replace(ARCHITECTED, combine=more_cacheable),
    ),
    Mutant("dic-ignored", "KVM asks for FWB alone.", replace(ARCHITECTED, kvm_stage2=without_dic)),
    Mutant(
        "consent-dropped",
        "KVM does not see VM_ALLOW_ANY_UNCACHED.",
        replace(ARCHITECTED, kvm_stage2=consent_dropped),
    ),
    Mutant(
        "consent-assumed",
        "KVM takes every driver for consenting.",
        replace(ARCHITECTED, kvm_stage2=consent_assumed),
    ),
    Mutant(
        "withheld-in-vain",
        "The driver that withholds the consent leaves the mapping as it was.",
        replace(ARCHITECTED, withhold=lambda vma: vma),
    ),
    Mutant(
        "era-forgotten",
        "A kernel before 6.9 follows the consent.",
        replace(ARCHITECTED, kvm_stage2=era_forgotten),
    ),
    Mutant(
        "device-executable",
        "KVM maps everything executable.",
        replace(ARCHITECTED, kvm_stage2=executable),
    ),
    Mutant(
        "weakened-in-silence",
        "KVM installs Normal-NC where it should refuse.",
        replace(ARCHITECTED, kvm_stage2=weakened),
    ),
    Mutant(
        "gicv2-by-consent",
        "KVM treats the GICv2 vCPU interface as any device.",
        replace(ARCHITECTED, kvm_stage2=gic_relaxed),
    ),
    Mutant(
        "early-ack-lost",
        "Early acknowledgement counts as a lost property.",
        replace(ARCHITECTED, mismatch=early_ack_lost),
    ),
    Mutant(
        "never-restricted",
        "No mismatch falls under the second restricted case.",
        replace(ARCHITECTED, mismatch=never_mild),
    ),
    Mutant(
        "unaligned-device",
        "Unaligned accesses to Device memory complete.",
        replace(ARCHITECTED, access_outcome=unaligned_device),
    ),
    Mutant(
        "atomics-anywhere",
        "Atomics complete on every memory type.",
        replace(ARCHITECTED, access_outcome=atomic_anywhere),
    ),
    Mutant(
        "gathering-on-ng",
        "Accesses to nG types are merged.",
        replace(ARCHITECTED, rules=replace(_RULES, may_gather=always)),
    ),
    Mutant(
        "speculation-on-device",
        "Reads of Device memory are speculated.",
        replace(ARCHITECTED, rules=replace(_RULES, may_speculate=always)),
    ),
    Mutant(
        "no-speculation",
        "Nothing is speculated.",
        replace(ARCHITECTED, rules=replace(_RULES, may_speculate=never)),
    ),
    Mutant(
        "ngre-ordered",
        "nGRE keeps program order.",
        replace(ARCHITECTED, rules=replace(_RULES, keeps_program_order=keeps_ordered_before)),
    ),
    Mutant(
        "ngnre-unordered",
        "Nothing keeps program order without a barrier.",
        replace(ARCHITECTED, rules=replace(_RULES, keeps_program_order=never)),
    ),
    Mutant(
        "barrier-for-ng-only",
        "A barrier orders nG types only.",
        replace(ARCHITECTED, rules=replace(_RULES, keeps_barrier_order=keeps_ordered_before)),
    ),
    Mutant(
        "buffers-on-ng",
        "Reads of nG types are served from buffers.",
        replace(ARCHITECTED, rules=replace(_RULES, may_buffer=always)),
    ),
    Mutant(
        "dsb-waits-on-pcie",
        "A DSB waits for posted writes.",
        replace(
            ARCHITECTED,
            rules=replace(
                _RULES,
                waits_for_endpoint=lambda attrs, _: waits_for_endpoint(attrs, False),  # noqa: FBT003
            ),
        ),
    ),
    Mutant(
        "groups-of-one",
        "Every function has an IOMMU group of its own.",
        replace(ARCHITECTED, iommu_groups=groups_of_one),
    ),
    Mutant(
        "pages-shared",
        "VFIO maps small BARs whatever else lies in the page.",
        replace(ARCHITECTED, map_bars=pages_shared),
    ),
    Mutant(
        "override-ignored",
        "udev rules that write driver_override do nothing.",
        replace(ARCHITECTED, simulate_boot=override_ignored),
    ),
)
