"""Judge the documents that operators write."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleetpolicy.model.guest import Guest, GuestNetwork
from fleetpolicy.model.policy import (
    DevicePolicy,
    FleetPolicy,
    MappingMode,
    OnUnsupported,
)

Tree = dict[str, Any]


def tree(kind: str, spec: Tree) -> Tree:
    return {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": kind,
        "metadata": {"name": "x"},
        "spec": spec,
    }


def refusals(model: Any, document: Tree) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return [
        (".".join(str(step) for step in error["loc"]), error["msg"])
        for error in caught.value.errors()
    ]


def test_fleet_policy_without_words_has_the_safe_defaults() -> None:
    mapping = FleetPolicy.model_validate(tree("FleetPolicy", {})).spec.memory_mapping

    assert mapping.default is MappingMode.NORMAL_NC
    assert mapping.global_opt_out is False
    assert mapping.on_unsupported is OnUnsupported.FAIL


def test_fleet_policy_reads_what_the_language_page_shows() -> None:
    spec = {
        "memoryMapping": {"default": "device", "globalOptOut": "true", "onUnsupported": "trapped"},
        "kernel": {"parameters": {"iommu.passthrough": "0"}},
        "modules": {"vfio-pci": {"disable_idle_d3": "1"}},
    }

    found = FleetPolicy.model_validate(tree("FleetPolicy", spec)).spec

    assert found.memory_mapping.global_opt_out is True
    assert found.kernel.parameters == {"iommu.passthrough": ("0",)}
    assert found.modules == {"vfio-pci": {"disable_idle_d3": "1"}}


def test_unknown_key_is_refused_at_its_place() -> None:
    document = tree("FleetPolicy", {"memoryMapping": {"defualt": "device"}})

    assert refusals(FleetPolicy, document) == [
        ("spec.memoryMapping.defualt", "Extra inputs are not permitted")
    ]


@pytest.mark.parametrize(
    ("device", "accepted"),
    [
        ({"id": "10de:2342"}, True),
        ({"subsystem": "10de:16eb"}, True),
        ({"class": "0302"}, True),
        ({"address": "0000:01:00.0"}, True),
        ({"id": "10de:2342", "serial": "S1"}, True),
        ({"serial": "S1"}, False),
        ({}, False),
    ],
)
def test_device_match_chooses_by_something_every_host_shows(
    device: Tree, *, accepted: bool
) -> None:
    document = tree("DevicePolicy", {"match": {"device": device}})

    if accepted:
        DevicePolicy.model_validate(document)
    else:
        assert refusals(DevicePolicy, document) == [
            (
                "spec.match.device",
                "Value error, needs at least one of id, subsystem, class, address",
            )
        ]


def test_device_policy_defaults_leave_the_choice_to_the_fleet() -> None:
    document = tree("DevicePolicy", {"match": {"device": {"id": "10de:2342"}}})

    spec = DevicePolicy.model_validate(document).spec

    assert (spec.priority, spec.driver, spec.group) == (0, "auto", "fail")
    assert (spec.mapping, spec.on_unsupported) == (None, None)
    assert spec.libvirt.rom_bar is False


@pytest.mark.parametrize(
    ("network", "accepted"),
    [
        ({"bridge": "br0"}, True),
        ({"network": "default"}, True),
        ({"bridge": "br0", "network": "default"}, False),
        ({}, False),
    ],
)
def test_guest_network_connects_exactly_once(network: Tree, *, accepted: bool) -> None:
    if accepted:
        GuestNetwork.model_validate(network)
    else:
        assert refusals(GuestNetwork, network) == [
            ("", "Value error, needs exactly one of bridge and network")
        ]


def test_guest_takes_devices_by_address_and_id() -> None:
    spec = {
        "host": "gh-01.example.org",
        "vcpus": "4",
        "memory": "8GiB",
        "devices": [{"device": {"address": "0000:01:00.0", "id": "10DE:2342"}, "bootOrder": "1"}],
    }

    (device,) = Guest.model_validate(tree("Guest", spec)).spec.devices

    assert (device.device.id, device.boot_order) == ("10de:2342", 1)


def test_guest_device_without_an_id_is_refused() -> None:
    spec = {
        "host": "n1",
        "vcpus": 1,
        "memory": "1GiB",
        "devices": [{"device": {"address": "0000:01:00.0"}}],
    }

    assert refusals(Guest, tree("Guest", spec)) == [("spec.devices.0.device.id", "Field required")]


@pytest.mark.parametrize("host", ["", "-n1", "n 1", "n1;reboot", "n1\n", "a" * 255])
def test_guest_on_a_host_with_an_impossible_name_is_refused(host: str) -> None:
    document = tree("Guest", {"host": host, "vcpus": 1, "memory": "1GiB"})

    assert [place for place, _ in refusals(Guest, document)] == ["spec.host"]


def test_document_is_frozen() -> None:
    policy = FleetPolicy.model_validate(tree("FleetPolicy", {}))

    with pytest.raises(ValidationError, match="Instance is frozen"):
        setattr(policy, "kind", "FleetPolicy")  # noqa: B010 - mypy refuses the plain form
