"""Reject and accept claims: guests, policies, IOMMU groups (FP201 to FP209, FP213)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.resolve.conftest import PATTERN

Make = Callable[..., Any]
GPU, AUDIO, DISK, NIC = "0000:01:00.0", "0000:01:00.1", "0000:02:00.0", "0000:03:00.0"
BY_ID = {"match": {"device": {"id": "10de:2342"}}}


def takes(address: str, identity: str, host: str = "n1", **more: str) -> dict[str, Any]:
    return {"host": host, "devices": [{"device": {"address": address, "id": identity, **more}}]}


def assigned(host_class: Any) -> list[str]:
    return [item.device.address for item in host_class.assignments]


def test_guest_on_an_unknown_host_is_fp201(site: Make) -> None:
    assert site(guests={"g": {"host": "n9"}}).says() == [
        (
            "g#spec.host: FP201 [] guest g runs on n9, which hosts.yaml does not have -> "
            "name a host of the inventory, or add the host to it"
        )
    ]


def test_guest_on_a_host_outside_the_limit_is_accepted(site: Make) -> None:
    assert site(guests={"g": {"host": "n9"}}, elsewhere=("n9",)).says() == []


def test_policy_for_an_unknown_group_is_fp202_alone(site: Make) -> None:
    policy = {"match": {"hosts": {"group": "gh200"}, "device": {"id": "10de:2342"}}}

    assert site(policies={"p": policy}, groups={"n1": ("grace",)}).says() == [
        (
            "p#spec.match.hosts.group: FP202 [] group gh200 is not in hosts.yaml: it has grace -> "
            "name one of these groups, or add the group to the inventory"
        )
    ]


def test_policy_for_a_known_group_is_accepted(site: Make) -> None:
    policy = {"match": {"hosts": {"group": "grace"}, "device": {"id": "10de:2342"}}}

    found = site(policies={"p": policy}, groups={"n1": ("grace",)}).only_class()

    assert assigned(found) == [GPU]


def test_pattern_without_hosts_is_fp222_alone(site: Make) -> None:
    policy = {"match": {"hosts": {"pattern": "rack7-*"}, "device": {"id": "10de:2342"}}}

    assert site(policies={"p": policy}).says() == [
        (
            "p#spec.match.hosts.pattern: FP222 [] pattern rack7-* matches no host of hosts.yaml -> "
            "correct the pattern, or remove the policy"
        )
    ]


def test_pattern_and_labels_choose_hosts(site: Make, host_facts: Make) -> None:
    chosen = site(
        hosts={name: host_facts() for name in ("n1", "n2", "n3")},
        policies={
            "p": {
                "match": {
                    "hosts": {"pattern": "n*", "labels": {"rack": "r1"}},
                    "device": {"id": "10de:2342"},
                }
            }
        },
        patterns={"n*": frozenset({"n1", "n2"})},
        labels={"n1": {"rack": "r1"}, "n2": {"rack": "r2"}, "n3": {"rack": "r1"}},
    )

    fleet, findings = chosen.resolve()

    assert findings == ()
    assert {host.name: assigned(fleet.class_of(host)) for host in fleet.hosts} == {
        "n1": [GPU],
        "n2": [],
        "n3": [],
    }


@pytest.mark.shows("FP203")
@pytest.mark.parametrize(
    ("used_by", "state", "fix"),
    [
        (
            [],
            "10de:22be (snd_hda_intel), which no policy claims",
            f"match {AUDIO} too, or set spec.group: take-all",
        ),
        (
            ["console"],
            "which is the host's console",
            "leave the whole group to the host, or move the host to another device",
        ),
    ],
)
def test_group_partner_that_nobody_claims_is_fp203_once(
    site: Make, device: Make, used_by: list[str], state: str, fix: str
) -> None:
    devices = [
        device(GPU, "10de:2342", "030200", 1),
        device(AUDIO, "10de:22be", "040300", 1, nativeDriver="snd_hda_intel", usedBy=used_by),
        device("0000:01:00.2", "10de:2342", "030200", 1),
    ]

    assert site(policies={"p": BY_ID}, change={"devices": devices}).says() == [
        (
            f"p#spec.match.device: FP203 [n1 {GPU}] {GPU} shares IOMMU group 1 with {AUDIO}, "
            f"{state} -> {fix}"
        )
    ]


@pytest.mark.accepts("FP203")
def test_group_partner_is_taken_along_where_policy_says_so(site: Make, device: Make) -> None:
    devices = [
        device("0000:00:00.0", "10de:22b1", "060400", 1),
        device(GPU, "10de:2342", "030200", 1),
        device(AUDIO, "10de:22be", "040300", 1),
    ]
    policy = {**BY_ID, "group": "take-all", "driver": "nvgrace-gpu-vfio-pci"}

    found = site(policies={"p": policy}, change={"devices": devices}).only_class()

    assert [(a.device.address, a.driver.name, a.companion) for a in found.assignments] == [
        (GPU, "nvgrace_gpu_vfio_pci", False),
        (AUDIO, "vfio-pci", True),  # the named driver does not take it
    ]


def test_group_partner_is_taken_along_if_any_policy_of_the_group_says_so(
    site: Make, device: Make
) -> None:
    devices = [
        device(GPU, "10de:2342", "030200", 1),
        device(AUDIO, "10de:22be", "040300", 1),
        device(NIC, "15b3:1021", "020000", 1),
    ]
    policies = {
        "gpu": BY_ID,
        "nic": {"match": {"device": {"address": NIC}}, "group": "take-all"},
    }

    found = site(policies=policies, change={"devices": devices}).only_class()

    assert [(a.device.address, a.companion) for a in found.assignments] == [
        (GPU, False),
        (AUDIO, True),
        (NIC, False),
    ]


@pytest.mark.parametrize("host_uses", [None, "0000:03:04.0"])
def test_group_of_33_functions_is_taken_whole_or_not_at_all(
    site: Make, device: Make, host_uses: str | None
) -> None:
    addresses = [f"0000:03:{number >> 3:02x}.{number & 7}" for number in range(33)]
    devices = [
        device(address, "15b3:101e", "020000", 3, usedBy=["ssh"] if address == host_uses else [])
        for address in addresses
    ]
    policy = {"match": {"device": {"address": addresses[0]}}, "group": "take-all"}

    made = site(policies={"p": policy}, change={"devices": devices})

    if host_uses:
        assert made.says() == [
            (
                f"p#spec.match.device: FP203 [n1 {addresses[0]}] {addresses[0]} shares IOMMU group "
                f"3 with {host_uses}, which is the host's ssh -> leave the whole group to the "
                "host, or move the host to another device"
            )
        ]
    else:
        taken = made.only_class().assignments
        assert [item.device.address for item in taken] == addresses
        assert [item.companion for item in taken] == [False] + [True] * 32


def test_virtual_functions_get_the_driver_of_their_own_alias(site: Make, device: Make) -> None:
    mlx5 = {"pattern": "vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*", "module": "mlx5_vfio_pci"}
    change = {
        "devices": [
            device(NIC, "15b3:1021", "020000", 3, nativeDriver="mlx5_core", usedBy=["ssh"]),
            device("0000:03:00.2", "15b3:101e", "020000", 4, nativeDriver="mlx5_core"),
            device("0000:03:00.3", "15b3:101e", "020000", 5, nativeDriver="mlx5_core"),
        ],
        "modules": {"vfio_pci": "module", "mlx5_vfio_pci": "module"},
        "vfioAliases": [{"pattern": PATTERN, "module": "vfio_pci"}, mlx5],
    }
    profile = {"module": "mlx5_vfio_pci", "driver": "mlx5_vfio_pci", "source": "the tests"}
    policy = {"match": {"device": {"id": "15b3:101e"}}}

    made = site(policies={"vf": policy}, change=change, drivers={"mlx5": profile})

    assert [(item.device.address, item.driver.name) for item in made.only_class().assignments] == [
        ("0000:03:00.2", "mlx5_vfio_pci"),
        ("0000:03:00.3", "mlx5_vfio_pci"),
    ]


@pytest.mark.shows("FP204")
def test_device_without_a_group_is_fp204(site: Make, device: Make) -> None:
    devices = [device(GPU, "10de:2342", "030200", None)]

    assert site(policies={"p": BY_ID}, change={"devices": devices}).says() == [
        (
            f"p#spec.match.device: FP204 [n1 {GPU}] {GPU} (10de:2342) is in no IOMMU group -> "
            "switch the SMMU or IOMMU on in firmware, boot, and collect the facts again"
        )
    ]


@pytest.mark.shows("FP205")
def test_group_split_over_guests_is_fp205(site: Make, device: Make) -> None:
    devices = [
        device(GPU, "10de:2342", "030200", 1),
        device(AUDIO, "10de:22be", "040300", 1),
    ]
    guests = {"a": takes(GPU, "10de:2342"), "b": takes(AUDIO, "10de:22be")}

    assert site(guests=guests, change={"devices": devices}).says() == [
        (
            f"b#spec.devices.0: FP205 [n1 {AUDIO}] IOMMU group 1: {GPU} goes to guest a at "
            f"a#spec.devices.0, {AUDIO} to guest b here -> give both functions to one guest"
        )
    ]


@pytest.mark.accepts("FP205")
def test_group_given_whole_to_one_guest_is_accepted(site: Make, device: Make) -> None:
    devices = [
        device(GPU, "10de:2342", "030200", 1),
        device(AUDIO, "10de:22be", "040300", 1),
    ]
    both = takes(GPU, "10de:2342")
    both["devices"] += takes(AUDIO, "10de:22be")["devices"]

    found = site(guests={"a": both}, change={"devices": devices}).only_class()

    assert [d.assignment.device.address for d in found.guests[0].devices] == [GPU, AUDIO]


def test_policies_of_equal_priority_on_one_device_are_fp206_each(site: Make) -> None:
    policies = {
        "one": BY_ID,
        "two": {"match": {"device": {"class": "0302"}}},
        "three": {"match": {"device": {"address": GPU}}},
    }

    tie = "both match 0000:01:00.0 (10de:2342) with priority 0"
    assert site(policies=policies).says() == [
        f"{loser}#spec.priority: FP206 [n1 {GPU}] {loser} and one (one#spec.priority) {tie} -> "
        "give one of them a higher priority, or narrow its match"
        for loser in ("three", "two")
    ]


@pytest.mark.accepts("FP210")
def test_policy_of_higher_priority_wins(site: Make) -> None:
    policies = {
        "low": {**BY_ID, "mapping": "trapped", "priority": 5},
        "high": {"match": {"device": {"address": GPU}}, "priority": 9, "driver": "vfio-pci"},
        "lowest": {"match": {"device": {"class": "0302"}}, "mapping": "device"},
    }

    (item,) = site(policies=policies).only_class().assignments

    assert (item.policy, item.mapping.value) == ("high", "normal-nc")
    assert str(item.mapping_origin) == "fleet#spec.memoryMapping.default"
    assert str(item.driver_origin) == "high#spec.driver"


def test_guest_device_at_an_empty_address_is_fp207(site: Make) -> None:
    guests = {"g": takes("0000:09:00.0", "10de:2342"), "h": takes("0000:08:00.0", "1234:5678")}
    fix = "correct the address, or collect the facts again if the device is new"

    assert site(guests=guests).says() == [
        (
            "g#spec.devices.0: FP207 [n1 0000:09:00.0] n1 has no device at 0000:09:00.0; "
            f"10de:2342 sits at {GPU} -> {fix}"
        ),
        (
            "h#spec.devices.0: FP207 [n1 0000:08:00.0] n1 has no device at 0000:08:00.0; "
            f"1234:5678 sits at no address of it -> {fix}"
        ),
    ]


def test_guest_device_with_another_id_is_fp208(site: Make) -> None:
    assert site(guests={"g": takes(GPU, "10de:2345")}).says() == [
        (
            f"g#spec.devices.0: FP208 [n1 {GPU}] {GPU} is 10de:2342; guest g expects 10de:2345 -> "
            "find the device's new address, and correct the guest"
        )
    ]


@pytest.mark.parametrize(("serials", "seen"), [({}, "unknown"), ({GPU: "S2"}, "S2")])
def test_guest_device_with_another_serial_is_fp208(
    site: Make, serials: dict[str, str], seen: str
) -> None:
    guests = {"g": takes(GPU, "10de:2342", serial="S1")}

    assert site(guests=guests, serials={"n1": serials}).says() == [
        (
            f"g#spec.devices.0: FP208 [n1 {GPU}] {GPU} is 10de:2342 serial {seen}; "
            "guest g expects 10de:2342 serial S1 -> "
            "find the device's new address, and correct the guest"
        )
    ]


@pytest.mark.accepts("FP209")
def test_guest_device_with_its_serial_is_accepted(site: Make) -> None:
    guests = {"g": takes(GPU, "10de:2342", serial="S1")}

    assert assigned(site(guests=guests, serials={"n1": {GPU: "S1"}}).only_class()) == [GPU]


@pytest.mark.shows("FP209")
def test_device_in_two_guests_is_fp209(site: Make) -> None:
    guests = {"a": takes(GPU, "10de:2342"), "b": takes(GPU, "10de:2342")}

    assert site(guests=guests).says() == [
        (
            f"b#spec.devices.0: FP209 [n1 {GPU}] {GPU} is given to guest a at a#spec.devices.0 "
            f"and to guest b here -> remove {GPU} from guest a or from guest b"
        )
    ]


@pytest.mark.shows("FP210")
def test_host_without_facts_is_fp210(site: Make) -> None:
    assert site(unseen=("n2", "n3")).says() == [
        (
            "hosts.yaml: FP210 [n2 n3] no facts are recorded for it -> "
            "run: fleetpolicy facts collect -i hosts.yaml"
        )
    ]


def test_device_that_the_host_uses_is_fp213(site: Make, device: Make) -> None:
    devices = [
        device(DISK, "144d:a808", "010802", 2, usedBy=["root disk", "swap"]),
        device("0000:04:00.0", "144d:a808", "010802", 4),
    ]
    policy = {"match": {"device": {"id": "144d:a808"}}}

    assert site(policies={"p": policy}, change={"devices": devices}).says() == [
        (
            f"p#spec.match.device: FP213 [n1 {DISK}] {DISK} (144d:a808) is the host's "
            "root disk, swap -> match the other devices by address, so that this one is left to "
            "the host"
        )
    ]


@pytest.mark.accepts("FP204")
def test_device_that_the_host_does_not_use_is_accepted(site: Make, device: Make) -> None:
    devices = [
        device(DISK, "144d:a808", "010802", 2, usedBy=["root disk"]),
        device("0000:04:00.0", "144d:a808", "010802", 4),
    ]
    policy = {"match": {"device": {"id": "144d:a808", "address": "0000:04:00.0"}}}

    found = site(policies={"p": policy}, change={"devices": devices}).only_class()

    assert assigned(found) == ["0000:04:00.0"]


def test_policy_that_matches_no_device_is_fp218(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts(), "n2": host_facts()}
    policy = {"match": {"device": {"id": "1234:5678"}}}

    assert site(hosts=hosts, policies={"p": policy}).says() == [
        (
            "p#spec.match: FP218 [] p matches no device of 2 hosts -> "
            "correct the match, or remove the policy"
        )
    ]


def test_policy_that_could_match_hosts_outside_the_limit_is_not_judged(site: Make) -> None:
    policy = {"match": {"device": {"id": "1234:5678"}}}

    assert site(policies={"p": policy}, elsewhere=("n2",)).says() == []


def test_policy_that_could_match_hosts_without_facts_is_not_judged(site: Make) -> None:
    policy = {"match": {"device": {"id": "1234:5678"}}}

    assert [text.split()[1] for text in site(policies={"p": policy}, unseen=("n2",)).says()] == [
        "FP210"
    ]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"id": "10DE:2342"}, [GPU]),
        ({"class": "0108"}, [DISK]),
        ({"class": "010802"}, [DISK]),
        ({"class": "010801"}, []),
        ({"address": NIC}, [NIC]),
        ({"address": NIC, "id": "10de:2342"}, []),
        ({"id": "10de:2342", "serial": "S1"}, [GPU]),
        ({"id": "10de:2342", "serial": "S2"}, []),
        ({"id": "144d:a808", "serial": "S1"}, []),
        ({"id": "10de:2342", "subsystem": "10de:16eb"}, []),
    ],
)
def test_device_match_needs_all_its_parts(
    site: Make, match: dict[str, str], expected: list[str]
) -> None:
    fleet, _ = site(
        policies={"p": {"match": {"device": match}}}, serials={"n1": {GPU: "S1"}}
    ).resolve()

    assert assigned(fleet.classes[0]) == expected


def test_bridge_that_a_policy_matches_is_fp214(site: Make) -> None:
    policy = {"match": {"device": {"class": "0604"}}}

    assert site(policies={"p": policy}).says()[-1] == (
        "p#spec.match.device: FP214 [n1 0000:00:00.0] 0000:00:00.0 (10de:22b1) is a bridge, "
        "which every VFIO driver refuses -> match the devices behind it, by id, class or address"
    )


def test_findings_of_a_class_are_all_collected(site: Make) -> None:
    broken = site(
        policies={"p": BY_ID, "q": {"match": {"device": {"address": GPU}}}},
        guests={"g": takes("0000:09:00.0", "10de:2342")},
        fleet={"modules": {"vfio_pci": {"nope": "1"}}},
        change={"kernel": {"normalNcMarker": None}},
    )

    assert sorted(text.split()[1] for text in broken.says()) == [
        "FP206",
        "FP207",
        "FP211",
        "FP217",
    ]


def test_host_with_an_error_is_left_out_and_the_others_stay(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts(), "n2": host_facts("b", cpu={"fwb": False})}

    fleet, findings = site(hosts=hosts, guests={"g": takes("0000:09:00.0", "10de:2342")}).resolve()

    assert [finding.rule.id for finding in findings] == ["FP207"]
    assert [host.name for host in fleet.hosts] == ["n2"]
    assert fleet.revision == "r1"
