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
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: normal-nc"
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:  # their kernel has no Normal-NC\n"
        '  match: {hosts: {group: legacy}, device: {id: "144d:a808"}}\n'
        "  mapping: device"
    ),
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
    rejected="a DevicePolicy for hosts of Demo Systems, and no PlatformProfile that matches them",
    accepted=(
        "kind: PlatformProfile\n"
        "spec:\n"
        "  match: {vendor: Demo Systems}\n"
        "  containment: {attested: true, by: Demo Systems}\n"
        "  source: the vendor's letter"
    ),
)
INVARIANT_BROKEN = Rule(
    "FP304",
    "invariant-broken",
    Severity.ERROR,
    "What the simulation core proves of every well-configured host must hold of this one: no guest "
    "reads what another left, nothing weakens a mapping in silence. docs/simulation-core.md lists "
    "the invariants.",
    "docs/simulation-core.md; Arm DDI 0487, B2.11; Linux, arch/arm64/kvm/mmu.c",
    rejected=(
        "a coherent GPU with nvgrace_gpu_vfio_pci under a site's kernel parameter that maps it\n"
        "as Device, while the VMM maps its memory cacheable"
    ),
    accepted="the same GPU with driver: vfio-pci, which maps nothing cacheable",
)
NO_SUCH_CHOICE = Rule(
    "FP303",
    "mapping-without-meaning",
    Severity.INFO,
    "The mapping modes are about stage 2 of arm64; on x86 the guest's PAT and the host's MTRRs "
    "decide, and normal-nc means that nothing is done.",
    "Linux, arch/x86/kvm/vmx/vmx.c: vmx_get_mt_mask()",
    waivable=True,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # an x86_64 host\n"
        '  match: {hosts: {group: x86}, device: {id: "8086:10fb"}}\n'
        "  mapping: normal-nc"
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:  # arm64 hosts alone\n"
        '  match: {hosts: {group: neoverse}, device: {id: "144d:a80a"}}\n'
        "  mapping: normal-nc"
    ),
)
