"""List the rules about what a guest really gets."""

from fleetpolicy.diagnostics import Rule, Severity

MAPPING_NOT_HONOURED = Rule(
    "FP301",
    "mapping-not-honoured",
    Severity.ERROR,
    "A device gets the mapping that policy asks for, or the host is refused: a weaker mapping is "
    "never given in silence, and a fact that the host did not show counts as missing.",
    "Linux, arch/arm64/kvm/mmu.c; commits 8c47ce3e1d2c, 0c67288e0c8b, 2a8dfab26677",
    waivable=True,
)
CONTAINMENT_NOT_ATTESTED = Rule(
    "FP302",
    "containment-not-attested",
    Severity.WARNING,
    "Whether a device's errors stay contained is the platform's property, not the memory type's: "
    "somebody has to attest it. A prefetchable BAR or a Device mapping is no substitute.",
    "Linux, commit a39d3a966a09 (message); Arm SBSA 7.1 (DEN0029H), C.1.3 and C.2.1",
    production=Severity.ERROR,
    waivable=True,
)
INVARIANT_BROKEN = Rule(
    "FP304",
    "invariant-broken",
    Severity.ERROR,
    "What the simulation core proves of every well-configured host must hold of this one: no guest "
    "reads what another left, nothing weakens a mapping in silence. docs/simulation-core.md lists "
    "the invariants.",
    "docs/simulation-core.md; Arm DDI 0487, B2.11; Linux, arch/arm64/kvm/mmu.c",
)
NO_SUCH_CHOICE = Rule(
    "FP303",
    "mapping-without-meaning",
    Severity.INFO,
    "The mapping modes are about stage 2 of arm64; on x86 the guest's PAT and the host's MTRRs "
    "decide, and normal-nc means that nothing is done.",
    "Linux, arch/x86/kvm/vmx/vmx.c: vmx_get_mt_mask()",
    waivable=True,
)
