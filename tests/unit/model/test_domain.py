import pytest

from fleetpolicy.model.domain import dropped


def domain(*devices: str) -> str:
    return f"<domain type='kvm'><name>a</name><devices>{''.join(devices)}</devices></domain>"


def hostdev(bus: str, extra: str = "") -> str:
    return (
        f"<hostdev mode='subsystem' type='pci' managed='no'><source><address domain='0x0000' "
        f"bus='{bus}' slot='0x00' function='0x0'/></source>{extra}</hostdev>"
    )


def test_dropped_of_an_equal_domain_is_nothing() -> None:
    sent = domain(hostdev("0x01"), hostdev("0x02"))

    assert dropped(sent, sent) == ()


def test_dropped_ignores_what_libvirt_adds() -> None:
    sent = domain("<controller type='pci' index='0' model='pcie-root'/>", hostdev("0x01"))
    kept = domain(
        "<controller type='pci' index='0' model='pcie-root'><alias name='pcie.0'/></controller>",
        "<controller type='usb' index='0'/>",
        hostdev("0x01", "<address type='pci'/>"),
    )

    assert dropped(sent, kept) == ()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("<memory>4096</memory>", "<memory unit='KiB'>4096</memory>"),
        ("<memory unit='GiB'>4</memory>", "<memory unit='KiB'>4194304</memory>"),
        ("<page size='2' unit='MiB'/>", "<page size='2048' unit='KiB'/>"),
        ("<page size='2' unit='MiB'/>", "<page size='2048'/>"),
        ("<cell id='1' memory='1' unit='GiB'/>", "<cell id='1' memory='1048576' unit='KiB'/>"),
        ("<address bus='0x1'/>", "<address bus='0x01'/>"),
        ("<name> a </name>", "<name>a</name>"),
        ("<type machine='virt'/>", "<type machine='virt-7.2'/>"),
        ("<type machine='q35'/>", "<type machine='pc-q35-7.2'/>"),
        ("<type machine='virt-7.2'/>", "<type machine='virt-7.2'/>"),
    ],
)
def test_dropped_sees_through_what_libvirt_normalises(sent: str, kept: str) -> None:
    assert dropped(f"<domain>{sent}</domain>", f"<domain>{kept}</domain>") == ()


@pytest.mark.parametrize(
    ("sent", "kept", "losses"),
    [
        ("<a x='1'/>", "<a/>", ("a@x: 1 became nothing",)),
        ("<a x='1'/>", "<a x='2'/>", ("a@x: 1 became 2",)),
        ("<a x='0x10'/>", "<a x='0x11'/>", ("a@x: 0x10 became 0x11",)),
        (
            "<type machine='virt'/>",
            "<type machine='pc-q35-7.2'/>",
            ("type@machine: virt became pc-q35-7.2",),
        ),
        (
            "<type machine='virt-7.2'/>",
            "<type machine='virt-11.1'/>",
            ("type@machine: virt-7.2 became virt-11.1",),
        ),
        ("<a version='q35'/>", "<a version='pc-q35'/>", ("a@version: q35 became pc-q35",)),
        ("<a>text</a>", "<a/>", ("a: text became nothing",)),
        ("<a><b/></a>", "<a/>", ("a/b",)),
        ("<a/>", "", ("a",)),
        (
            "<memory unit='GiB'>64</memory>",
            "<memory unit='KiB'>67108863</memory>",
            ("memory: 67108864 KiB became 67108863 KiB",),
        ),
        ("<page size='2' unit='MiB'/>", "<page size='2'/>", ("page@size: 2 MiB became 2",)),
        ("<q:p xmlns:q='urn:q' n='1'/>", "<p n='1'/>", ("p",)),
        ("<q:p xmlns:q='urn:q' n='1'/>", "<z:p xmlns:z='urn:q' n='1'/>", ()),
    ],
)
def test_dropped_names_each_loss(sent: str, kept: str, losses: tuple[str, ...]) -> None:
    assert dropped(f"<domain>{sent}</domain>", f"<domain>{kept}</domain>") == losses


def test_dropped_names_an_attribute_by_its_element_and_number() -> None:
    sent = domain(hostdev("0x01"), hostdev("0x02", "<driver model='nvgrace_gpu_vfio_pci'/>"))
    kept = domain(hostdev("0x01"), hostdev("0x02", "<driver/>"))

    assert dropped(sent, kept) == (
        "devices/hostdev[2]/driver@model: nvgrace_gpu_vfio_pci became nothing",
    )


@pytest.mark.parametrize(("bus", "gone"), [("0x01", 2), ("0x02", 1)])
def test_dropped_names_the_device_that_is_gone(bus: str, gone: int) -> None:
    sent = domain(hostdev("0x01"), hostdev("0x02"))

    assert dropped(sent, domain(hostdev(bus))) == (f"devices/hostdev[{gone}]",)


def test_dropped_finds_elements_that_changed_places() -> None:
    sent = domain(hostdev("0x01"), hostdev("0x02"))
    kept = domain(hostdev("0x02"), hostdev("0x01"))

    assert dropped(sent, kept) == (
        "devices/hostdev[1]/source/address@bus: 0x01 became 0x02",
        "devices/hostdev[2]/source/address@bus: 0x02 became 0x01",
    )


def test_dropped_of_what_is_no_xml_is_the_whole_domain() -> None:
    assert dropped(domain(), "error: no domain") == (
        "the whole domain: what libvirt keeps is not XML (syntax error: line 1, column 0)",
    )
