"""List the rules that an inventory or a record of a host can break before it is looked into."""

from fleetpolicy.diagnostics import Rule, Severity

_INVENTORY = "Ansible, How to build your inventory"
_PATTERNS = "Ansible, Patterns: targeting hosts and groups"
_YAML = "YAML 1.1, section 10.3.2 Tag resolution: int, float and bool"
_LABELS = "docs/policy-language.md"
_HOSTS = "docs/simulated-hosts.md"
_RECORDS = "schemas/HostRecord.json"

NO_INVENTORY = Rule(
    "FP150",
    "no-such-inventory",
    Severity.ERROR,
    "An inventory is a file or a folder that can be read.",
    _INVENTORY,
    rejected="-rw------- root root hosts.yaml, read by another user",
    accepted="-rw-r--r-- root root hosts.yaml",
)
INVENTORY_NOT_PARSED = Rule(
    "FP151",
    "inventory-not-parsed",
    Severity.ERROR,
    "Every source of an inventory must be parsed; a fleet that lacks hosts must not pass.",
    _INVENTORY,
    rejected="all:\n  hosts: [gh-01, gh-02]",
    accepted="all:\n  hosts: {gh-01: , gh-02: }",
)
INVENTORY_SKIPPED = Rule(
    "FP152",
    "inventory-part-skipped",
    Severity.ERROR,
    "Ansible passes over keys that it does not know and keeps the last of two equal ones, and "
    "nobody reads a variable of ours that is misspelt; what was meant there would be lost.",
    _INVENTORY,
    rejected=("all:\n  host: {gh-02: }\n  hosts: {gh-01: }"),
    accepted="all:\n  hosts: {gh-01: , gh-02: }",
)
INVENTORY_REMARK = Rule(
    "FP153",
    "inventory-remark",
    Severity.WARNING,
    "Ansible warns about something in the inventory.",
    _INVENTORY,
    rejected=("all:\n  children:\n    grace-hopper: {hosts: {gh-01: }}"),
    accepted=("all:\n  children:\n    grace_hopper: {hosts: {gh-01: }}"),
)
NO_HOSTS = Rule(
    "FP154",
    "no-hosts",
    Severity.ERROR,
    "A fleet has at least one host.",
    _INVENTORY,
    rejected="all:\n  children: {grace_hopper: }",
    accepted="all:\n  children: {grace_hopper: {hosts: {gh-01: }}}",
)
NOTHING_LEFT = Rule(
    "FP155",
    "limit-matches-nothing",
    Severity.ERROR,
    "A limit leaves at least one host.",
    _PATTERNS,
    rejected="fleetpolicy plan -i hosts.yaml --limit 'gh-9*'  # the hosts are gh-01 to gh-03",
    accepted="fleetpolicy plan -i hosts.yaml --limit 'gh-0*'",
)
BAD_PATTERN = Rule(
    "FP156",
    "bad-host-pattern",
    Severity.ERROR,
    "A limit or a host pattern must be one that Ansible understands.",
    _PATTERNS,
    rejected="fleetpolicy plan -i hosts.yaml --limit '~gh-('",
    accepted="fleetpolicy plan -i hosts.yaml --limit '~gh-0[12]'",
)
UNSAFE_NAME = Rule(
    "FP157",
    "unsafe-host-name",
    Severity.ERROR,
    "A host's name becomes part of file names.",
    _LABELS,
    rejected="all:\n  hosts: {../gh-01: }",
    accepted="all:\n  hosts: {gh-01: }",
)
BAD_LABELS = Rule(
    "FP158",
    "bad-host-labels",
    Severity.ERROR,
    "fleetpolicy_labels maps text to text.",
    _LABELS,
    rejected=("all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_labels: {racks: [a7, a8]}}"),
    accepted=("all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_labels: {rack: a7}}"),
)
BAD_MODEL = Rule(
    "FP159",
    "bad-host-model",
    Severity.ERROR,
    "fleetpolicy_model describes a simulated host.",
    _HOSTS,
    rejected="fleetpolicy_model:\n  arch: arm  # and the rest",
    accepted="fleetpolicy_model:\n  arch: aarch64  # and the rest",
)
BAD_ROOT = Rule(
    "FP160",
    "bad-host-root",
    Severity.ERROR,
    "fleetpolicy_root is the folder of a simulated host, one for each.",
    _HOSTS,
    rejected=("all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_root: /}  # that is this machine"),
    accepted='fleetpolicy_root: ".lab/{{ inventory_hostname }}"  # beside fleetpolicy_model',
)
BAD_MACHINE = Rule(
    "FP831",
    "bad-host-machine",
    Severity.ERROR,
    "fleetpolicy_machine describes an emulated host, which is no simulated one at the same time.",
    "docs/lab.md",
    rejected="fleetpolicy_machine: {cpu: pentium}",
    accepted='fleetpolicy_machine: {cpu: neoverse-n1, kernels: ["6.12"]}',
)
UNQUOTED_VALUE = Rule(
    "FP161",
    "unquoted-value",
    Severity.ERROR,
    "Ansible's YAML makes numbers, dates and truths of words that look like them.",
    _YAML,
    rejected=("all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_labels: {rack: 012}}"),
    accepted=('all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_labels: {rack: "012"}}'),
)
VARIABLES_UNREADABLE = Rule(
    "FP162",
    "host-variables-unreadable",
    Severity.ERROR,
    "The variables of every host must be readable: files, templates and vaults.",
    "Ansible, Using variables: variable precedence",
    rejected=('all:\n  hosts: {gh-01: }\n  vars: {fleetpolicy_labels: "{{ labels_of_rack }}"}'),
    accepted=(
        "all:\n"
        "  hosts: {gh-01: }\n"
        '  vars: {fleetpolicy_labels: "{{ of_rack }}", of_rack: {rack: a7}}'
    ),
)
READER_CRASHED = Rule(
    "FP163",
    "inventory-reader-failed",
    Severity.ERROR,
    "Inventories are read by Ansible itself, which must run.",
    "Ansible, Installation guide",
    rejected="fleetpolicy is installed without ansible-core",
    accepted="ansible-core is installed beside fleetpolicy",
)
RECORD_UNREADABLE = Rule(
    "FP170",
    "record-unreadable",
    Severity.ERROR,
    "Recorded facts are regular files that can be read.",
    _RECORDS,
    rejected="facts/gh-01.json is a folder",
    accepted="facts/gh-01.json is a regular file",
)
RECORD_NOT_JSON = Rule(
    "FP171",
    "record-not-json",
    Severity.ERROR,
    "A record is one complete JSON document.",
    "RFC 8259",
    rejected='{"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRec',
    accepted='{"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", ...}',
)
NOT_A_RECORD = Rule(
    "FP172",
    "not-a-host-record",
    Severity.ERROR,
    "A record says which format it has.",
    _RECORDS,
    rejected='{"apiVersion": "fleetpolicy/v1alpha1", "kind": "Facts", ...}',
    accepted='{"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", ...}',
)
RECORD_MISFIT = Rule(
    "FP173",
    "record-misfit",
    Severity.ERROR,
    "A record follows its schema.",
    _RECORDS,
    rejected='"cpu": {"dic": "yes", "fwb": true, "model": "Neoverse-V2"}',
    accepted='"cpu": {"dic": true, "fwb": true, "model": "Neoverse-V2"}',
)
WRONG_FILE_NAME = Rule(
    "FP174",
    "record-in-wrong-file",
    Severity.ERROR,
    "The record of a host lies in the file that bears its name.",
    _RECORDS,
    rejected='facts/gh-02.json: {"host": "gh-01", ...}',
    accepted='facts/gh-01.json: {"host": "gh-01", ...}',
)
SECOND_RECORD = Rule(
    "FP175",
    "second-record",
    Severity.ERROR,
    "A host has one record.",
    _RECORDS,
    rejected='facts/gh-01.json: {"host": "gh-01", ...}\nfacts/fleet.jsonl: {"host": "gh-01", ...}',
    accepted='facts/gh-01.json: {"host": "gh-01", ...}\nfacts/fleet.jsonl: {"host": "gh-02", ...}',
)
