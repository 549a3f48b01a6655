"""libvirt itself judges what is rendered: its schema, its parser, and what it keeps."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from fleetpolicy.model.domain import dropped
from tests.integration.libvirt.goldens import CASES, GOLDEN, libvirt_of
from tests.unit.render.fleets import NEW_LIBVIRT, OLD_LIBVIRT, gpu_policy, nvme_policy, rendered

libvirt = pytest.importorskip("libvirt")

SCHEMA = Path("/usr/share/libvirt/schemas/domain.rng")
PATH = "/etc/libvirt/qemu/trainer.xml"
POLICIES = {
    "plain": nvme_policy(),
    "trapped": nvme_policy("trapped"),
    "hugepages": nvme_policy().replace(
        "memory: 64GiB", "memory: 64GiB\n  hugepages: 512MiB\n  numaNode: 1\n  title: a <b> & c"
    ),
    "network": nvme_policy().replace("{bridge: br0}", "{bridge: br0}, {network: default}"),
    "boot": nvme_policy().replace('id: "144d:a80a"}}]', 'id: "144d:a80a"}, bootOrder: 2}]'),
}

NEWER = {
    10_000_000: "<driver model='nvgrace_gpu_vfio_pci'/>",
    11_008_000: "<acpi nodeset='1-8'/>",
}


@pytest.fixture(scope="module")
def connection() -> Iterator[object]:
    opened = libvirt.open("test:///default")
    yield opened
    opened.close()


@pytest.mark.libvirt
@pytest.mark.parametrize("name", list(POLICIES))
def test_domain_is_accepted_and_kept_whole(name: str, connection: object, tmp_path: Path) -> None:
    files, findings = rendered(tmp_path, POLICIES[name], **OLD_LIBVIRT)
    assert findings == ()
    sent = files[PATH].content

    kept = connection.defineXMLFlags(sent, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)  # type: ignore[attr-defined]

    # The test driver has no QEMU behind it, and keeps nothing of QEMU's own namespace.
    lost = ("override",) if name == "trapped" else ()
    assert dropped(sent, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == lost
    kept.undefine()


@pytest.mark.libvirt
@pytest.mark.parametrize("name", list(POLICIES))
def test_domain_is_valid_under_the_installed_schema(name: str, tmp_path: Path) -> None:
    if not SCHEMA.exists():
        pytest.skip("libvirt's schemas are not installed")
    files, _ = rendered(tmp_path, POLICIES[name], **OLD_LIBVIRT)
    schema = etree.RelaxNG(etree.parse(SCHEMA))

    schema.validate(etree.fromstring(files[PATH].content.encode()))

    assert [str(error) for error in schema.error_log] == []


@pytest.mark.libvirt
def test_domain_of_an_x86_host_is_accepted_and_kept_whole(
    connection: object, tmp_path: Path
) -> None:
    files, findings = rendered(tmp_path, nvme_policy(), arch="x86_64", **OLD_LIBVIRT)
    assert findings == ()
    sent = files[PATH].content

    kept = connection.defineXMLFlags(sent, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)  # type: ignore[attr-defined]

    assert dropped(sent, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == ()
    kept.undefine()


@pytest.mark.libvirt
def test_domain_of_a_grace_gpu_less_what_is_new_is_accepted_and_kept_whole(
    connection: object, tmp_path: Path
) -> None:
    files, _ = rendered(tmp_path, gpu_policy(), **NEW_LIBVIRT)
    version = libvirt.getVersion()
    sent = files[PATH].content
    for since, text in NEWER.items():
        assert text in sent
        sent = sent if version >= since else sent.replace(text, "")

    kept = connection.defineXMLFlags(sent, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)  # type: ignore[attr-defined]

    assert dropped(sent, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == ()
    kept.undefine()


@pytest.mark.libvirt
def test_domain_that_libvirt_does_not_know_is_refused_with_validation(
    connection: object, tmp_path: Path
) -> None:
    files, _ = rendered(tmp_path, nvme_policy(), **OLD_LIBVIRT)
    odd = (
        files[PATH]
        .content.replace("managed='no'", "")
        .replace("<rom bar='off'/>", "<rom bar='off'/><acpi nodeset='1-8'/>")
    )

    with pytest.raises(libvirt.libvirtError):
        connection.defineXMLFlags(odd, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)  # type: ignore[attr-defined]

    kept = connection.defineXML(odd)  # type: ignore[attr-defined]
    assert dropped(odd, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == ("devices/hostdev/acpi",)
    kept.undefine()


@pytest.mark.libvirt
@pytest.mark.parametrize("path", GOLDEN, ids=[str(path.relative_to(CASES)) for path in GOLDEN])
def test_domain_of_a_case_is_kept_whole_or_needs_a_newer_libvirt(
    path: Path, connection: object
) -> None:
    sent = path.read_text()
    try:
        kept = connection.defineXMLFlags(sent, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)  # type: ignore[attr-defined]
    except libvirt.libvirtError as error:
        assert "failed to validate against schema" in str(error)  # noqa: PT017 either is right
        assert libvirt_of(path) > libvirt.getVersion()
        return

    lost = ("override",) if "<qemu:override>" in sent else ()
    assert dropped(sent, kept.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)) == lost
    kept.undefine()
