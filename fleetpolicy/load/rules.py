"""List the rules that the text of a policy can break before any host is looked at."""

from fleetpolicy.diagnostics import Rule, Severity

_LANGUAGE = "docs/policy-language.md"
_YAML = "YAML 1.2.2, yaml.org/spec/1.2.2"

UNREADABLE = Rule(
    "FP101",
    "file-unreadable",
    Severity.ERROR,
    "Every file and folder that a policy is read from must exist and be readable.",
    _LANGUAGE,
    rejected="fleetpolicy validate --policy policies/gpu.yaml  # the file is policies/gpus.yaml",
    accepted="fleetpolicy validate --policy policies/gpus.yaml",
)
SYNTAX = Rule(
    "FP102",
    "yaml-syntax",
    Severity.ERROR,
    "Policies are YAML in UTF-8; what cannot be parsed is never guessed at.",
    _YAML,
    rejected="spec:\n  memoryMapping: {default: device",
    accepted="spec:\n  memoryMapping: {default: device}",
)
TOML_SYNTAX = Rule(
    "FP117",
    "toml-syntax",
    Severity.ERROR,
    "A pyproject.toml that names the tool is TOML, for its settings are read from the table "
    "tool.fleetpolicy.",
    "TOML 1.0.0, toml.io/en/v1.0.0",
    rejected="[tool.fleetpolicy]\ninventory = inventories/demo",
    accepted='[tool.fleetpolicy]\ninventory = "inventories/demo"',
)
DUPLICATE_KEY = Rule(
    "FP103",
    "duplicate-key",
    Severity.ERROR,
    "A key is written once; otherwise one of two values would vanish in silence.",
    "YAML 1.2.2, section 3.2.1.1: keys of a mapping are unique",
    rejected=("spec:\n  memoryMapping:\n    default: normal-nc\n    default: device"),
    accepted=("spec:\n  memoryMapping:\n    default: device"),
)
FOREIGN_FEATURE = Rule(
    "FP104",
    "yaml-feature-not-used",
    Severity.ERROR,
    "Anchors, aliases, merge keys, tags and keys that are not plain text are no part of the "
    "language: a document is read as it is written.",
    _LANGUAGE,
    rejected=('spec:\n  modules:\n    vfio_pci: &awake {disable_idle_d3: "Y"}'),
    accepted=('spec:\n  modules:\n    vfio_pci: {disable_idle_d3: "Y"}'),
)
EMPTY_VALUE = Rule(
    "FP105",
    "empty-value",
    Severity.ERROR,
    "Null has no meaning here: an empty text is written in quotes, a default by leaving the key "
    "out.",
    _LANGUAGE,
    rejected=("spec:\n  kernel:\n    parameters: {nokaslr: }"),
    accepted=('spec:\n  kernel:\n    parameters: {nokaslr: ""}'),
)
TOO_BIG = Rule(
    "FP106",
    "input-too-big",
    Severity.ERROR,
    "A file has at most 16 MiB, 10,000 documents and 500,000 keys and values, a document at most "
    "32 levels and 200,000 keys, values and brackets. 1,000 findings of a file are told at once.",
    _LANGUAGE,
    rejected="guests.yaml of 20 MiB",
    accepted="guests-north.yaml and guests-south.yaml of 10 MiB each",
)
NOT_A_DOCUMENT = Rule(
    "FP107",
    "not-a-policy-document",
    Severity.ERROR,
    "A document is a mapping with apiVersion, kind, metadata.name and spec.",
    _LANGUAGE,
    rejected=(
        "apiVersion: fleetpolicy/v1alpha1\n"
        "metadata: {name: trainer}\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB}"
    ),
    accepted=(
        "apiVersion: fleetpolicy/v1alpha1\n"
        "kind: Guest\n"
        "metadata: {name: trainer}\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB}"
    ),
)
UNKNOWN_VERSION = Rule(
    "FP108",
    "unknown-api-version",
    Severity.ERROR,
    "The version says which language a document is written in.",
    _LANGUAGE,
    rejected=(
        "apiVersion: fleetpolicy/v1\n"
        "kind: Guest\n"
        "metadata: {name: trainer}\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB}"
    ),
    accepted=(
        "apiVersion: fleetpolicy/v1alpha1\n"
        "kind: Guest\n"
        "metadata: {name: trainer}\n"
        "spec: {host: gh-01, vcpus: 8, memory: 16GiB}"
    ),
)
UNKNOWN_KIND = Rule(
    "FP109",
    "unknown-kind",
    Severity.ERROR,
    "The kind chooses the one model that a document is judged by.",
    _LANGUAGE,
    rejected="kind: Gest\nspec: {host: gh-01, vcpus: 8, memory: 16GiB}",
    accepted="kind: Guest\nspec: {host: gh-01, vcpus: 8, memory: 16GiB}",
)
UNKNOWN_KEY = Rule(
    "FP110",
    "unknown-key",
    Severity.ERROR,
    "A key that nobody reads is a mistake; keys that begin with x- are for notes of your own.",
    _LANGUAGE,
    rejected=('kind: DevicePolicy\nspec:\n  prioritty: 10\n  match: {device: {class: "0302"}}'),
    accepted=('kind: DevicePolicy\nspec:\n  priority: 10\n  match: {device: {class: "0302"}}'),
)
MISSING_KEY = Rule(
    "FP111",
    "missing-key",
    Severity.ERROR,
    "What has no default must be said.",
    _LANGUAGE,
    rejected="kind: Guest\nspec: {host: gh-01, vcpus: 8}",
    accepted="kind: Guest\nspec: {host: gh-01, vcpus: 8, memory: 16GiB}",
)
BAD_VALUE = Rule(
    "FP112",
    "bad-value",
    Severity.ERROR,
    "A value is spelt as its field demands, so that it can stand in a command line, a rule and XML "
    "as it is.",
    _LANGUAGE,
    rejected=('kind: DevicePolicy\nspec:\n  match: {device: {address: "01:00.0"}}'),
    accepted=('kind: DevicePolicy\nspec:\n  match: {device: {address: "0009:01:00.0"}}'),
)
DUPLICATE_DOCUMENT = Rule(
    "FP113",
    "duplicate-document",
    Severity.ERROR,
    "Kind and name identify a document; both together are used once.",
    _LANGUAGE,
    rejected=(
        "kind: Guest\nmetadata: {name: trainer}\n---\nkind: Guest\nmetadata: {name: trainer}"
    ),
    accepted=(
        "kind: Guest\nmetadata: {name: trainer}\n---\nkind: Guest\nmetadata: {name: trainer-2}"
    ),
)
ONE_FLEET_POLICY = Rule(
    "FP114",
    "one-fleet-policy",
    Severity.ERROR,
    "A fleet has exactly one FleetPolicy.",
    _LANGUAGE,
    rejected=(
        "kind: FleetPolicy\n"
        "metadata: {name: north}\n"
        "---\n"
        "kind: FleetPolicy\n"
        "metadata: {name: south}"
    ),
    accepted=(
        "kind: FleetPolicy\n"
        "spec:\n"
        "  overrides:\n"
        "    - hosts: {group: south}\n"
        "      memoryMapping: {default: device}"
    ),
)
AMBIGUOUS_PROFILE = Rule(
    "FP115",
    "ambiguous-profile",
    Severity.ERROR,
    "One profile describes a driver's module or a device's id; a site's profile replaces the "
    "shipped one, but two of a site's would compete.",
    _LANGUAGE,
    rejected=(
        "kind: DeviceProfile\n"
        'spec: {ids: ["8086:1572"], title: Our NIC, source: our own test}\n'
        "---\n"
        "kind: DeviceProfile\n"
        'spec: {ids: ["8086:1572"], title: Their NIC, source: their own test}'
    ),
    accepted=(
        "kind: DeviceProfile\n"
        'spec: {ids: ["8086:1572"], title: Our NIC, source: our own test}\n'
        "---\n"
        "kind: DeviceProfile\n"
        'spec: {ids: ["8086:1592"], title: Their NIC, source: their own test}'
    ),
)
NO_FLEET = Rule(
    "FP116",
    "no-such-fleet",
    Severity.ERROR,
    "A fleet is a folder with an inventory, policies/ and facts/, or an inventory with these "
    "beside it.",
    "docs/command-line.md",
    rejected="fleetpolicy validate -i fleets/nort  # the folder is fleets/north",
    accepted="fleetpolicy validate -i fleets/north  # it has hosts.yaml, policies/ and facts/",
)
