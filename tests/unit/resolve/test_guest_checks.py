"""Judge guests by what their host has: processors, cells, huge pages, and how devices come in."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from fleetpolicy.pipeline.rules import all_rules
from fleetpolicy.resolve.guest_rules import (
    CELLS_DO_NOT_ADD_UP,
    GIC_TOO_SMALL,
    NO_SUCH_CPU,
    NO_SUCH_NODE,
    NOT_ONE_TO_ONE,
    POOL_UNKNOWN,
)
from tests.shown import each
from tests.unit.resolve.conftest import DISK, GPU, NIC, default_devices, facts, pci

Make = Callable[..., Any]
Tree = dict[str, Any]
NUMA = [
    {"node": 0, "cpus": "0-7", "hugepages": [{"sizeKib": 2048, "pages": 4096}]},
    {"node": 1, "cpus": "8-15", "hugepages": [{"sizeKib": 2048, "pages": 1024}]},
]
OPTIONS = {"VFIO_DEVICE_CDEV": "y", "ARM_SMMU_V3_IOMMUFD": "y", "TEGRA241_CMDQV": "y"}
MODULES = {"vfio_pci": "module", "nvgrace_gpu_vfio_pci": "module", "iommufd": "module"}


def devices(*smmus: str | None) -> list[Tree]:
    """Return the default devices, disk and NIC behind these SMMUs of the host."""
    found = {item["address"]: item for item in default_devices()}
    for address, smmu in zip((DISK, NIC), smmus, strict=False):
        found[address]["iommu"] = smmu
    return list(found.values())


def host(**more: Any) -> Tree:
    kernel = {"options": OPTIONS}
    return facts(**{"numa": NUMA, "modules": MODULES, "kernel": kernel, **more})


def says(site: Make, *guests: Tree, on: Tree | None = None, **more: Any) -> list[str]:
    """Return the findings about guests g0, g1 and so on of one host."""
    named = {f"g{number}": {"host": "n1", **spec} for number, spec in enumerate(guests)}
    found: list[str] = site(hosts={"n1": on or host()}, guests=named, **more).says()
    return found


def take(address: str, identity: str, **more: Any) -> Tree:
    return {"device": {"address": address, "id": identity}, **more}


def disk(**more: Any) -> Tree:
    return take(DISK, "144d:a808", **more)


def nic(**more: Any) -> Tree:
    return take(NIC, "15b3:1021", **more)


@pytest.mark.accepts(
    "FP250",
    "FP251",
    "FP252",
    "FP253",
    "FP254",
    "FP255",
    "FP256",
    "FP257",
    "FP258",
    "FP259",
    "FP260",
    "FP261",
    "FP262",
    "FP263",
)
def test_guest_that_fits_its_host_is_silent(site: Make) -> None:
    spec = {
        "vcpus": 4,
        "memory": "4GiB",
        "hugepages": "2MiB",
        "numaNode": 0,
        "pinning": {"vcpus": "0,2-4", "emulator": "8-9", "ioThreads": "10"},
        "ioThreads": 1,
        "gic": "3",
        "devices": [disk(smmu={"cmdqv": "true"}), nic(iommufd="true")],
    }

    assert says(site, spec) == []


@pytest.mark.shows("FP251")
def test_row_8_pin_of_an_absent_vcpu_is_refused(site: Make) -> None:
    found = says(site, {"vcpus": 2, "pinning": {"vcpus": "0-2"}})

    assert found == [
        (
            "g0#spec.pinning.vcpus: FP251 [n1] guest g0: 2 vCPUs, and 0-2 names 3 CPUs -> "
            "name as many CPUs as there are vCPUs, or write them as floating"
        )
    ]


@pytest.mark.shows("FP250")
@pytest.mark.parametrize("place", ["vcpus", "floating", "emulator", "ioThreads"])
def test_pin_to_an_absent_cpu_is_refused(site: Make, place: str) -> None:
    found = says(site, {"vcpus": 2, "pinning": {place: "15-16"}})

    assert found == [
        (
            f"g0#spec.pinning.{place}: FP250 [n1] guest g0: the host has no CPU 16; it showed 0-15 "
            "-> name CPUs that it has"
        )
    ]


@pytest.mark.shows("FP250")
def test_pin_on_a_host_that_showed_no_cpus_is_refused(site: Make) -> None:
    found = says(site, {"vcpus": 2, "pinning": {"vcpus": "0-1"}}, on=host(numa=[]))

    assert found == [
        (
            "g0#spec.pinning.vcpus: FP250 [n1] guest g0: the host has no CPU 0-1; it showed none "
            "-> collect the facts again"
        )
    ]


@pytest.mark.shows("FP262")
def test_cpu_pinned_for_two_guests_is_warned_about(site: Make) -> None:
    one, other = ({"vcpus": 2, "pinning": {"vcpus": cpus}} for cpus in ("0-1", "1-2"))

    assert says(site, one, other) == [
        (
            "g1#spec.pinning.vcpus: FP262 [n1] guest g1: CPU 1 runs a vCPU of guest g0 too -> "
            "pin the guests to CPUs of their own, or write them as floating"
        )
    ]


@pytest.mark.shows("FP252")
def test_node_that_the_host_does_not_have_is_refused(site: Make) -> None:
    found = says(site, {"numaNode": 2}, {"numaNode": 0}, on=host(numa=NUMA[1:]))

    assert found == [
        (
            "g0#spec.numaNode: FP252 [n1] guest g0: the host has no NUMA node 2; it showed 1 -> "
            "name a node that it has"
        ),
        (
            "g1#spec.numaNode: FP252 [n1] guest g1: the host has no NUMA node 0; it showed 1 -> "
            "name a node that it has"
        ),
    ]


@pytest.mark.shows("FP253")
def test_cells_that_do_not_add_up_are_refused(site: Make) -> None:
    cells = [{"vcpus": "0-1", "memory": "1GiB"}, {"vcpus": "1-2", "memory": "2GiB"}]

    assert says(site, {"vcpus": 4, "memory": "4GiB", "numa": cells}) == [
        (
            "g0#spec.numa: FP253 [n1] guest g0: the guest has vCPUs 0-3, and its cells 0-1, 1-2 -> "
            "give each vCPU to one cell"
        ),
        (
            "g0#spec.numa: FP253 [n1] guest g0: the guest has 4GiB, and its cells together 3GiB -> "
            "write memory: 3GiB, or change the cells"
        ),
    ]


@pytest.mark.shows("FP259")
def test_row_7_gic_2_with_nine_vcpus_is_refused(site: Make) -> None:
    assert says(site, {"vcpus": 8, "gic": "2"}) == []
    assert says(site, {"vcpus": 9, "gic": "2"}) == [
        (
            "g0#spec.gic: FP259 [n1] guest g0: 9 vCPUs, and a GICv2 serves 8 -> "
            'write gic: "3", or leave it out'
        )
    ]


@pytest.mark.shows("FP254")
def test_guests_that_exhaust_a_pool_together_are_refused(site: Make) -> None:
    one, other = ({"memory": "6GiB", "hugepages": "2MiB"} for _ in "ab")

    assert says(site, one) == []
    assert says(site, one, other) == [
        (
            "g1#spec.hugepages: FP254 [n1] guest g1: with it the guests need 6144 pages of 2MiB, "
            "and there are 5120 -> allocate more with hugepages in spec.kernel.parameters, or "
            "move a guest"
        )
    ]


@pytest.mark.shows("FP254")
def test_guests_that_exhaust_a_node_are_refused(site: Make) -> None:
    cells = [
        {"vcpus": "0", "memory": "2GiB", "hostNode": 0},
        {"vcpus": "1", "memory": "4GiB", "hostNode": 1},
    ]

    assert says(site, {"memory": "6GiB", "hugepages": "2MiB", "numa": cells}) == [
        (
            "g0#spec.hugepages: FP254 [n1] guest g0: with it the guests need 2048 pages of 2MiB on "
            "node 1, and there are 1024 -> allocate more with hugepages in "
            "spec.kernel.parameters, or move a guest"
        )
    ]


@pytest.mark.shows("FP255")
def test_pool_that_nobody_showed_is_refused_once(site: Make) -> None:
    guests = ({"memory": "4GiB", "hugepages": "1GiB"} for _ in "ab")

    assert says(site, *guests) == [
        (
            "g0#spec.hugepages: FP255 [n1] guest g0: the host showed no pool of pages of 1GiB -> "
            "collect the facts again, or set hugepagesz and hugepages in spec.kernel.parameters"
        )
    ]


@pytest.mark.parametrize(
    ("parameters", "ids"),
    [
        ({"hugepagesz": "1G", "hugepages": "4"}, []),
        ({"hugepagesz": "1G", "hugepages": "3"}, ["FP254"]),
        ({"default_hugepagesz": "1G", "hugepages": "0:1,1:3"}, []),
        ({"hugepages": "4"}, ["FP255"]),
        ({"hugepagesz": "half", "hugepages": "4"}, ["FP233"]),
    ],
)
def test_pages_that_the_command_line_allocates_count(
    site: Make, parameters: dict[str, str], ids: list[str]
) -> None:
    guest = {"memory": "4GiB", "hugepages": "1GiB"}

    found = says(site, guest, fleet={"kernel": {"parameters": parameters}})

    assert [text.split()[1] for text in found] == ids


@pytest.mark.shows("FP257")
def test_row_2_smmu_without_iommufd_is_refused(site: Make) -> None:
    found = says(site, {"devices": [disk(smmu={}, iommufd="false")]})

    assert found == [
        (
            f"g0#spec.devices.0.iommufd: FP257 [n1 {DISK}] guest g0: the SMMU in front of it works "
            "by iommufd, which is switched off here -> leave iommufd out, or write iommu: none in "
            "the guest"
        )
    ]


@pytest.mark.shows("FP258")
@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        ({}, "did not show CONFIG_VFIO_DEVICE_CDEV, CONFIG_ARM_SMMU_V3_IOMMUFD"),
        ({"options": {"VFIO_DEVICE_CDEV": "y"}}, "has no CONFIG_ARM_SMMU_V3_IOMMUFD"),
    ],
)
def test_smmu_on_a_kernel_that_lacks_it_is_refused(site: Make, kernel: Tree, said: str) -> None:
    found = says(site, {"devices": [disk(smmu={})]}, on=host(kernel=kernel))

    assert found == [
        (
            f"g0#spec.devices.0: FP258 [n1 {DISK}] guest g0: kernel 6.17.0 {said} -> boot a kernel "
            "that has it and collect the facts again, or assign the device without iommufd and SMMU"
        )
    ]


@pytest.mark.shows("FP258")
def test_iommufd_on_a_kernel_without_the_module_is_refused(site: Make) -> None:
    modules = {"vfio_pci": "module"}

    found = says(site, {"devices": [disk(iommufd="true")]}, on=host(modules=modules))

    assert [text.split(" -> ")[0] for text in found] == [
        (f"g0#spec.devices.0: FP258 [n1 {DISK}] guest g0: kernel 6.17.0 has no module iommufd")
    ]


@pytest.mark.shows("FP260")
def test_two_smmus_of_a_host_that_did_not_show_its_own_are_refused(site: Make) -> None:
    both = {"devices": [disk(smmu={}), nic(smmu={})]}

    found = says(site, both, on=host(devices=devices("smmu3.a", None)))

    assert found == [
        (
            f"g0#spec.devices.1: FP260 [n1 {NIC}] guest g0: 2 devices have an SMMU, and the host "
            f"did not show which of its own {NIC} is behind -> collect the facts again, or write "
            "iommu: none in the guest"
        )
    ]


@pytest.mark.shows("FP261")
def test_two_settings_of_one_smmu_are_refused(site: Make) -> None:
    both = {"devices": [disk(smmu={}), nic(smmu={"ats": "false"})]}

    found = says(site, both, on=host(devices=devices("smmu3.a", "smmu3.a")))

    assert found == [
        (
            f"g0#spec.devices.1: FP261 [n1 {NIC}] guest g0: {NIC} and {DISK} are both behind "
            "smmu3.a, and their settings for it differ -> give both the same smmu"
        )
    ]
    assert says(site, both, on=host(devices=devices("smmu3.a", "smmu3.b"))) == []


@pytest.mark.shows("FP261")
def test_smmu_of_a_device_on_the_root_bus_is_refused(site: Make) -> None:
    found = says(site, {"devices": [disk(smmu={}, placement="root-port")]})

    assert found == [
        (
            f"g0#spec.devices.0.placement: FP261 [n1 {DISK}] guest g0: {DISK} has an SMMU, which "
            "is on an expander bus, and is to sit on the root bus -> leave placement out, or write "
            "iommu: none in the guest"
        )
    ]


@pytest.mark.shows("FP263")
def test_command_queue_without_hugepages_is_refused(site: Make) -> None:
    queue = {"devices": [disk(smmu={"cmdqv": "true"})]}

    found = says(site, queue)

    assert found == [
        (
            f"g0#spec.devices.0: FP263 [n1 {DISK}] guest g0: its SMMU has a command queue, and the "
            "guest's memory is not of huge pages -> write hugepages in the guest, or smmu: {cmdqv: "
            "false} for the device"
        )
    ]


@pytest.mark.shows("FP256")
def test_row_9_coherent_device_on_plain_vfio_pci_is_refused(site: Make) -> None:
    plain = [{"pattern": "vfio_pci:v*d*sv*sd*bc*sc*i*", "module": "vfio-pci"}]
    guest = {"devices": [take(GPU, "10de:2342")]}
    named = {"gpu": {"match": {"device": {"id": "10de:2342"}}, "driver": "vfio-pci"}}

    found = says(site, guest, on=host(vfioAliases=plain))

    assert found == [
        (
            f"g0#spec.devices.0: FP256 [n1 {GPU}] guest g0: {GPU} (10de:2342) would be bound to "
            "vfio-pci, because modules.alias has no line of nvgrace_gpu_vfio_pci for it -> install "
            "a kernel whose nvgrace_gpu_vfio_pci knows the id, or write driver: vfio-pci in its "
            "DevicePolicy"
        )
    ]
    assert says(site, guest, on=host(vfioAliases=plain), policies=named) == []


def test_row_11_host_address_absent_and_group_incomplete_are_refused(site: Make) -> None:
    twin = pci("0000:02:00.1", "144d:a808", "010802", 2)
    absent = {"devices": [take("0000:09:00.0", "144d:a808")]}

    found = says(site, absent, {"devices": [disk()]}, on=host(devices=[*default_devices(), twin]))

    assert [text.split()[1] for text in found] == ["FP207", "FP203"]


def test_33_functions_of_one_group_go_to_one_guest(site: Make) -> None:
    functions = [
        pci(f"0000:05:{number // 8:02x}.{number % 8}", "144d:a808", "010802", 9)
        for number in range(33)
    ]
    spec = {"devices": [take(item["address"], item["id"]) for item in functions]}

    made = site(hosts={"n1": host(devices=functions)}, guests={"g0": {"host": "n1", **spec}})

    assert made.says() == []
    assert len(made.only_class().guests[0].devices) == 33


@pytest.mark.shows("FP264")
def test_disk_that_two_guests_write_to_is_refused(site: Make) -> None:
    one, other = ({"disks": [{"path": "/b"}, {"path": "/a"}]}, {"disks": [{"path": "/a"}]})

    assert says(site, one, other) == [
        (
            "g1#spec.disks.0: FP264 [n1] guest g1: /a is a disk of guest g0 too -> give each guest "
            "an image of its own, or write readOnly: true for all"
        )
    ]


@pytest.mark.shows("FP264")
def test_disk_that_a_guest_has_twice_is_refused(site: Make) -> None:
    found = says(site, {"disks": [{"path": "/a"}, {"path": "/a", "readOnly": True}]})

    assert [text.split(": ")[:2] for text in found] == [["g0#spec.disks.1", "FP264 [n1] guest g0"]]


@pytest.mark.accepts("FP264", "FP265")
def test_disk_that_all_only_read_is_silent(site: Make) -> None:
    guest = {"disks": [{"path": "/a", "readOnly": True}]}

    assert says(site, guest, guest) == []


@pytest.mark.shows("FP265")
def test_mac_address_of_two_interfaces_is_refused(site: Make) -> None:
    one, other = ({"networks": [{"bridge": "br0", "mac": f"52:54:00:00:00:0{x}"}]} for x in "aA")

    assert says(site, one, other) == [
        (
            "g1#spec.networks.0.mac: FP265 [n1] guest g1: 52:54:00:00:00:0a is an interface of "
            "guest g0 too -> leave mac out: one follows from the names of host and guest"
        )
    ]


EXAMPLES = [
    rule.id
    for rule in (
        NO_SUCH_CPU,
        NOT_ONE_TO_ONE,
        NO_SUCH_NODE,
        CELLS_DO_NOT_ADD_UP,
        POOL_UNKNOWN,
        GIC_TOO_SMALL,
    )
]


def judge(site: Make, example: str) -> set[str]:
    pools = [{"sizeKib": 2048, "pages": 1 << 20}]
    numa = [{"node": 0, "cpus": "0-71", "hugepages": pools}, {"node": 1, "cpus": ""}]
    found = says(site, yaml.safe_load(example)["spec"], on=host(numa=numa))
    return {text.split()[1] for text in found}


@pytest.mark.parametrize("rule_id", each("shows", EXAMPLES))
def test_rejected_example_of_a_guest_breaks_its_rule(site: Make, rule_id: str) -> None:
    assert judge(site, all_rules()[rule_id].rejected) == {rule_id}


@pytest.mark.parametrize("rule_id", each("accepts", EXAMPLES))
def test_accepted_example_of_a_guest_breaks_none(site: Make, rule_id: str) -> None:
    assert judge(site, all_rules()[rule_id].accepted) == set()
