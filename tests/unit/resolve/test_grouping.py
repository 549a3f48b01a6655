"""Group equal hosts, and keep apart what differs."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from fleetpolicy.model.template import Template
from fleetpolicy.resolve import resolve
from fleetpolicy.resolve.grouping import group_hosts

Make = Callable[..., Any]
GPU, DISK = "0000:01:00.0", "0000:02:00.0"
ON_GPU = {"match": {"device": {"id": "10de:2342"}}}


def members(site: Any) -> list[list[str]]:
    situations, _ = group_hosts(site.policy_set(), site.inventory(), site.records())
    return [[item.host, *item.others] for item in situations]


def guest(host: str, **more: Any) -> dict[str, Any]:
    return {"host": host, "devices": [{"device": {"address": GPU, "id": "10de:2342"}}], **more}


def test_equal_hosts_are_one_class_and_keep_their_own_guests(site: Make, host_facts: Make) -> None:
    hosts = {name: host_facts() for name in ("n1", "n2", "n3")}
    asked = site(
        hosts=hosts,
        policies={"p": ON_GPU},
        guests={"a": guest("n1"), "b": guest("n2")},
    )

    fleet, findings = asked.resolve()

    assert findings == ()
    assert members(asked) == [["n1", "n2"], ["n3"]]
    assert [(host.name, host.index, host.guests) for host in fleet.hosts] == [
        ("n1", 0, ("a",)),
        ("n2", 0, ("b",)),
        ("n3", 1, ()),
    ]
    assert fleet.classes[0].facts_source == "facts/n1.json, 2026-03-01"


def test_hosts_of_different_facts_are_kept_apart(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts(), "n2": host_facts("b"), "n3": host_facts()}

    assert members(site(hosts=hosts)) == [["n1", "n3"], ["n2"]]


def test_guests_that_differ_keep_their_hosts_apart(site: Make, host_facts: Make) -> None:
    hosts = {name: host_facts() for name in ("n1", "n2", "n3", "n4", "n5")}
    guests = {
        "a": guest("n1"),
        "b": guest("n2", vcpus=4),
        "c": guest("n3", title="the third"),
        "d": guest("n4", disks=[{"path": "/srv/d.qcow2"}]),
        "e": guest("n5"),
    }

    assert members(site(hosts=hosts, guests=guests)) == [["n1", "n5"], ["n2"], ["n3"], ["n4"]]


def test_serials_keep_hosts_apart_only_where_policy_names_one(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts(), "n2": host_facts()}
    serials = {"n1": {GPU: "S1"}, "n2": {GPU: "S2"}}
    by_serial = {"match": {"device": {"id": "10de:2342", "serial": "S1"}}}

    assert members(site(hosts=hosts, serials=serials, policies={"p": ON_GPU})) == [["n1", "n2"]]
    fleet, _ = site(hosts=hosts, serials=serials, policies={"p": by_serial}).resolve()

    assert [[a.device.address for a in fleet.class_of(h).assignments] for h in fleet.hosts] == [
        [GPU],
        [],
    ]


def test_policies_of_a_group_keep_hosts_apart(site: Make, host_facts: Make) -> None:
    hosts = {"n1": host_facts(), "n2": host_facts()}
    policy = {"match": {"hosts": {"group": "gpu"}, "device": {"id": "10de:2342"}}}

    assert members(site(hosts=hosts, groups={"n1": ("gpu",)}, policies={"p": policy})) == [
        ["n1"],
        ["n2"],
    ]
    # Groups that no policy tells apart make no difference.
    assert members(site(hosts=hosts, groups={"n1": ("gpu",)}, policies={"p": ON_GPU})) == [
        ["n1", "n2"]
    ]


def test_finding_names_all_hosts_of_its_class(site: Make, host_facts: Make) -> None:
    hosts = {name: host_facts(kernel={"normalNcMarker": None}) for name in ("n1", "n2", "n3")}

    (finding,) = site(hosts=hosts).resolve()[1]

    assert (finding.subject.host, finding.subject.others) == ("n1", ("n2", "n3"))
    assert finding.subject.facts == "facts/n1.json, 2026-03-01"


def test_guest_takes_its_devices_in_its_own_order_with_what_the_variant_needs(
    site: Make,
) -> None:
    wanted = guest("n1")
    wanted["devices"] = [
        {"device": {"address": DISK, "id": "144d:a808"}, "bootOrder": 1},
        *wanted["devices"],
    ]

    (found,) = site(policies={"p": ON_GPU}, guests={"g": wanted}).only_class().guests

    assert [(d.assignment.device.address, d.boot_order) for d in found.devices] == [
        (DISK, 1),
        (GPU, 0),
    ]
    assert found.generic_initiator_nodes == {GPU: 8}
    assert found.mmio_aperture_kib == 512 << 20
    assert str(found.origin) == "g#"


def test_guest_on_plain_vfio_pci_needs_nothing_of_the_variant(site: Make) -> None:
    policy = {**ON_GPU, "driver": "vfio-pci"}

    (found,) = site(policies={"p": policy}, guests={"g": guest("n1")}).only_class().guests

    assert found.generic_initiator_nodes == {}
    assert found.mmio_aperture_kib == 0


def test_resolution_is_the_same_whatever_the_order_of_hosts(site: Make, host_facts: Make) -> None:
    kinds = {"n1": host_facts(), "n2": host_facts("b"), "n3": host_facts()}
    backwards = dict(reversed(kinds.items()))

    first = site(hosts=kinds, policies={"p": ON_GPU}).resolve()
    second = site(hosts=backwards, policies={"p": ON_GPU}).resolve()

    assert [host.name for host in first[0].hosts] == ["n1", "n2", "n3"]
    assert [(h.name, h.index) for h in first[0].hosts] == [
        (h.name, h.index) for h in second[0].hosts
    ]


@pytest.mark.parametrize(("second", "classes"), [(b"<domain/>", 1), (b"<domain />", 2)])
def test_hosts_whose_guests_have_other_templates_are_of_another_class(
    site: Make, host_facts: Callable[..., Any], second: bytes, classes: int
) -> None:
    guests = {f"g-{host}": {"host": host, "template": "base.xml"} for host in ("n1", "n2")}
    made = site(hosts={"n1": host_facts(), "n2": host_facts()}, guests=guests)
    texts = {"g-n1": b"<domain/>", "g-n2": second}
    templates = {
        name: Template("base.xml", data, sha256(data).hexdigest()) for name, data in texts.items()
    }
    policy = replace(made.policy_set(), templates=templates)

    fleet, findings = resolve(policy, made.inventory(), made.records())

    assert findings == ()
    assert len(fleet.classes) == classes
    assert [item.guests[0].template for item in fleet.classes] == [
        templates["g-n1"],
        templates["g-n2"],
    ][:classes]
