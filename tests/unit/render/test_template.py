"""Read an operator's domain, and refuse what cannot stand beside a guest."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.model.template import Template
from fleetpolicy.render.template import Fault, read_template
from fleetpolicy.render.xml import Element, element, write_xml
from tests.unit.render.fleets import NEW_LIBVIRT, gpu_policy, nvme_policy, rendered

PATH = "/etc/libvirt/qemu/trainer.xml"
QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
OURS = {"hostdev", "controller"}


def read(text: str | bytes) -> Element | Fault:
    data = text.encode() if isinstance(text, str) else text
    return read_template(Template("base.xml", data, str(hash(data))))


def put(
    folder: Path, template: str, policy: str = "", **changes: Any
) -> tuple[str, list[tuple[str, str, str]]]:
    """Return the domain of a guest with a template, and what stood in the way."""
    (folder / "base.xml").write_text(template)
    policy = policy or nvme_policy()
    policy = policy.replace("  vcpus: 8", "  template: base.xml\n  vcpus: 8")
    files, findings = rendered(folder, policy, **{**NEW_LIBVIRT, **changes})
    place = str(folder / "base.xml")
    said = [
        (str(item.span).replace(place, "base.xml"), item.rule.id, item.why) for item in findings
    ]
    return files[PATH].content if PATH in files else "", said


def refusals(folder: Path, inside: str, policy: str = "", **changes: Any) -> list[tuple[str, ...]]:
    """Return line and rule of what is refused, and what is said of the template."""
    head = "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
    _, found = put(folder, f"{head}\n{inside}\n</domain>", policy, **changes)
    told = "the template of guest trainer: "
    assert all(why.startswith(told) for _, _, why in found)
    return [(place.split(":")[1], rule, why.removeprefix(told)) for place, rule, why in found]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("<domain type='kvm'>", 1, "it is not XML: no element found"),
        ("", 1, "it is not XML: no element found"),
        (b"<domain type='kvm'>\xff</domain>", 1, "it is not XML: not well-formed (invalid token)"),
        (
            "<!DOCTYPE domain [<!ENTITY a SYSTEM '/etc/shadow'>]>\n<domain type='kvm'>&a;</domain>",
            1,
            "it has a document type, which can pull in other files",
        ),
        ("<domain type='kvm'>&a;</domain>", 1, "it is not XML: undefined entity"),
        ("<domain type='qemu'/>", 1, "its root is <domain type='qemu'>"),
        ("<network/>", 1, "its root is <network type=''>"),
        ("<domain type='kvm'>\n<os>a<boot/></os></domain>", 2, "<os> has text beside its elements"),
        (
            "<domain type='kvm'>\n<name>\ue000</name></domain>",
            2,
            "it has U+E000, which means nothing in a domain",
        ),
        (
            "<domain type='kvm'>\n<os a='\ue002'/></domain>",
            2,
            "it has U+E002, which means nothing in a domain",
        ),
        (f"<domain type='kvm' xmlns:q='{QEMU}'/>", 1, f"xmlns:q is bound to {QEMU}"),
        ("<domain type='kvm' xmlns:qemu='urn:a'/>", 1, "xmlns:qemu is bound to urn:a"),
        ("<domain type='kvm' xmlns='urn:a'/>", 1, "xmlns is bound to urn:a"),
        (
            "<domain type='kvm'>" + "<a>" * 32 + "</a>" * 32 + "</domain>",
            1,
            "it has more than 20000 elements, or 32 levels of them",
        ),
        (
            "<domain type='kvm'>" + "<a/>" * 20_000 + "</domain>",
            1,
            "it has more than 20000 elements, or 32 levels of them",
        ),
    ],
)
def test_template_that_is_no_domain_is_refused(text: str | bytes, line: int, why: str) -> None:
    found = read(text)

    assert isinstance(found, Fault)
    assert (found.line, found.why) == (line, why)


def test_template_leaves_comments_out_and_keeps_lines_and_prefixes() -> None:
    text = (
        "<domain type='kvm' xmlns:a='urn:a'>\n<!-- no -->\n<?no?>"
        "<a:b c='1'><![CDATA[<]]></a:b></domain>"
    )

    found = read(text)

    assert isinstance(found, Element)
    assert found == Element(
        "domain",
        (("type", "kvm"), ("xmlns:a", "urn:a")),
        (Element("a:b", (("c", "1"),), text="<"),),
    )
    assert found.children[0].line == 3


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Co", "Cn")),
    min_size=1,
    max_size=8,
).filter(str.strip)
LEAVES = st.builds(lambda text, value: element("a", text=text, b=value), TEXTS, TEXTS)
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, min_size=1, max_size=3).map(lambda items: element("c", *items)),
    max_leaves=8,
)


@given(TREES)
def test_what_is_written_is_read_again(tree: Element) -> None:
    root = element("domain", tree, type_="kvm")

    assert read(write_xml(root)) == root


@pytest.mark.accepts("FP422", "FP423", "FP424", "FP425")
def test_guest_in_an_empty_template_is_what_it_is_without(tmp_path: Path) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)

    text, findings = put(tmp_path, "<domain type='kvm'/>", gpu_policy())

    assert findings == []
    assert text == files[PATH].content


def test_guest_put_twice_into_a_template_stays_the_same(tmp_path: Path) -> None:
    policy = gpu_policy().replace(
        '  disks: [{path: "/var/lib/libvirt/images/a & b.qcow2", bootOrder: 1}]\n', ""
    )
    policy = policy.replace("  networks: [{bridge: br0}]\n", "")
    once, _ = put(tmp_path, "<domain type='kvm'/>", policy)
    whole = read(once)
    assert isinstance(whole, Element)
    less = whole.with_children(
        child.with_children(item for item in child.children if item.tag not in OURS)
        if child.tag == "devices"
        else child
        for child in whole.children
    )

    twice, findings = put(tmp_path, write_xml(less), policy)

    assert findings == []
    assert sorted(twice.splitlines()) == sorted(once.splitlines())


@pytest.mark.shows("FP422")
def test_template_with_a_fault_is_refused_at_its_line(tmp_path: Path) -> None:
    text, findings = put(tmp_path, "<domain type='kvm'>\n<a>b<c/></a></domain>")

    assert text == ""
    why = "the template of guest trainer: <a> has text beside its elements"
    assert findings == [("base.xml:2:1", "FP422", why)]


@pytest.mark.shows("FP422")
def test_template_with_a_foreign_namespace_is_refused(tmp_path: Path) -> None:
    _, findings = put(tmp_path, "<domain type='kvm' xmlns='urn:other'/>")

    why = "the template of guest trainer: xmlns is bound to urn:other"
    assert findings == [("base.xml:1:1", "FP422", why)]


def test_missing_template_is_refused_at_the_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="file-unreadable"):
        rendered(tmp_path, nvme_policy().replace("  vcpus: 8", "  vcpus: 8\n  template: no.xml"))


@pytest.mark.shows("FP424")
@pytest.mark.parametrize(
    "inside",
    [
        "<devices><hostdev mode='subsystem' type='pci'/></devices>",
        "<devices><interface type='hostdev'/></devices>",
        "<qemu:commandline><qemu:arg value='vfio-pci,host=01:00.0'/></qemu:commandline>",
    ],
)
def test_row_11_template_that_takes_a_device_is_refused(tmp_path: Path, inside: str) -> None:
    assert [(line, rule) for line, rule, _ in refusals(tmp_path, inside)] == [("2", "FP424")]


@pytest.mark.shows("FP423")
@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ("<os><type arch='x86_64'>hvm</type></os>", "it is for x86_64, and its host is aarch64"),
        ("<os/><os/>", "there is more than one <os>"),
        (
            "<cpu><numa><cell id='0'/></numa></cpu>",
            "it has NUMA cells, which the guest does not know of",
        ),
        ("<os><boot dev='hd'/></os>", "<boot dev> does not go with a bootOrder"),
        ("<devices><disk><boot order='1'/></disk></devices>", "boot order 1 is the guest's too"),
        (
            "<devices><a><alias name='ua-a'/></a><b><alias name='ua-a'/></b></devices>",
            "alias ua-a is taken",
        ),
        (
            "<devices>"
            + "<disk><address type='pci' domain='0' bus='0x01' slot='0x2' function='0'/></disk>" * 2
            + "</devices>",
            "two devices are at 0000:01:02.0",
        ),
    ],
)
def test_template_that_clashes_with_its_guest_is_refused(
    tmp_path: Path, inside: str, why: str
) -> None:
    assert refusals(tmp_path, inside) == [("2", "FP423", why)]


@pytest.mark.shows("FP423")
@pytest.mark.parametrize("index", ["250", "4000000000", "0xffffffff"])
def test_template_that_leaves_no_bus_numbers_is_refused(tmp_path: Path, index: str) -> None:
    inside = f"<devices><controller type='pci' index='{index}' model='pcie-root-port'/></devices>"
    policy = nvme_policy().replace('"}}]', '"}, placement: expander}]')

    found = refusals(tmp_path, inside, policy)

    assert [(line, rule) for line, rule, _ in found] == [("1", "FP423")]


@pytest.mark.shows("FP423")
def test_template_with_the_alias_of_a_trapped_device_is_refused(tmp_path: Path) -> None:
    inside = "<devices><disk><alias name='ua-hostdev1'/></disk></devices>"

    found = refusals(tmp_path, inside, nvme_policy("trapped"))

    assert found == [("2", "FP423", "alias ua-hostdev1 is taken")]


@pytest.mark.shows("FP423")
def test_template_with_an_iommu_beside_smmus_is_refused(tmp_path: Path) -> None:
    policy = nvme_policy().replace('id: "144d:a80a"}}]', 'id: "144d:a80a"}, smmu: {}}]')
    kernel = {"options": {"VFIO_DEVICE_CDEV": "y", "ARM_SMMU_V3_IOMMUFD": "y"}}

    found = refusals(
        tmp_path,
        "<devices><iommu model='virtio'/></devices>",
        policy,
        kernel=kernel,
        modules={"iommufd": "module"},
    )

    why = "it has an IOMMU, and the guest's devices bring SMMUs"
    assert found == [("2", "FP423", why)]


PORT = "<controller type='pci' index='1' model='pcie-root-port'/>"
PXB = "<controller type='pci' index='1' model='pcie-expander-bus'/>"


WRONG = [
    (
        3,
        "<devices><iommu model='smmuv3'><driver accel='on'/></iommu></devices>",
        "an SMMU of several, or with accel, has no pciBus",
    ),
    (
        3,
        (
            f"<devices>{PXB}<iommu model='smmuv3'><driver pciBus='1'/></iommu>"
            "<iommu model='smmuv3'/></devices>"
        ),
        "an SMMU of several, or with accel, has no pciBus",
    ),
    (
        3,
        (
            f"<devices>{PXB}<iommu model='smmuv3'><driver pciBus='1'/></iommu>"
            "<iommu model='virtio'/></devices>"
        ),
        "an smmuv3 stands beside a virtio IOMMU",
    ),
    (
        4,
        f"<devices>{PORT}<iommu model='smmuv3'><driver pciBus='1'/></iommu></devices>",
        "pciBus 1 is pcie-root-port",
    ),
    (
        4,
        "<devices><iommu model='smmuv3'><driver pciBus='9'/></iommu></devices>",
        "pciBus 9 is no controller",
    ),
    (
        5,
        (
            f"<devices>{PXB}<iommu model='smmuv3'><driver pciBus='1' ssidsize='21'/>"
            "</iommu></devices>"
        ),
        "ssidsize 21",
    ),
    (
        5,
        f"<devices>{PXB}<iommu model='smmuv3'><driver pciBus='1' oas='46'/></iommu></devices>",
        "oas 46",
    ),
    (
        6,
        (
            "<devices><controller type='pci' index='0' model='pcie-root'>"
            "<pcihole64 unit='TiB'>3</pcihole64></controller></devices>"
        ),
        "a window of 3221225472 KiB",
    ),
    (
        6,
        (
            "<devices><controller type='pci' index='0' model='pcie-root'>"
            "<pcihole64 unit='GiB'>64</pcihole64></controller></devices>"
        ),
        "a window of 67108864 KiB",
    ),
    (
        8,
        "<cputune><vcpupin vcpu='8' cpuset='1'/></cputune>",
        "vCPU 8 is pinned, and there are 8",
    ),
    (
        10,
        "<memoryBacking><hugepages><page size='3' unit='M'/></hugepages></memoryBacking>",
        "the host has no pages of 3072 KiB",
    ),
]


@pytest.mark.shows("FP425")
@pytest.mark.parametrize(
    ("inside", "why"),
    [wrong[1:] for wrong in WRONG],
    ids=[f"row-{wrong[0]}-case-{number}" for number, wrong in enumerate(WRONG)],
)
def test_row_that_libvirt_accepts_is_refused_in_a_template(
    tmp_path: Path, inside: str, why: str
) -> None:
    assert refusals(tmp_path, inside) == [("2", "FP425", why)]


@pytest.mark.shows("FP425")
def test_row_7_gic_2_in_a_template_with_nine_vcpus_is_refused(tmp_path: Path) -> None:
    inside = "<features><gic version='2'/></features>"
    policy = nvme_policy()
    more = policy.replace("vcpus: 8", "template: base.xml\n  vcpus: 9")

    assert refusals(tmp_path, inside, policy) == []
    assert refusals(tmp_path, inside, more) == [("2", "FP425", "a GICv2 serves 8 of 9 vCPUs")]


def test_words_of_the_guest_win_over_those_of_the_template(tmp_path: Path) -> None:
    template = """<domain type='kvm'>
      <os><type arch='aarch64' machine='virt-7.2'>hvm</type><loader>/a</loader>
      <bootmenu enable='no'/></os>
      <features><gic version='2'/><pmu state='off'/></features>
      <cpu mode='host-passthrough' migratable='off'/>
      <devices><emulator>/opt/qemu</emulator>
      <controller type='scsi' index='0' model='virtio-scsi'/></devices>
    </domain>"""
    policy = (
        nvme_policy()
        .replace(
            "  vcpus: 8",
            "  vcpus: 8\n  machine: virt-8.0\n  gic: host\n  firmware: {secureBoot: true}\n"
            "  emulator: /usr/bin/qemu",
        )
        .replace("bootOrder: 1}", "bus: scsi}")
    )

    text, findings = put(tmp_path, template, policy)

    assert findings == []
    root = ET.fromstring(text)  # noqa: S314 our own output
    boot = root.find("os")
    assert boot is not None
    assert boot.get("firmware") == "efi"
    assert [child.tag for child in boot] == ["type", "firmware", "bootmenu"]
    assert boot.find("type").get("machine") == "virt-8.0"  # type: ignore[union-attr]
    assert [child.tag for child in root.findall("features/*")] == ["pmu", "acpi", "gic"]
    assert root.find("features/gic").get("version") == "host"  # type: ignore[union-attr]
    assert root.find("cpu").get("migratable") == "off"  # type: ignore[union-attr]
    assert [item.text for item in root.findall("devices/emulator")] == ["/usr/bin/qemu"]
    assert len(root.findall("devices/controller[@type='scsi']")) == 1


def test_disks_stand_in_the_order_in_which_libvirt_keeps_them(tmp_path: Path) -> None:
    def disk(name: str, bus: str) -> str:
        return f"<disk><source file='/{name}'/><target dev='{name}' bus='{bus}'/></disk>"

    theirs = disk("vdb", "virtio") + disk("sda", "scsi") + disk("vda", "virtio")
    own = '  disks: [{path: "/a"}, {path: "/b", bus: scsi}, {path: "/c"}]\n'
    policy = nvme_policy().replace(
        '  disks: [{path: "/var/lib/libvirt/images/a & b.qcow2", bootOrder: 1}]\n', own
    )

    text, findings = put(
        tmp_path, f"<domain type='kvm'><devices>{theirs}</devices></domain>", policy
    )

    assert findings == []
    root = ET.fromstring(text)  # noqa: S314 our own output
    names = [item.get("dev") for item in root.findall("devices/disk/target")]
    assert names == ["vda", "vdb", "vdc", "vdd", "sda", "sdb"]


PIECES = st.lists(
    st.sampled_from(
        [
            "<domain type='kvm'>",
            "</domain>",
            "<a>",
            "</a>",
            "<a/>",
            "&",
            "&amp;",
            "&#0;",
            "&#xFFFE;",
            "\0",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?xml version='1.0' encoding='utf-16'?>",
            "<!DOCTYPE a>",
            " xmlns='b'",
            "\ufffe",
            "\ue000",
            "x",
            "\n",
        ]
    ),
    max_size=12,
).map("".join)


@given(
    st.one_of(
        st.binary(max_size=200), PIECES.map(str.encode), PIECES.map(lambda x: x.encode("utf-16"))
    )
)
def test_whatever_is_read_is_a_domain_or_a_fault(data: bytes) -> None:
    found = read(data)

    assert isinstance(found, Fault) or found.tag == "domain"


@pytest.mark.parametrize(
    ("boot", "tags"),
    [
        ("<os/>", ["type", "firmware"]),
        ("<os firmware='efi'><kernel>/k</kernel></os>", ["type", "firmware", "kernel"]),
        ("<os><type arch='aarch64'>hvm</type></os>", ["firmware", "type"]),
    ],
    ids=["empty", "efi", "no-firmware"],
)
def test_template_that_is_silent_about_secure_boot_gets_none(
    tmp_path: Path, boot: str, tags: list[str]
) -> None:
    text, findings = put(tmp_path, f"<domain type='kvm'>{boot}</domain>")

    assert findings == []
    found = ET.fromstring(text).find("os")  # noqa: S314 our own output
    assert found is not None
    assert found.get("firmware") == "efi"
    assert [child.tag for child in found] == tags
    features = [feature.attrib for feature in found.findall("firmware/feature")]
    assert features == [{"enabled": "no", "name": "secure-boot"}]


@pytest.mark.parametrize(
    "boot",
    [
        "<os><type arch='aarch64'>hvm</type><loader>/a</loader></os>",
        "<os firmware='efi'><type arch='aarch64'>hvm</type><loader secure='yes'/></os>",
        "<os firmware='efi'><type arch='aarch64'>hvm</type><nvram>/a</nvram></os>",
    ],
    ids=["loader", "secure-loader", "nvram"],
)
def test_firmware_of_a_template_stays(tmp_path: Path, boot: str) -> None:
    text, findings = put(tmp_path, f"<domain type='kvm'>{boot}</domain>")

    assert findings == []
    written = ET.fromstring(boot)  # noqa: S314 our own text
    found = ET.fromstring(text).find("os")  # noqa: S314 our own output
    assert found is not None
    assert found.attrib == written.attrib
    assert [(child.tag, child.attrib) for child in found] == [
        (child.tag, child.attrib) for child in written
    ]


def test_template_of_an_x86_guest_with_a_bios_keeps_it(tmp_path: Path) -> None:
    boot = "<os><type arch='x86_64'>hvm</type><bootmenu enable='no'/></os>"

    text, findings = put(tmp_path, f"<domain type='kvm'>{boot}</domain>", arch="x86_64")

    assert findings == []
    found = ET.fromstring(text).find("os")  # noqa: S314 our own output
    assert found is not None
    assert found.attrib == {}
    assert [child.tag for child in found] == ["type", "bootmenu"]
