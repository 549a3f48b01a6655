"""Show NUMA nodes, huge pages, IOMMUs and build options of simulated hosts."""

from collections.abc import Callable

from fleetpolicy.lab import hosts
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

Describe = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
NUMA = [{"cpus": "0-3", "hugepages": {"2MiB": 16}}, {"cpus": "4-7"}]
ERA_C = {"normalNcMarker": True, "cacheableCapability": "known"}


def pools(record: HostRecordDocument) -> list[dict[int, int]]:
    return [{pool.size_kib: pool.pages for pool in node.hugepages} for node in record.facts.numa]


def test_look_at_a_host_shows_its_nodes(make: Describe, look: Look) -> None:
    record = look(make(numa=NUMA))

    assert [(node.node, node.cpus) for node in record.facts.numa] == [(0, "0-3"), (1, "4-7")]
    assert pools(record) == [{2048: 16}, {}]


def test_pages_of_the_command_line_are_there_after_a_boot(make: Describe, look: Look) -> None:
    words = ["ro", "hugepagesz=2M", "hugepages=8", "hugepagesz=1G", "hugepages=1:3"]
    host = make(numa=NUMA, commandLine=words)

    assert pools(look(host)) == [{2048: 4, 1 << 20: 0}, {2048: 4, 1 << 20: 3}]

    hosts.boot(host)
    assert pools(look(host)) == [{2048: 4, 1 << 20: 0}, {2048: 4, 1 << 20: 3}]


def test_look_at_a_host_shows_the_build_options_of_its_kernel(make: Describe, look: Look) -> None:
    kernels = {"7.3.4-arm64": {**ERA_C, "options": ["IOMMUFD", "VFIO_DEVICE_CDEV", "OTHER"]}}

    record = look(make(kernels=kernels))

    assert record.facts.kernel.options == {"IOMMUFD": "y", "VFIO_DEVICE_CDEV": "y"}


def test_look_at_a_device_shows_the_iommu_in_front_of_it(make: Describe, look: Look) -> None:
    device = {
        "address": "0001:01:00.0",
        "id": "144d:a80a",
        "class": "010802",
        "iommu": "smmu3.0x0000000011000000",
        "iommuGroup": 1,
        "regions": [{"index": 0, "size": "16KiB"}],
    }

    (shown,) = look(make(devices=[device])).facts.devices

    assert shown.iommu == "smmu3.0x0000000011000000"


def test_look_at_a_host_shows_whether_it_can_emulate_a_tpm(make: Describe, look: Look) -> None:
    versions = {"libvirt": "9.0.0", "qemu": "7.2.22"}

    found = [
        look(make(name=name, libvirt={**versions, **more})).facts.libvirt
        for name, more in (("a", {}), ("b", {"swtpm": True}))
    ]

    assert [item and item.swtpm for item in found] == [False, True]
