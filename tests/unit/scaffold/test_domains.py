"""Write a guest down from its domain, and get the same domain from that."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.load import parse_record
from fleetpolicy.scaffold.domains import FirstGuest, read_guest
from tests.unit.render.fleets import HEAD, NVME, NVME_FACTS, OLD_LIBVIRT, SAMPLE, rendered

LIBVIRT = {**OLD_LIBVIRT["libvirt"], "swtpm": True}
PATH = "/etc/libvirt/qemu/trainer.xml"
POLICY = HEAD + NVME.replace("MAPPING", "normal-nc")
SPEC = """---
apiVersion: fleetpolicy/v1alpha1
kind: Guest
metadata: {name: trainer}
spec:
  host: gh-01
  vcpus: 6
  memory: 12GiB
  hugepages: 2MiB
  ioThreads: 2
  pinning: {vcpus: "8-10,12,14,13", emulator: "2", ioThreads: "3-4"}
  numa:
    - {vcpus: "0-3", memory: 8GiB, hostNode: 0}
    - {vcpus: "4-5", memory: 4GiB, hostNode: 1}
  rng: true
  tpm: true
  devices: [{device: {address: "0003:01:00.0", id: "144d:a80a"}, bootOrder: 3}]
  disks:
    - {path: "/images/a <b>.qcow2", bootOrder: 1, serial: ROOT-0001}
    - {device: /dev/vg0/a, cache: directsync}
    - {path: /images/tools.raw, format: raw, bus: scsi, cache: writeback, readOnly: true}
  networks:
    - {bridge: br0, mac: "52:54:00:aa:00:01"}
    - {network: default, model: e1000e, mac: "52:54:00:aa:00:02"}
"""


def taken_up(xml: str) -> FirstGuest:
    """Return what is written of a domain that a host keeps."""
    document: dict[str, Any] = msgspec.json.decode(SAMPLE.read_bytes())
    document["facts"]["devices"].append(NVME_FACTS)
    document["state"]["domains"] = {"trainer": xml}
    found = read_guest(parse_record(msgspec.json.encode(document), Span("gh-01.json")), "trainer")
    assert isinstance(found, FirstGuest)
    return found


@pytest.mark.parametrize("node", ["", "  numaNode: 1\n"])
def test_guest_that_is_taken_up_leads_to_the_same_domain(tmp_path: Path, node: str) -> None:
    spec = SPEC
    if node:
        start, end = SPEC.index("  numa:"), SPEC.index("  rng:")
        spec = SPEC[:start] + node + '  title: "a \\"b\\""\n' + SPEC[end:]
        spec = spec.replace('vcpus: "8-10,12,14,13"', 'floating: "8-15"')
    files, _ = rendered(tmp_path, POLICY + spec, libvirt=LIBVIRT)

    found = taken_up(files[PATH].content)

    assert (found.is_ours, found.left_out) == (True, ())
    again, _ = rendered(tmp_path, POLICY + "---\n" + "\n".join(found.lines) + "\n", libvirt=LIBVIRT)
    assert again[PATH].content == files[PATH].content


def test_what_the_language_has_no_word_for_is_told() -> None:
    found = taken_up(
        """<domain><name>trainer</name><memory>1024</memory><vcpu>2</vcpu>
        <cputune><shares>1</shares><vcpupin vcpu='0' cpuset='1-2'/>
        <emulatorpin cpuset='^3'/></cputune>
        <cpu><numa><cell id='0' cpus='0' memory='1' unit='parsec'/><cell id='1' cpus='1'/></numa>
        </cpu><devices><rng model='virtio-transitional'/>
        <disk type='file' device='disk'><source file='/a'/><target dev='hda' bus='ide'/></disk>
        <interface type='bridge'><source bridge='br0'/><model type='rtl8139'/></interface>
        </devices></domain>"""
    )

    assert found.left_out == (
        "pins of vCPUs that are not one to one",
        "emulatorpin that differ",
        "a part of cputune",
        "NUMA cells",
        "rng",
        "the bus ide of hda",
        "the model rtl8139 of an interface",
    )
