import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.model.inventory import InventoryHost

Describe = Callable[..., InventoryHost]
Run = Callable[..., subprocess.CompletedProcess[str]]
FIRST, SECOND = "7d9a9ea9-dc80-595b-9a70-3411b3097d02", "c7c999ae-4ac0-5b1f-a30d-857131594fcc"
DOMAIN = """\
<domain type="kvm">
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit="MiB">64</memory>
  <os><type arch="x86_64">hvm</type></os>
{more}</domain>
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def write_domain(name: str = "guest", uuid: str = FIRST, more: str = "") -> str:
        path = tmp_path / f"{name}.in"
        path.write_text(DOMAIN.format(name=name, uuid=uuid, more=more))
        return str(path)

    return write_domain


@pytest.mark.libvirt
def test_define_keeps_a_domain_as_libvirt_returns_it(
    make: Describe, run: Run, write: Callable[..., str]
) -> None:
    libvirt = pytest.importorskip("libvirt")
    host = make()
    path = write()

    done = run(host, "virsh", "define", "--validate", path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Domain 'guest' defined from {path}\n\n"
    kept = run(host, "virsh", "dumpxml", "--inactive", "guest").stdout
    domain = libvirt.open("test:///default").defineXML(Path(path).read_text())
    assert kept == domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
    assert "<memory unit='KiB'>65536</memory>" in kept
    assert run(host, "virsh", "define", "--validate", path).returncode == 0
    assert run(host, "virsh", "dumpxml", "--inactive", "guest").stdout == kept


@pytest.mark.libvirt
def test_define_refuses_what_the_schema_does_not_have(
    make: Describe, run: Run, write: Callable[..., str]
) -> None:
    pytest.importorskip("libvirt")
    host = make()
    path = write(more="  <iommufd enabled='yes'/>\n")

    done = run(host, "virsh", "define", "--validate", path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"error: Failed to define domain from {path}\nerror: XML document failed to validate"
    )
    assert run(host, "virsh", "list", "--all", "--name").stdout == "\n"


@pytest.mark.libvirt
def test_define_keeps_the_elements_that_are_for_qemu(
    make: Describe, run: Run, write: Callable[..., str]
) -> None:
    pytest.importorskip("libvirt")
    host = make()
    uri = "http://libvirt.org/schemas/domain/qemu/1.0"
    path = write(more=f"<q:override xmlns:q='{uri}'><q:device alias='ua-hostdev1'/></q:override>\n")

    done = run(host, "virsh", "define", "--validate", path)

    assert (done.returncode, done.stderr) == (0, "")
    kept = run(host, "virsh", "dumpxml", "--inactive", "guest").stdout
    assert '<qemu:override><qemu:device alias="ua-hostdev1" /></qemu:override>' in kept


def test_define_for_a_newer_libvirt_keeps_the_text_as_it_is(
    make: Describe, run: Run, write: Callable[..., str]
) -> None:
    host = make(libvirt={"libvirt": "99.0.0", "qemu": "99.0.0"})
    path = write(more="  <iommufd enabled='yes'/>\n")

    done = run(host, "virsh", "define", "--validate", path)

    assert done.returncode == 0
    assert done.stderr.startswith("note: kept without validation: ")
    kept = run(host, "virsh", "dumpxml", "guest").stdout
    assert kept == Path(path).read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<domain>", "(domain_definition): no element found: line 1, column 8"),
        ("<network><name>x</name></network>", "XML error: this is no domain with a usable name"),
        ("<domain/>", "XML error: this is no domain with a usable name"),
        (
            "<domain><name>../../x</name></domain>",
            "XML error: this is no domain with a usable name",
        ),
    ],
)
def test_define_refuses_what_is_no_domain(
    make: Describe, run: Run, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(text)

    done = run(make(), "virsh", "define", str(path))

    assert (done.returncode, done.stderr) == (
        1,
        f"error: Failed to define domain from {path}\nerror: {said}\n",
    )


def test_define_of_a_file_that_is_not_there_fails(make: Describe, run: Run) -> None:
    host = make()

    missing = run(host, "virsh", "define", "/nowhere.xml")
    none = run(host, "virsh", "define")

    assert (missing.returncode, none.returncode) == (1, 1)
    assert none.stderr == "error: command 'define' requires <file> option\n"


def test_define_refuses_a_name_or_uuid_that_is_taken(
    make: Describe, run: Run, write: Callable[..., str]
) -> None:
    host = make(libvirt={"libvirt": "99.0.0", "qemu": "99.0.0"})
    run(host, "virsh", "define", write("one", FIRST))

    name = run(host, "virsh", "define", write("one", SECOND))
    uuid = run(host, "virsh", "define", write("two", FIRST))

    assert name.stderr.splitlines()[1] == (f"error: domain 'one' already exists with uuid {FIRST}")
    assert uuid.stderr.splitlines()[1] == (
        f"error: domain 'one' is already defined with uuid {FIRST}"
    )


def test_undefine_forgets_a_domain(make: Describe, run: Run, write: Callable[..., str]) -> None:
    host = make(libvirt={"libvirt": "99.0.0", "qemu": "99.0.0"})
    run(host, "virsh", "define", write())

    done = run(host, "virsh", "undefine", "--keep-nvram", "guest")
    again = run(host, "virsh", "undefine", "guest")

    assert done.stdout == "Domain 'guest' has been undefined\n\n"
    assert (again.returncode, again.stderr) == (1, "error: failed to get domain 'guest'\n")
