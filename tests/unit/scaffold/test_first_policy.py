from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from fleetpolicy.load import load_policies, load_records
from fleetpolicy.model.profiles import DriverProfileSpec
from fleetpolicy.model.record import Binding, HostRecord, HostState
from fleetpolicy.scaffold import write_first_policy

FACTS = Path(__file__).resolve().parents[2] / "fleet" / "facts"
FOREIGN = """<domain type='kvm'><name>shop</name><memory unit='GiB'>4</memory><vcpu>2</vcpu>
<iothreads>1</iothreads><devices>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/srv/shop "1".img'/>
<target dev='vda' bus='virtio'/><boot order='1'/></disk>
<disk type='block' device='cdrom'><target dev='sda' bus='scsi'/></disk>
<interface type='bridge'><source bridge='br0'/></interface>
<interface type='direct'><source dev='eth0'/></interface>
<hostdev mode='subsystem' type='pci' managed='yes'><source>
<address domain='0x0001' bus='0x01' slot='0x00' function='0x0'/></source><boot order='2'/></hostdev>
<hostdev mode='subsystem' type='usb'/><graphics type='vnc'/>
</devices></domain>"""
EXPECTED = """\
# What 2 hosts had when facts were recorded (2026-11-25).
# Left out:
# - vfio-pci.ids=144d:a80a on the command line of n1-01: it takes every device of an id; the \
policies below bind by address and id
# - iommu.passthrough=0 on the command line of n1-01: not the same, and once, on every host
# - iommu.passthrough=1 on the command line of n1-02: not the same, and once, on every host
# - vfio_pci.ids=144d:a80a on n1-01: the policies below bind by address and id
# - vfio_pci.nointxmask=Y on n1-01: it is not the same on every host
# - of domain shop of n1-01: the usb hostdev, the cdrom sda, the direct interface, graphics
# - domain shop of n1-01: somebody else defined it, see its comment
# - domain Shop of n1-02: its name is no name of the language: lower-case letters, digits, dots \
and dashes
apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: imported}
spec:
  kernel:
    # On the command line of all 2 hosts.
    parameters:
      iommu.strict: "1"
  # As /sys/module shows them, where they are not at their defaults.
  modules:
    vfio_pci:
      disable_idle_d3: "Y" # on n1-01, n1-02
---
# Others of 144d:a80a are not bound like this: 0001:02:00.0 of n1-01, 0001:01:00.0 of n1-02, \
0001:02:00.0 of n1-02.
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: "144d-a80a-at-0001-01-00.0-on-n1-01"}
spec:
  match:
    hosts: {pattern: "n1-01"}
    device: {id: "144d:a80a", address: "0001:01:00.0"}
  driver: vfio-pci # bound now on n1-01
  mapping: normal-nc # what the running kernel gives
---
# The domain shop of n1-01 is not fleetpolicy's. To take it over: virsh undefine shop
# on the host, then take away the # below.
# apiVersion: fleetpolicy/v1alpha1
# kind: Guest
# metadata: {name: "shop"}
# spec:
#   host: "n1-01"
#   vcpus: 2
#   memory: 4GiB
#   ioThreads: 1
#   devices:
#     - device: {address: "0001:01:00.0", id: "144d:a80a"}
#       bootOrder: 2
#   disks:
#     - {path: "/srv/shop \\"1\\".img", format: raw, bootOrder: 1}
#   networks:
#     - {bridge: "br0"}
"""


@pytest.fixture(scope="session")
def drivers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, DriverProfileSpec]:
    path = tmp_path_factory.mktemp("policy") / "fleet.yaml"
    path.write_text(
        "apiVersion: fleetpolicy/v1alpha1\nkind: FleetPolicy\nmetadata: {name: a}\nspec: {}\n"
    )
    policy, _ = load_policies([path])
    return {module: located.model.spec for module, located in policy.drivers.items()}


def recorded(*hosts: str) -> dict[str, HostRecord]:
    records, _ = load_records(FACTS)
    return {host: replace(records[host], collected_at="2026-11-25T00:00:00Z") for host in hosts}


def bound(record: HostRecord, driver: str, *addresses: str, **state: Any) -> HostRecord:
    bindings = {address: Binding(driver=driver, override=None) for address in addresses}
    changed: HostState = record.state.model_copy(
        update={"bindings": {**record.state.bindings, **bindings}, **state}
    )
    return replace(record, state=changed)


def policies_of(text: str) -> list[str]:
    """Return the match of each DevicePolicy."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line.startswith(("hosts:", "device:", "group:"))]


def test_first_policy_says_what_runs_and_what_it_leaves_out(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    hosts = recorded("n1-01", "n1-02")
    knobs = {"disable_idle_d3": "Y", "nointxmask": "Y", "ids": "144d:a80a"}
    hosts["n1-01"] = bound(
        hosts["n1-01"],
        "vfio-pci",
        "0001:01:00.0",
        command_line="ro iommu.strict=1 iommu.passthrough=0 vfio-pci.ids=144d:a80a",
        module_parameters={"vfio_pci": knobs},
        domains={"shop": FOREIGN},
    )
    hosts["n1-02"] = bound(
        hosts["n1-02"],
        "nvme",
        command_line="ro iommu.strict=1 iommu.passthrough=1",
        module_parameters={
            "vfio_pci": {"disable_idle_d3": "Y", "nointxmask": "N", "ids": ""},
            "vfio_iommu_type1": {"dma_entry_limit": "65535", "disable_hugepages": "N"},
        },
        domains={"Shop": FOREIGN},
    )

    policy = write_first_policy(hosts, drivers)

    assert policy.text == EXPECTED
    assert [f"# - {note}" for note in policy.notes] == EXPECTED.splitlines()[2:10]


def test_devices_bound_alike_everywhere_are_matched_by_id_alone(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    hosts = {
        name: bound(record, "vfio-pci", "0001:01:00.0", "0001:02:00.0")
        for name, record in recorded("n1-01", "n1-02").items()
    }

    assert policies_of(write_first_policy(hosts, drivers).text) == ['device: {id: "144d:a80a"}']


def test_devices_bound_alike_on_some_hosts_are_matched_by_hosts(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    hosts = recorded("n1-01", "n1-02")
    hosts["n1-02"] = bound(hosts["n1-02"], "vfio-pci", "0001:01:00.0", "0001:02:00.0")

    assert policies_of(write_first_policy(hosts, drivers).text) == [
        'hosts: {pattern: "n1-02"}',
        'device: {id: "144d:a80a"}',
    ]


def test_twins_that_stay_with_every_host_leave_a_match_by_address(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    hosts = {
        name: bound(record, "vfio-pci", "0001:01:00.0")
        for name, record in recorded("n1-01", "n1-02").items()
    }

    assert policies_of(write_first_policy(hosts, drivers).text) == [
        'device: {id: "144d:a80a", address: "0001:01:00.0"}'
    ]


def test_partners_without_a_driver_are_taken_along(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    (record,) = recorded("x86-01").values()
    devices = tuple(
        device.model_copy(update={"iommu_group": 31}) if device.id == "8086:10fb" else device
        for device in record.facts.devices
    )
    facts = record.facts.model_copy(update={"devices": devices})
    lone = bound(replace(record, facts=facts), "vfio-pci", "0000:3b:00.0")

    assert policies_of(write_first_policy({"x86-01": lone}, drivers).text) == [
        'device: {id: "8086:10fb", address: "0000:3b:00.0"}',
        "group: take-all # functions of its IOMMU group have no VFIO driver yet",
    ]


def test_devices_that_cannot_be_given_are_noted(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    (record,) = recorded("n1-01").values()
    record = bound(record, "acme-vfio-pci", "0001:01:00.0")
    record = bound(record, "vfio-pci", "0003:01:00.0")

    assert write_first_policy({"n1-01": record}, drivers).notes == (
        "0001:01:00.0 (144d:a80a) of n1-01: no DriverProfile knows its driver acme-vfio-pci",
        "0003:01:00.0 (8086:1572) of n1-01: it is the host's default route",
    )


def test_many_hosts_are_split_over_patterns_that_are_short_enough(
    drivers: Mapping[str, DriverProfileSpec],
) -> None:
    (record,) = recorded("n1-01").values()
    free = bound(record, "vfio-pci", "0001:01:00.0", "0001:02:00.0")
    hosts = {f"host-{n:03}": replace(free, host=f"host-{n:03}") for n in range(40)}
    hosts["n1-01"] = record

    matches = policies_of(write_first_policy(hosts, drivers).text)

    patterns = [match for match in matches if match.startswith("hosts:")]
    assert [pattern.count(",") + 1 for pattern in patterns] == [28, 12]
