import json
import time
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec import structs

from benchmarks.generate import Fleet
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.radius import Radius, Shift, Side
from fleetpolicy.report.markdown import write_markdown
from fleetpolicy.report.product import Product
from fleetpolicy.report.radius import SHOWN_GROUPS, summarise_radius, write_radius
from fleetpolicy.report.radius_document import radius_document
from fleetpolicy.report.schema import output_schemas
from tests.conftest import Golden
from tests.unit.compare.radii import GUEST, compare, make_fleet, side_of

HERE = Path(__file__).parent
HOSTS = 1_000
THREE = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: three-hosts}
spec:
  priority: 900
  match:
    hosts: {pattern: "kvm-00005,kvm-00036,kvm-00059"}
    device: {id: "8086:1572"}
  driver: vfio-pci
  mapping: trapped
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("radius")
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield make_fleet(folder, HOSTS)


@pytest.fixture(scope="module")
def policy(fleet: Fleet) -> str:
    return (fleet.policies / "fleet.yaml").read_text()


@pytest.fixture(scope="module")
def before(fleet: Fleet, policy: str) -> Side:
    return side_of(fleet, policy)


def comment(radius: Radius) -> str:
    product = Product(
        "plan --against", "changes", lambda _: "", dict, findings=radius.new, radius=radius
    )
    return write_markdown(product)


def test_radius_of_an_edit_that_moves_lines_alone_is_empty(
    fleet: Fleet, policy: str, before: Side
) -> None:
    radius = compare(before, side_of(fleet, f"# a note\n\n{policy}"))

    assert radius.is_empty
    assert write_radius(radius) == "Against main (0123456789ab): nothing changes on 1000 hosts.\n"


def test_radius_of_an_edit_for_three_hosts_reads_well(
    fleet: Fleet, policy: str, before: Side, golden: Golden
) -> None:
    radius = compare(before, side_of(fleet, policy + THREE))

    assert sum(len(group.hosts) for group in radius.groups) == 3
    golden(HERE / "three-of-1000.txt", write_radius(radius))
    golden(HERE / "three-of-1000.md", comment(radius))


def test_radius_of_an_edit_for_all_hosts_reads_well(
    fleet: Fleet, policy: str, before: Side, golden: Golden
) -> None:
    edited = policy.replace('iommu.strict: "1"', 'iommu.strict: "0"').replace(
        "  driver: vfio-pci\n  mapping: normal-nc\n", "  driver: vfio-pci\n  mapping: device\n"
    )

    radius = compare(before, side_of(fleet, edited))

    assert sum(len(group.hosts) for group in radius.groups) == radius.total
    golden(HERE / "all-of-1000.txt", write_radius(radius))
    golden(HERE / "all-of-1000.md", comment(radius))


def test_radius_of_one_text_for_all_hosts_is_one_group(
    fleet: Fleet, policy: str, before: Side
) -> None:
    radius = compare(before, side_of(fleet, policy.replace('strict: "1"', 'strict: "0"')))

    (group,) = radius.groups
    assert (len(group.hosts), group.boot_kinds) == (HOSTS, ("kernel command line",))
    assert len(group.artifacts) == 1
    assert radius_document(radius)["hosts"] == {
        "total": HOSTS,
        "changing": HOSTS,
        "rebooting": HOSTS,
        "otherFacts": [],
    }


def test_radius_of_guests_names_those_that_must_be_off(
    fleet: Fleet, policy: str, before: Side
) -> None:
    places = [
        (name, mapping)
        for name in ("kvm-00001", "kvm-00002", "kvm-00003", "kvm-00004")
        for host in before.fleet.hosts
        if host.name == name
        for mapping in before.simulation.classes[host.index][:1]
    ]
    guests = "".join(
        GUEST.format(number=number, host=host, address=mapping.device, id=mapping.id)
        for number, (host, mapping) in enumerate(places)
    )
    there = side_of(fleet, policy + guests)

    radius = compare(there, side_of(fleet, policy + guests.replace("8GiB", "16GiB")))

    off = {host: names for group in radius.groups for host, names in group.guests_off.items()}
    assert off == {host: (f"guest-{number}",) for number, (host, _) in enumerate(places)}
    assert not any(group.reboots for group in radius.groups)
    assert {item.verb for group in radius.groups for item in group.artifacts} == {Verb.CHANGE}
    assert summarise_radius(radius) == (
        f"Against main (0123456789ab): {len(places)} of 1000 hosts change, 0 reboot, "
        f"{len(places)} guests must be off.\n"
    )


def test_radius_of_guests_that_come_and_go_tells_what_is_new(
    fleet: Fleet, policy: str, before: Side
) -> None:
    host = next(host for host in before.fleet.hosts if before.simulation.classes[host.index])
    mapping = before.simulation.classes[host.index][0]
    guest = GUEST.format(number=1, host=host.name, address=mapping.device, id=mapping.id)
    there = side_of(fleet, policy + guest)

    (coming,), (going,) = compare(before, there).groups, compare(there, before).groups

    assert [(item.verb, item.name) for item in coming.artifacts] == [(Verb.CREATE, "guest-1")]
    assert [(item.verb, item.name) for item in going.artifacts] == [(Verb.REMOVE, "guest-1")]
    assert (coming.guests_off, going.guests_off) == ({}, {host.name: ("guest-1",)})


def test_radius_lists_hosts_that_leave_and_enter(fleet: Fleet, policy: str, before: Side) -> None:
    smaller = side_of(fleet, policy, leave_out="kvm-00010")

    leaving, entering = compare(before, smaller), compare(smaller, before)

    assert write_radius(replace(leaving, gone=())) == (
        "leave the fleet\n"
        "  host kvm-00010: gone from the inventory\n"
        "\n"
        "Against main (0123456789ab): 0 of 999 hosts change, 0 reboot, 0 guests must be off.\n"
        "Hosts: 0 enter, 1 leave.\n"
    )
    assert [move.why for move in entering.entering] == ["new in the inventory"]


def test_radius_tells_that_facts_differ_too(before: Side) -> None:
    other = replace(before, facts={**before.facts, "kvm-00001": b"other"})

    assert compare(other, before).other_facts == ("kvm-00001",)


def test_radius_with_many_groups_is_cut_unless_all_are_wanted(
    fleet: Fleet, policy: str, before: Side
) -> None:
    radius = compare(before, side_of(fleet, policy + THREE))
    many = replace(radius, groups=radius.groups[:1] * (SHOWN_GROUPS + 5))

    short, long = write_radius(many), write_radius(many, verbose=True)

    assert "\n5 more groups with " in short
    assert len(long.splitlines()) > len(short.splitlines())
    assert "more groups" not in long


def test_radius_document_is_plain_data(fleet: Fleet, policy: str, before: Side) -> None:
    radius: Radius = compare(before, side_of(fleet, policy + THREE))

    document = json.loads(json.dumps(radius_document(radius)))

    whole = {"formatVersion": 1, "command": "plan --against", "result": "changes", "findings": []}
    judge = Draft202012Validator(output_schemas()["Output"])
    assert list(judge.iter_errors({**whole, "radius": document})) == []
    assert list(judge.iter_errors({**whole, "radius": {**document, "groups": [{}]}})) != []
    assert document["mappings"] == {Shift.STRONGER.value: 1, Shift.ASSIGNED.value: 2}
    assert [item["shift"] for item in document["groups"][0]["mappings"]] == ["assigned"] * 2
    assert document["against"]["revision"] == "main"


def test_radius_of_ten_thousand_hosts_is_worked_out_per_class(before: Side) -> None:
    hosts = tuple(
        structs.replace(host, name=f"{host.name}-{copy}")
        for copy in range(10)
        for host in before.fleet.hosts
    )
    side = replace(before, fleet=replace(before.fleet, hosts=hosts))

    started = time.process_time()
    radius = compare(side, side)

    assert time.process_time() - started < 1
    assert radius.is_empty
