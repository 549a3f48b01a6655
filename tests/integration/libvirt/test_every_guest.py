"""Whatever a guest asks for, libvirt's schema and parser take the domain and keep it whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from fleetpolicy.model.domain import dropped
from tests.unit.render.fleets import OLD_LIBVIRT, nvme_policy, rendered

libvirt = pytest.importorskip("libvirt")

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
PATH = "/etc/libvirt/qemu/trainer.xml"
Spec = dict[str, Any]


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    opened = libvirt.open("test:///default")
    yield opened
    opened.close()


def cells(vcpus: int, count: int, hugepages: str | None) -> list[Spec]:
    """Return cells of 2 GiB that have all vCPUs among them."""
    dealt = [[cpu for cpu in range(vcpus) if cpu % count == cell] for cell in range(count)]
    return [
        {
            "vcpus": ",".join(map(str, cpus)),
            "memory": "2GiB",
            "hostNode": number % 2,
            **({"hugepages": hugepages} if hugepages and number else {}),
        }
        for number, cpus in enumerate(dealt)
    ]


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Draw a guest of arm64 that libvirt 9.0 can have."""
    vcpus = draw(st.integers(1, 8))
    count = draw(st.integers(0, min(vcpus, 3)))
    hugepages = draw(st.sampled_from([None, "2MiB", "1GiB"]))
    threads = draw(st.integers(0, 3))
    spec: Spec = {
        "host": "gh-01",
        "vcpus": vcpus,
        "memory": f"{2 * (count or 1)}GiB",
        "ioThreads": threads,
        "rng": draw(st.booleans()),
        "machine": draw(st.sampled_from(["virt", "virt-7.2"])),
        "gic": draw(st.sampled_from(["2", "3", "host"])),
        "devices": [
            {
                "device": {"address": "0003:01:00.0", "id": "144d:a80a"},
                "placement": draw(st.sampled_from(["profile", "expander"])),
            }
        ],
        "disks": [draw(disks(number)) for number in range(draw(st.integers(0, 4)))],
        "networks": [draw(networks(number)) for number in range(draw(st.integers(0, 3)))],
    }
    if hugepages:
        spec["hugepages"] = hugepages
    if count:
        spec["numa"] = cells(vcpus, count, draw(st.sampled_from([None, "2MiB"])))
    pinning = {
        **({"emulator": "70-71"} if draw(st.booleans()) else {}),
        **({"ioThreads": "5,7"} if threads and draw(st.booleans()) else {}),
        **draw(st.sampled_from([{}, {"vcpus": f"8-{7 + vcpus}"}, {"floating": "8-15,20"}])),
    }
    return {**spec, "pinning": pinning}


def disks(number: int) -> st.SearchStrategy[Spec]:
    place = st.sampled_from(
        [
            {"path": f"/images/{number} <&'\">.qcow2"},
            {"path": f"/images/{number}.raw", "format": "raw"},
            {"device": f"/dev/vg/{number}"},
        ]
    )
    more = st.fixed_dictionaries(
        {
            "bus": st.sampled_from(["virtio", "scsi"]),
            "cache": st.sampled_from(["none", "writeback", "writethrough", "directsync", "unsafe"]),
            "readOnly": st.booleans(),
        },
        optional={"serial": st.just(f"S-{number}"), "bootOrder": st.just(number + 1)},
    )
    return st.builds(lambda first, second: {**first, **second}, place, more)


def networks(number: int) -> st.SearchStrategy[Spec]:
    return st.fixed_dictionaries(
        {"model": st.sampled_from(["virtio", "e1000e"])},
        optional={"mac": st.just(f"52:54:00:00:00:0{number}")},
    ).flatmap(
        lambda spec: st.sampled_from([{**spec, "bridge": "br0"}, {**spec, "network": "default"}])
    )


@pytest.mark.libvirt
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=specs())
def test_domain_of_any_guest_is_valid_and_kept_whole(
    tmp_path: Path, connection: Any, spec: Spec
) -> None:
    policy = nvme_policy().rsplit("---\n", 1)[0]
    document = {
        "apiVersion": "fleetpolicy/v1alpha1",
        "kind": "Guest",
        "metadata": {"name": "trainer"},
        "spec": spec,
    }
    files, findings = rendered(
        tmp_path, f"{policy}---\n{json.dumps(document)}\n", kernel={"pageSizeKib": 4}, **OLD_LIBVIRT
    )
    assert findings == ()
    sent = files[PATH].content

    schema = etree.RelaxNG(etree.parse(SCHEMA))
    schema.validate(etree.fromstring(sent.encode()))
    assert [str(error) for error in schema.error_log] == []
    kept = connection.defineXMLFlags(sent, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
    assert dropped(sent, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == ()
    kept.undefine()
