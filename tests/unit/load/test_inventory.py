import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Subject
from fleetpolicy.load.host_variables import _misfit_of_root
from fleetpolicy.load.inventory import load_inventory

MODEL = """\
arch: aarch64
kernel: "6.17.4"
kernels:
  "6.17.4": {normalNcMarker: true, cacheableCapability: known}
cpu: {model: Neoverse-V2, fwb: true}
firmware: {vendor: NVIDIA, product: GH200 480GB}
devices:
  - address: "0009:01:00.0"
    id: "10de:2342"
    class: "030200"
    iommuGroup: 19
    regions: [{index: 0, size: 16MiB}]
"""


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "fleet").mkdir()
    monkeypatch.chdir(tmp_path)


def write(**files: str) -> None:
    """Write files of the fleet; a__b is the file b.yaml in the folder a."""
    for name, text in files.items():
        path = Path("fleet", *name.split("__")).with_suffix(".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def indent(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}\n" for line in text.splitlines())


def findings_of(source: str, **options: Any) -> list[Diagnostic]:
    with pytest.raises(FleetPolicyError) as caught:
        load_inventory(Path(source), **options)
    return list(caught.value.diagnostics)


def described(item: Diagnostic) -> tuple[str, str, str]:
    return (str(item.span), item.rule.name, item.why)


@pytest.mark.shows("FP150")
@pytest.mark.parametrize("source", ["fleet/missing.yaml", "no/folder", "a\0b"])
def test_load_inventory_of_a_missing_source_says_so(source: str) -> None:
    [finding] = findings_of(source)

    assert finding.span.path == source
    assert finding.rule.name == "no-such-inventory"
    assert finding.why in {"no such file or directory", "embedded null byte"}


@pytest.mark.accepts("FP155", "FP156", "FP159", "FP160", "FP162")
@pytest.mark.ansible
def test_load_inventory_of_yaml_joins_variables_by_ansibles_precedence() -> None:
    hosts = """\
        all:
          children:
            gh:
              hosts: {"gh-[01:03]": }
              vars: {fleetpolicy_labels: {site: group}}
          hosts: {plain: }
        """
    write(
        hosts=hosts,
        group_vars__gh=f"fleetpolicy_model:\n{indent(MODEL, 2)}",
        group_vars__all="fleetpolicy_labels: {site: all, rack: r1}\n",
        host_vars__gh_02='fleetpolicy_root: "roots/{{ inventory_hostname }}"\n',
    )
    Path("fleet/host_vars/gh_02.yaml").rename("fleet/host_vars/gh-02.yaml")

    inventory = load_inventory(Path("fleet/hosts.yaml"), limit="!gh-03", patterns=["gh", "no"])

    found = inventory.hosts
    here = Path.cwd() / "fleet"
    assert list(found) == ["gh-01", "gh-02", "plain"]
    assert found["gh-01"].groups == ("all", "gh")
    assert found["plain"].groups == ("all", "ungrouped")
    assert found["gh-01"].labels == {"site": "all", "rack": "r1"}
    assert found["plain"].labels == {"site": "all", "rack": "r1"}
    assert found["gh-01"].root == f"{here}/.lab/gh-01"
    assert found["gh-02"].root == f"{here}/roots/gh-02"
    assert (found["plain"].root, found["plain"].simulated) == ("/", None)
    assert found["gh-01"].simulated is found["gh-02"].simulated
    assert found["gh-01"].simulated
    assert found["gh-01"].simulated.devices[0].id == "10de:2342"
    assert inventory.names == {"gh-01", "gh-02", "gh-03", "plain"}
    assert inventory.groups == {"all", "gh", "ungrouped"}
    assert inventory.patterns == {"gh": {"gh-01", "gh-02", "gh-03"}, "no": frozenset()}
    assert (str(inventory.source), inventory.remarks) == ("fleet/hosts.yaml", ())


@pytest.mark.ansible
def test_load_inventory_gives_each_variable_the_value_that_ansible_gives_it() -> None:
    places = {
        "all": "vars: {fleetpolicy_labels: {from: inventory-all}}",
        "inner": "vars: {fleetpolicy_labels: {from: inventory-inner}}",
    }
    write(
        hosts=f"""
all:
  {places["all"]}
  hosts:
    h-1: {{fleetpolicy_labels: {{from: inventory-host}}}}
    h-2: {{fleetpolicy_labels: {{from: inventory-host}}}}
    h-3:
  children:
    outer:
      children:
        inner:
          {places["inner"]}
          hosts: {{i-1: , i-2: }}
    early: {{hosts: {{i-2: , e-1: }}, vars: {{ansible_group_priority: 9}}}}
    late: {{hosts: {{e-1: , l-1: }}}}
""",
        group_vars__outer="fleetpolicy_labels: {from: outer}",
        group_vars__early="fleetpolicy_labels: {from: early}",
        group_vars__late="fleetpolicy_labels: {from: late}",
        host_vars__h_1="fleetpolicy_labels: {from: host-file}",
    )
    Path("fleet/host_vars/h_1.yaml").rename("fleet/host_vars/h-1.yaml")
    oracle = Path(sys.executable).with_name("ansible-inventory")

    inventory = load_inventory(Path("fleet/hosts.yaml"))

    listed = subprocess.run(
        [oracle, "-i", "fleet/hosts.yaml", "--list"], capture_output=True, check=True
    )
    expected = {
        name: variables["fleetpolicy_labels"]
        for name, variables in json.loads(listed.stdout)["_meta"]["hostvars"].items()
    }
    assert {name: dict(host.labels) for name, host in inventory.hosts.items()} == expected
    assert len({labels["from"] for labels in expected.values()}) == 6


@pytest.mark.accepts("FP150", "FP163", "FP154", "FP151")
@pytest.mark.ansible
def test_load_inventory_of_a_folder_takes_all_its_sources() -> None:
    write(hosts="gh:\n  hosts:\n    gh-01:\n", facts__x="- no inventory\n", policies__x="- nor\n")
    Path("fleet/static.ini").write_text("[x86]\nx-1 fleetpolicy_labels=\"{'site': 'ini'}\"\n")
    script = Path("fleet/dynamic")
    script.write_text(
        '#!/bin/sh\necho \'{"dyn": ["d-1"], "_meta": {"hostvars":'
        ' {"d-1": {"fleetpolicy_labels": {"site": "script"}}}}}\'\n'
    )
    script.chmod(0o755)

    inventory = load_inventory(Path("fleet"))

    assert {name: dict(host.labels) for name, host in inventory.hosts.items()} == {
        "d-1": {"site": "script"},
        "gh-01": {},
        "x-1": {"site": "ini"},
    }


@pytest.mark.ansible
def test_load_inventory_with_unquoted_values_says_what_was_read() -> None:
    model = MODEL.replace('"0009:01:00.0"', "0000:01:00.0").replace('"030200"', "030200")
    host = f"fleetpolicy_labels: {{rack: 012, on: x}}\nfleetpolicy_model:\n{indent(model, 2)}"
    write(hosts=f"all:\n  hosts:\n    a: &same\n{indent(host, 6)}    b: *same\n")

    findings = findings_of("fleet/hosts.yaml")

    assert [described(item) for item in findings] == [
        (
            "fleet/hosts.yaml:4:27",
            "unquoted-value",
            "fleetpolicy_labels: the key True is no text",
        ),
        (
            "fleet/hosts.yaml:4:34",
            "unquoted-value",
            "fleetpolicy_labels: rack was read as the number 10",
        ),
        (
            "fleet/hosts.yaml:13:22",
            "unquoted-value",
            "fleetpolicy_model: devices[0].address was read as the number 60.0",
        ),
        (
            "fleet/hosts.yaml:15:20",
            "unquoted-value",
            "fleetpolicy_model: devices[0].class was read as the number 12416",
        ),
    ]
    assert {item.fix for item in findings} == {"put it in quotes"}
    assert {item.subject for item in findings} == {Subject(host="a", others=("b",))}


@pytest.mark.shows("FP157", "FP158", "FP159", "FP160", "FP162")
@pytest.mark.ansible
def test_load_inventory_with_bad_variables_finds_them_all() -> None:
    model = MODEL.replace("vendor:", "vender:").replace("aarch64", "arm").replace("10de:", "")
    hosts = {
        "a": f"fleetpolicy_model:\n{indent(model, 2)}",
        "b": "fleetpolicy_labels: [x]\nfleetpolicy_root: b\n",
        "c": f"fleetpolicy_root: shared\nfleetpolicy_model:\n{indent(MODEL, 2)}",
        "d": f"fleetpolicy_root: ./shared/\nfleetpolicy_model:\n{indent(MODEL, 2)}",
        "e": f"fleetpolicy_root: /\nfleetpolicy_model:\n{indent(MODEL, 2)}",
        "f": 'fleetpolicy_root: "{{ missing }}"\n',
        "../g": "x: 1\n",
    }
    text = "".join(f"    {name}:\n{indent(variables, 6)}" for name, variables in hosts.items())
    write(hosts=f"all:\n  hosts:\n{text}")

    findings = findings_of("fleet/hosts.yaml")

    found = sorted((item.subject.host, item.rule.name, item.why) for item in findings)
    assert found == [
        ("../g", "unsafe-host-name", "the host is called '../g'"),
        ("a", "bad-host-model", "fleetpolicy_model: arch is 'arm'"),
        ("a", "bad-host-model", "fleetpolicy_model: devices[0].id is '2342'"),
        ("a", "bad-host-model", "fleetpolicy_model: firmware.vender is no key that is known"),
        ("a", "bad-host-model", "fleetpolicy_model: firmware.vendor is missing"),
        ("b", "bad-host-labels", "fleetpolicy_labels: it is ['x']"),
        ("b", "bad-host-root", "fleetpolicy_root is set, but fleetpolicy_model is not"),
        ("c", "bad-host-root", f"2 hosts have the root {Path.cwd()}/fleet/shared"),
        ("e", "bad-host-root", "fleetpolicy_root is '/': that is this machine"),
        ("f", "host-variables-unreadable", "'missing' is undefined"),
    ]


@pytest.mark.ansible
def test_load_inventory_that_ansible_cannot_parse_is_an_error_for_each_source() -> None:
    write(broken="all:\n  hosts:\n    a: {}\n   b: 1\n", good="all:\n  hosts:\n    a:\n")
    Path("fleet/static.ini").write_text("[gh]\nh1 x=1 y\n")
    write(plugin="plugin: no.such.plugin\n", typo="all:\n  host:\n    b: {}\n")

    findings = findings_of("fleet")

    assert [described(item) for item in findings] == [
        (
            "fleet/broken.yaml:4:4",
            "inventory-not-parsed",
            "YAML parsing failed: While parsing a block mapping did not find expected key.",
        ),
        (
            "fleet/plugin.yaml",
            "inventory-not-parsed",
            (
                f"inventory config '{Path.cwd()}/fleet/plugin.yaml' specifies unknown plugin "
                "'no.such.plugin'"
            ),
        ),
        (
            "fleet/static.ini",
            "inventory-not-parsed",
            "Failed to parse inventory: Expected key=value host variable assignment, got: y",
        ),
        (
            "fleet/typo.yaml",
            "inventory-part-skipped",
            (
                'Skipping unexpected key (host) in group (all), only "vars", "children" and '
                '"hosts" are valid'
            ),
        ),
    ]


@pytest.mark.ansible
def test_load_inventory_with_a_vault_that_cannot_be_opened_says_where() -> None:
    write(
        hosts="all:\n  hosts:\n    a:\n    b:\n",
        group_vars__all="$ANSIBLE_VAULT;1.1;AES256\n3137\n",
    )

    findings = findings_of("fleet/hosts.yaml")

    assert [(item.rule.name, item.subject) for item in findings] == [
        ("host-variables-unreadable", Subject(host="a", others=("b",)))
    ]
    assert "vault" in findings[0].why


@pytest.mark.ansible
def test_load_inventory_without_hosts_says_so() -> None:
    write(hosts="all:\n  children:\n    gh: {}\n")

    found = findings_of("fleet/hosts.yaml")

    assert [described(item) for item in found] == [
        ("fleet/hosts.yaml", "no-hosts", "Ansible finds no host in it")
    ]


@pytest.mark.ansible
@pytest.mark.parametrize(
    ("options", "rule", "why"),
    [
        pytest.param(
            {"limit": "gh"},
            "limit-matches-nothing",
            "--limit gh leaves none of 2 hosts",
            marks=pytest.mark.shows("FP155"),
        ),
        pytest.param(
            {"limit": "~*"},
            "bad-host-pattern",
            "~*: Invalid host list pattern: ~*",
            marks=pytest.mark.shows("FP156"),
        ),
        pytest.param(
            {"patterns": ["~("]},
            "bad-host-pattern",
            "~(: Invalid host list pattern: ~(",
            marks=pytest.mark.shows("FP156"),
        ),
    ],
)
def test_load_inventory_with_a_bad_pattern_says_so(
    options: dict[str, Any], rule: str, why: str
) -> None:
    write(hosts="all:\n  hosts:\n    a:\n    b:\n")

    found = findings_of("fleet/hosts.yaml", **options)

    assert [described(item) for item in found] == [("fleet/hosts.yaml", rule, why)]


@pytest.mark.ansible
def test_load_inventory_with_odd_group_names_passes_on_what_ansible_says() -> None:
    write(hosts="gh-200:\n  hosts:\n    a:\n")

    inventory = load_inventory(Path("fleet/hosts.yaml"))

    assert [described(item)[:2] for item in inventory.remarks] == [
        ("fleet/hosts.yaml", "inventory-remark")
    ]
    assert "Invalid characters were found in group names" in inventory.remarks[0].why


@pytest.mark.shows("FP153")
@pytest.mark.ansible
def test_load_inventory_by_a_limit_of_which_a_part_matches_nothing_says_which() -> None:
    write(hosts="all: {hosts: {gh-01: , gh-02: }}\n")

    inventory = load_inventory(Path("fleet"), limit="gh-01:gh-2")

    assert list(inventory.hosts) == ["gh-01"]
    assert [item.why for item in inventory.remarks] == [
        "Could not match supplied host pattern, ignoring: gh-2"
    ]


@pytest.mark.accepts("FP831")
@pytest.mark.ansible
def test_load_inventory_takes_emulated_hosts_as_hosts_that_exist() -> None:
    write(
        hosts="all: {hosts: {arm-01: }}\n",
        group_vars__all='fleetpolicy_machine: {kernels: ["6.12", newest], cpus: "4"}\n',
    )

    host = load_inventory(Path("fleet")).hosts["arm-01"]

    assert (host.root, host.simulated) == ("/", None)
    assert host.lab == str(Path.cwd() / "fleet/.lab/arm-01")
    assert host.emulated
    assert (host.emulated.kernels, host.emulated.cpus) == (("6.12", "newest"), 4)


@pytest.mark.shows("FP831")
@pytest.mark.ansible
def test_load_inventory_of_a_bad_machine_names_the_variable() -> None:
    write(hosts="all: {hosts: {arm-01: {fleetpolicy_machine: {memory: 1MiB}}}}\n")

    [finding] = findings_of("fleet")

    assert finding.rule.id == "FP831"
    assert finding.why == "fleetpolicy_machine: memory 1MiB is less than 1024MiB"
    assert finding.subject == Subject("arm-01")


@pytest.mark.shows("FP152")
@pytest.mark.ansible
def test_load_inventory_with_a_misspelt_variable_says_what_may_be_meant() -> None:
    write(
        hosts="all: {hosts: {arm-01: {fleetpolicy_machin: {}}, arm_02: , arm-03: }}\n",
        group_vars__all='fleetpolicy_lables: {rack: "{{ nothing }}"}\n',
        host_vars__arm_02="fleetpolicy_labels: {rack: a7}\nfleetpolicy_reboot_timeout: 60\n",
    )

    findings = findings_of("fleet")

    assert [(item.rule.id, item.subject, item.why, item.fix) for item in findings] == [
        (
            "FP152",
            Subject("arm-01", others=("arm-03",)),
            "nothing reads fleetpolicy_lables",
            "write fleetpolicy_labels, if that was meant",
        ),
        (
            "FP152",
            Subject("arm-01"),
            "nothing reads fleetpolicy_machin",
            "write fleetpolicy_machine, if that was meant",
        ),
    ]


@pytest.mark.shows("FP831")
@pytest.mark.ansible
def test_load_inventory_refuses_a_host_of_two_kinds() -> None:
    machine = "fleetpolicy_machine: {}\n"
    write(
        hosts="all: {hosts: {arm-01: }}\n",
        group_vars__all=f"{machine}fleetpolicy_model:\n{indent(MODEL, 2)}",
    )

    assert [described(item) for item in findings_of("fleet")] == [
        (
            "fleet",
            "bad-host-machine",
            "fleetpolicy_machine and fleetpolicy_model are both set",
        )
    ]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (5, "it is no text"),
        ("a\tb", "it is no path"),
        ("", "it is no path"),
        ("~/lab", "~ is not expanded"),
        ("/", "that is this machine"),
        ("lab", ""),
    ],
)
def test_root_that_is_no_folder_of_its_own_is_a_misfit(value: object, why: str) -> None:
    assert _misfit_of_root(value, Path("/fleet")) == why
