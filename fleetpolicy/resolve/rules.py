"""List the rules that a policy can break once it meets the fleet's hosts and their devices."""

from fleetpolicy.diagnostics import Rule, Severity

_VFIO = "docs.kernel.org/driver-api/vfio.html"
_ABI = "Linux, Documentation/ABI/testing/sysfs-bus-pci"
_OURS = "docs/policy-language.md"

UNKNOWN_HOST = Rule(
    "FP201",
    "unknown-host",
    Severity.ERROR,
    "A guest runs on a host that the inventory does not have.",
    _OURS,
    rejected=(
        "kind: Guest\nspec: {host: gh-09, vcpus: 8, memory: 16GiB}  # there are gh-01 to gh-03"
    ),
    accepted="kind: Guest\nspec: {host: gh-01, vcpus: 8, memory: 16GiB}",
)
UNKNOWN_GROUP = Rule(
    "FP202",
    "unknown-group",
    Severity.ERROR,
    "A policy matches an Ansible group that the inventory does not have.",
    _OURS,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {group: grace-hopper}, device: {address: "0004:01:00.0"}}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {group: grace_hopper}, device: {address: "0004:01:00.0"}}'
    ),
)
GROUP_PARTNER = Rule(
    "FP203",
    "iommu-group-partner",
    Severity.ERROR,
    "Every function of an IOMMU group is bound to a VFIO driver or to none; "
    "one function cannot be taken from its group.",
    _VFIO,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # 0000:02:00.1 is in the same IOMMU group\n"
        '  match: {device: {address: "0000:02:00.0"}}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:  # 0000:02:00.1 is in the same IOMMU group\n"
        '  match: {device: {address: "0000:02:00.0"}}\n'
        "  group: take-all"
    ),
)
NO_GROUP = Rule(
    "FP204",
    "no-iommu-group",
    Severity.ERROR,
    "A device without an IOMMU group cannot be assigned: the SMMU is off or firmware hides it.",
    _VFIO,
    rejected='{"address": "0000:02:00.0", "iommuGroup": null, ...}',
    accepted='{"address": "0000:02:00.0", "iommuGroup": 2, ...}',
)
SHARED_GROUP = Rule(
    "FP205",
    "iommu-group-shared",
    Severity.ERROR,
    "All functions of an IOMMU group go to one guest.",
    _VFIO,
    rejected="0000:02:00.0 in guest one, 0000:02:00.1 of its IOMMU group in guest two",
    accepted="0000:02:00.0 and 0000:02:00.1 of its IOMMU group in guest one",
)
PRIORITY_TIE = Rule(
    "FP206",
    "priority-tie",
    Severity.ERROR,
    "Two DevicePolicies of equal priority match one device; which of them wins must be said.",
    _OURS,
    rejected=(
        "kind: DevicePolicy\n"
        'spec: {match: {device: {address: "0001:01:00.0"}}, mapping: normal-nc}\n'
        "---\n"
        "kind: DevicePolicy\n"
        'spec: {match: {device: {address: "0001:01:00.0"}}, mapping: trapped}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        'spec: {match: {device: {address: "0001:01:00.0"}}, mapping: normal-nc}\n'
        "---\n"
        "kind: DevicePolicy\n"
        'spec: {match: {device: {address: "0001:01:00.0"}}, mapping: trapped, priority: 10}'
    ),
)
NO_DEVICE = Rule(
    "FP207",
    "no-such-device",
    Severity.ERROR,
    "A guest takes a device that its host does not have at that address.",
    _OURS,
    rejected=(
        "kind: Guest\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB,\n"
        '       devices: [{device: {address: "0005:01:00.0", id: "144d:a80a"}}]}'
    ),
    accepted=(
        "kind: Guest\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB,\n"
        '       devices: [{device: {address: "0004:01:00.0", id: "144d:a80a"}}]}'
    ),
)
WRONG_DEVICE = Rule(
    "FP208",
    "wrong-device",
    Severity.ERROR,
    "A device is identified by its address and its ids; another device sits at the address.",
    _OURS,
    rejected=(
        "kind: Guest\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB,\n"
        '       devices: [{device: {address: "0004:01:00.0", id: "10de:2342"}}]}'
    ),
    accepted=(
        "kind: Guest\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB,\n"
        '       devices: [{device: {address: "0004:01:00.0", id: "144d:a80a"}}]}'
    ),
)
TWO_GUESTS = Rule(
    "FP209",
    "device-in-two-guests",
    Severity.ERROR,
    "A device belongs to one guest.",
    _VFIO,
    rejected="0009:01:00.0 of gh-01 in guest trainer and in guest tester",
    accepted="0009:01:00.0 of gh-01 in guest trainer alone",
)
NO_FACTS = Rule(
    "FP210",
    "no-facts",
    Severity.ERROR,
    "A host without recorded facts cannot be judged, and what cannot be judged is refused.",
    _OURS,
    rejected="hosts.yaml names gh-03, and facts/ has no gh-03.json",
    accepted="hosts.yaml names gh-03, and facts/gh-03.json is its record",
)
HOST_USES_DEVICE = Rule(
    "FP213",
    "device-in-use-by-host",
    Severity.ERROR,
    "A device that backs the host's root disk, network or console is never given away.",
    _ABI,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:  # 0002:01:00.0 is an NVMe drive too, and the root disk\n"
        '  match: {hosts: {pattern: "gh-*"}, device: {class: "0108"}}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {pattern: "gh-*"}, device: {address: "0004:01:00.0", class: "0108"}}'
    ),
)
UNMATCHED_POLICY = Rule(
    "FP218",
    "policy-matches-nothing",
    Severity.WARNING,
    "A DevicePolicy that matches no device of any host is a mistake or a leftover.",
    _OURS,
    rejected=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {device: {id: "10de:2343"}}  # the hosts have 10de:2342\n'
        "  mapping: cacheable"
    ),
    accepted=(
        'kind: DevicePolicy\nspec:\n  match: {device: {id: "10de:2342"}}\n  mapping: cacheable'
    ),
)
UNKNOWN_PATTERN = Rule(
    "FP222",
    "pattern-matches-nothing",
    Severity.WARNING,
    "A host pattern that matches no host of the inventory is a mistake or a leftover.",
    "Ansible, Patterns: targeting hosts and groups",
    rejected=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {pattern: "hg-*"}, device: {address: "0004:01:00.0"}}'
    ),
    accepted=(
        "kind: DevicePolicy\n"
        "spec:\n"
        '  match: {hosts: {pattern: "gh-*"}, device: {address: "0004:01:00.0"}}'
    ),
)
NO_REGIONS = Rule(
    "FP223",
    "no-regions",
    Severity.ERROR,
    "A device whose memory regions the host did not show cannot be judged.",
    _OURS,
    rejected='{"address": "0004:01:00.0", "regions": [], ...}',
    accepted='{"address": "0004:01:00.0", "regions": [{"index": 0, "size": 16384, ...}], ...}',
)
