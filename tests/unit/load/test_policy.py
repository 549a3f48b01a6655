from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.load.policy import load_policies
from fleetpolicy.model.policyset import PolicySet

FLEET = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
DEVICE_POLICY = """apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: gpus}
spec:
"""


def refusals(folder: Path, *paths: Path) -> list[str]:
    with pytest.raises(FleetPolicyError) as caught:
        load_policies(paths or [folder])
    return [
        f"{item.span}: {item.rule.name}: {item.why}; fix: {item.fix}".replace(f"{folder}/", "")
        for item in caught.value.diagnostics
    ]


def load(folder: Path) -> PolicySet:
    policy, findings = load_policies([folder])
    assert findings == ()
    return policy


def write(folder: Path, text: str, name: str = "p.yaml") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def judge_spec(folder: Path, spec: str) -> list[str]:
    """Return what is said of a DevicePolicy whose spec, written in line 4, has a match."""
    head = DEVICE_POLICY.replace("spec:\n", "")
    write(folder, f"{head}spec: {{{spec}}}\n---\n{FLEET}")
    return refusals(folder)


def test_documents_are_sorted_and_keep_their_places(tmp_path: Path) -> None:
    guest = FLEET.replace("FleetPolicy", "Guest").replace("{}", "{host: a, vcpus: 2, memory: 4GiB}")
    match = "  priority: 7\n  match: {device: {class: 0302}}\n"
    write(tmp_path, f"{DEVICE_POLICY}{match}---\n{FLEET}")
    write(tmp_path, DEVICE_POLICY.replace("gpus", "a-nics") + match, "more/n.yml")
    write(tmp_path, guest, "guests.yaml")

    policy = load(tmp_path)

    assert [item.model.metadata.name for item in policy.device_policies] == ["a-nics", "gpus"]
    assert [item.model.spec.vcpus for item in policy.guests] == [2]
    gpus = policy.device_policies[1]
    assert (gpus.model.spec.priority, gpus.model.spec.match.device.device_class) == (7, "0302")
    assert gpus.span_of(("spec", "priority")) == Span(f"{tmp_path}/p.yaml", 5, 13)
    assert gpus.span_of(("spec", "mapping")) == Span(f"{tmp_path}/p.yaml", 4, 1)
    assert gpus.span == Span(f"{tmp_path}/p.yaml", 1, 1)
    assert policy.fleet.span == Span(f"{tmp_path}/p.yaml", 8, 1)


def test_hidden_files_folders_and_other_endings_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, FLEET)
    for name in (".git/config.yaml", ".hidden.yaml", "notes.txt"):
        write(tmp_path, "{", name)

    assert load(tmp_path).fleet.model.metadata.name == "default"


def test_revision_depends_on_names_and_bytes_and_not_on_the_place(tmp_path: Path) -> None:
    write(tmp_path / "one", FLEET)
    write(tmp_path / "two", FLEET)
    write(tmp_path / "three", FLEET + "# more\n")
    write(tmp_path / "four", FLEET, "q.yaml")

    one, two, three, four = (
        load(tmp_path / name).revision for name in ("one", "two", "three", "four")
    )

    assert one == two
    assert len({one, three, four}) == 3


def test_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, FLEET)

    policy, _ = load_policies([tmp_path, tmp_path / "p.yaml"])

    assert policy.fleet.model.metadata.name == "default"


def test_paths_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    write(tmp_path, FLEET)
    (tmp_path / "dangling.yaml").symlink_to(tmp_path / "nowhere")

    assert refusals(tmp_path, tmp_path, tmp_path / "absent") == [
        (
            "absent: file-unreadable: there is no such file or folder; "
            "fix: correct the path, or make it readable"
        ),
        (
            "dangling.yaml: file-unreadable: No such file or directory; "
            "fix: correct the path, or make it readable"
        ),
    ]


def test_fleet_policy_must_be_there(tmp_path: Path) -> None:
    assert refusals(tmp_path) == [
        (
            f"{tmp_path}: one-fleet-policy: there is none in {tmp_path}; "
            "fix: add a document of kind FleetPolicy"
        )
    ]


def test_fleet_policy_is_not_missed_where_a_document_is_broken(tmp_path: Path) -> None:
    write(tmp_path, FLEET.replace("FleetPolicy", "FletPolicy"))

    assert refusals(tmp_path) == [
        "p.yaml:2:7: unknown-kind: kind is 'FletPolicy'; fix: write FleetPolicy"
    ]


def test_policy_that_is_not_named_is_told() -> None:
    with pytest.raises(FleetPolicyError) as caught:
        load_policies([])

    assert [(str(item.span), item.why, item.fix) for item in caught.value.diagnostics] == [
        (
            "command line",
            "no policy was named",
            "add -i or --policy, or name policies in fleetpolicy.yaml",
        )
    ]


def test_second_fleet_policy_and_second_name_are_told_with_both_places(tmp_path: Path) -> None:
    write(tmp_path, f"{FLEET}---\n{FLEET}")

    assert refusals(tmp_path) == [
        (
            "p.yaml:6:1: one-fleet-policy: one is at p.yaml:1:1, another here; "
            "fix: put what both say into one FleetPolicy"
        ),
        (
            "p.yaml:8:18: duplicate-document: FleetPolicy default is at p.yaml:1:1 and here; "
            "fix: rename one of them, or remove it"
        ),
    ]


def test_header_that_is_wrong_is_told_beside_the_rest(tmp_path: Path) -> None:
    write(tmp_path, "kind: Guest\nspec: {}\n---\napiVersion: v1\nkind: Pod\n---\napiVersion: v2\n")

    assert refusals(tmp_path) == [
        (
            "p.yaml:1:1: not-a-policy-document: it has no apiVersion; "
            "fix: add apiVersion: fleetpolicy/v1alpha1"
        ),
        "p.yaml:1:1: missing-key: the document has no metadata; fix: add metadata",
        "p.yaml:2:7: missing-key: spec has no host; fix: add host",
        "p.yaml:2:7: missing-key: spec has no memory; fix: add memory",
        "p.yaml:2:7: missing-key: spec has no vcpus; fix: add vcpus",
        (
            "p.yaml:4:13: unknown-api-version: apiVersion is 'v1', and this tool reads "
            "fleetpolicy/v1alpha1; fix: write fleetpolicy/v1alpha1"
        ),
        (
            "p.yaml:5:7: unknown-kind: kind is 'Pod'; fix: write one of FleetPolicy, DevicePolicy, "
            "Guest, KernelProfile, DriverProfile, DeviceProfile, PlatformProfile, "
            "ParameterProfile, Rollout, Exception"
        ),
        (
            "p.yaml:7:1: not-a-policy-document: it has no kind; fix: add kind, one of FleetPolicy, "
            "DevicePolicy, Guest, KernelProfile, DriverProfile, DeviceProfile, PlatformProfile, "
            "ParameterProfile, Rollout, Exception"
        ),
        (
            "p.yaml:7:13: unknown-api-version: apiVersion is 'v2', and this tool reads "
            "fleetpolicy/v1alpha1; fix: write fleetpolicy/v1alpha1"
        ),
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "match: {device: {id: 10de:234}}",
            (
                "4:29: bad-value: spec.match.device.id is '10de:234'; fix: write vendor and device "
                "in four hex digits each, such as 10de:2342"
            ),
        ),
        (
            "match: {device: {address: 01:00.0}}",
            (
                "4:34: bad-value: spec.match.device.address is '01:00.0'; fix: write a PCI address "
                "with its domain, such as 0009:01:00.0"
            ),
        ),
        (
            "match: {device: {class: 302}}",
            (
                "4:32: bad-value: spec.match.device.class is '302'; fix: write four or six hex "
                "digits, such as 0302"
            ),
        ),
        (
            "match: {device: {}}",
            (
                "4:24: bad-value: spec.match.device needs at least one of id, subsystem, class, "
                "address; fix: write one of them"
            ),
        ),
        (
            "match: {device: {adress: x, id: '10de:2342'}}",
            "4:25: unknown-key: spec.match.device has no key 'adress'; fix: write address",
        ),
        (
            "match: {device: {id: '10de:2342'}}, prioritty: 1",
            "4:44: unknown-key: spec has no key 'prioritty'; fix: write priority",
        ),
        (
            "match: {device: {id: '10de:2342'}}, zzz: 1",
            (
                "4:44: unknown-key: spec has no key 'zzz'; fix: remove it, or write one of "
                "priority, match, driver, mapping, onUnsupported, group, libvirt"
            ),
        ),
        (
            "match: {device: {id: '10de:2342'}}, on_unsupported: fail",
            "4:44: unknown-key: spec has no key 'on_unsupported'; fix: write onUnsupported",
        ),
        (
            "match: {device: {id: '10de:2342'}}, priority: 010",
            (
                "4:54: bad-value: spec.priority is '010'; fix: write a whole number, without "
                "leading zeros"
            ),
        ),
        (
            "match: {device: {id: '10de:2342'}}, priority: 1000001",
            "4:54: bad-value: spec.priority is 1000001; fix: write 1000000 or less",
        ),
        (
            "match: {device: {id: '10de:2342'}}, mapping: cachable",
            "4:53: bad-value: spec.mapping is 'cachable'; fix: write cacheable",
        ),
        (
            "match: {device: {id: '10de:2342'}}, mapping: wb",
            (
                "4:53: bad-value: spec.mapping is 'wb'; fix: write normal-nc or device or "
                "cacheable or trapped"
            ),
        ),
        (
            "match: {device: {id: '10de:2342'}}, libvirt: {romBar: yes}",
            "4:62: bad-value: spec.libvirt.romBar is 'yes'; fix: write true or false",
        ),
        (
            "match: {device: {id: '10de:2342'}, hosts: gh}",
            "4:50: bad-value: spec.match.hosts is 'gh'; fix: write a mapping",
        ),
        (
            "match: {device: {id: '10de:2342'}}, driver: [a]",
            "4:52: bad-value: spec.driver is a sequence; fix: write a text",
        ),
        ("", "4:7: missing-key: spec has no match; fix: add match"),
        (
            "match: {device: {id: '10de:2342'}, hosts: {pattern: '`id`'}}",
            (
                "4:60: bad-value: spec.match.hosts.pattern is '`id`'; fix: write an Ansible host "
                "pattern without spaces, such as gh-*:!gh-07"
            ),
        ),
        (
            'match: {device: {id: "10de:2342\\n"}}',
            (
                "4:29: bad-value: spec.match.device.id is '10de:2342\\n'; fix: write vendor and "
                "device in four hex digits each, such as 10de:2342"
            ),
        ),
        (
            "match: {device: {id: '10de:2342'}, hosts: {labels: {'a b': c}}}",
            (
                "4:60: bad-value: spec.match.hosts.labels has the key 'a b'; fix: write letters, "
                "digits and . _ / -, at most 63"
            ),
        ),
    ],
)
def test_value_that_its_field_does_not_take_is_told(
    tmp_path: Path, spec: str, expected: str
) -> None:
    assert judge_spec(tmp_path, spec) == [f"p.yaml:{expected}"]


@pytest.mark.parametrize("text", ["a b", "x$(id)", "a;b", "a'b", "<b>", "a&b", "`id`", "a\\b", "#"])
def test_kernel_value_with_shell_or_xml_characters_is_refused(tmp_path: Path, text: str) -> None:
    quoted = text.replace("'", "''")
    write(tmp_path, FLEET.replace("{}", f"{{kernel: {{parameters: {{x: '{quoted}'}}}}}}"))

    assert refusals(tmp_path) == [
        (
            f"p.yaml:4:33: bad-value: spec.kernel.parameters.x is {text!r}; fix: write letters, "
            "digits and _ . , : = + / @ % * ! [ ] -, without spaces"
        )
    ]


def test_kernel_values_that_look_like_truth_or_numbers_stay_words(tmp_path: Path) -> None:
    written = "{a: on, b: off, c: 010, d: 6.10, e: '', f: 0x10}"
    write(tmp_path, FLEET.replace("{}", f"{{kernel: {{parameters: {written}}}}}"))

    parameters = load(tmp_path).fleet.model.spec.kernel.parameters

    words = {"a": "on", "b": "off", "c": "010", "d": "6.10", "e": "", "f": "0x10"}
    assert parameters == {name: (word,) for name, word in words.items()}


def test_keys_for_notes_are_ignored_at_every_level(tmp_path: Path) -> None:
    notes = "x-owner: team\nx-more: {a: [1]}\n"
    write(tmp_path, f"{FLEET.replace('{}', '{x-a: 1, memoryMapping: {x-b: 2}}')}{notes}")

    assert load(tmp_path).fleet.span_of(("spec", "memoryMapping")) == Span(
        f"{tmp_path}/p.yaml", 4, 31
    )


def test_keys_for_notes_do_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    write(tmp_path, FLEET.replace("{}", "{x-a: 1, kernal: {}}"))

    assert refusals(tmp_path) == [
        "p.yaml:4:16: unknown-key: spec has no key 'kernal'; fix: write kernel"
    ]


def test_placeholder_of_a_refused_value_is_not_told_again(tmp_path: Path) -> None:
    write(tmp_path, FLEET.replace("{}", ""))

    assert refusals(tmp_path) == [
        (
            "p.yaml:4:6: empty-value: there is no value; "
            'fix: write "" for an empty text, {} for an empty mapping, or remove the key'
        )
    ]


PROFILE = """---
apiVersion: fleetpolicy/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec: {{{spec}, source: our own test}}
"""


def test_profiles_of_a_site_take_the_place_of_shipped_ones(tmp_path: Path) -> None:
    kernel = "match: {release: 6.12.*-site}, stage2: {vfioPci: device, cacheablePfnmap: false}"
    write(
        tmp_path,
        FLEET
        + PROFILE.format(
            kind="DriverProfile", name="ours", spec="module: vfio-pci, driver: vfio-pci"
        )
        + PROFILE.format(kind="DeviceProfile", name="x", spec='ids: ["8086:1572"], title: Our NIC')
        + PROFILE.format(kind="KernelProfile", name="site", spec=kernel)
        + PROFILE.format(kind="KernelProfile", name="era-b", spec=kernel),
    )

    policy = load(tmp_path)

    assert policy.drivers["vfio_pci"].model.metadata.name == "ours"
    assert policy.devices["8086:1572"].model.spec.title == "Our NIC"
    assert [item.model.metadata.name for item in policy.kernels] == [
        "era-b",
        "site",
        "era-a",
        "era-c",
    ]


def test_two_profiles_of_a_site_for_one_module_or_id_are_refused(tmp_path: Path) -> None:
    device = 'ids: ["8086:1572"], title: NIC'
    write(
        tmp_path,
        FLEET
        + PROFILE.format(kind="DriverProfile", name="a", spec="module: x-y, driver: x-y")
        + PROFILE.format(kind="DriverProfile", name="b", spec="module: x_y, driver: x-y")
        + PROFILE.format(kind="DeviceProfile", name="a", spec=device)
        + PROFILE.format(kind="DeviceProfile", name="b", spec=device),
    )

    assert refusals(tmp_path) == [
        (
            "p.yaml:11:1: ambiguous-profile: x_y has a DriverProfile at p.yaml:6:1 and one here; "
            "fix: keep one of them"
        ),
        (
            "p.yaml:21:1: ambiguous-profile: 8086:1572 has a DeviceProfile at p.yaml:16:1 and one "
            "here; fix: keep one of them"
        ),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=80) | st.text("ab:-[]{}&*!|>'\"~ \n\t", max_size=60).map(str.encode))
def test_files_of_any_content_raise_nothing_but_findings(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "p.yaml").write_bytes(data)

    with pytest.raises(FleetPolicyError) as caught:
        load_policies([tmp_path])

    assert caught.value.diagnostics


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.recursive(
        st.sampled_from(["a", "", "0", "true", "10de:2342"]),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
            | st.dictionaries(
                st.sampled_from(["match", "device", "id", "hosts", "labels", "x-a", "mapping"]),
                inner,
                max_size=3,
            ).map(lambda items: "{" + ", ".join(f"{k}: {v}" for k, v in items.items()) + "}")
        ),
        max_leaves=12,
    )
)
def test_documents_of_any_shape_raise_nothing_but_findings(tmp_path: Path, spec: str) -> None:
    write(tmp_path, f"{FLEET}---\n{DEVICE_POLICY.replace('spec:', f'spec: {spec}')}")

    found: tuple[Diagnostic, ...] = ()
    try:
        load_policies([tmp_path])
    except FleetPolicyError as error:
        found = error.diagnostics

    assert all(item.span.line for item in found)
