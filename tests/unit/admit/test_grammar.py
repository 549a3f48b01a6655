from pathlib import Path

import pytest

from fleetpolicy.admit.grammar import Fault, Grammar
from fleetpolicy.diagnostics import FleetPolicyError
from tests.unit.admit.schemafiles import write_schemas

GOOD = "<hostdev managed='no'><source bus='1'/></hostdev>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_schemas(tmp_path / "schemas")


def domain(*devices: str, name: str = "<name>a</name>") -> str:
    return "\n".join(("<domain>", name, "<devices>", *devices, "</devices>", "</domain>"))


def test_domain_that_is_admitted_has_no_faults(folder: Path) -> None:
    assert Grammar(folder).faults(domain(GOOD, "<disk/>")) == ()


@pytest.mark.parametrize(
    ("devices", "faults"),
    [
        (
            ["<hostdev managed='maybe'><source bus='1'/></hostdev>"],
            [("devices/hostdev", 4, "Element hostdev failed to validate attributes")],
        ),
        (
            [GOOD, "<hostdev managed='no'><source bus='1'/><acpi/></hostdev>"],
            [("devices/hostdev[2]/acpi", 5, "it is not admitted there, or lacks something")],
        ),
        (
            ["<hostdev managed='no'><source/></hostdev>"],
            [("devices/hostdev", 4, "Element source failed to validate attributes")],
        ),
        (
            ["<hostdev managed='no'><source bus='1'/><driver model='x' name='vfio'/></hostdev>"],
            [("devices/hostdev/driver@model", 4, "x is not admitted there")],
        ),
        (
            ["<hostdev managed='no'><source bus='1'/><driver/><driver/></hostdev>"],
            [("devices/hostdev/driver[2]", 4, "there is one too many")],
        ),
        (
            [
                "<disk x='1'/>",
                "<hostdev managed='no'><source bus='1'/><acpi/><driver model='x'/></hostdev>",
                "<tpm/>",
            ],
            [
                ("devices/disk@x", 4, "1 is not admitted there"),
                ("devices/hostdev/acpi", 5, "it is not admitted there, or lacks something"),
                ("devices/hostdev/driver@model", 5, "x is not admitted there"),
                ("devices/tpm", 6, "it is not admitted there, or lacks something"),
            ],
        ),
    ],
)
def test_fault_is_named_by_path_and_line(
    devices: list[str], faults: list[tuple[str, int, str]], folder: Path
) -> None:
    assert Grammar(folder).faults(domain(*devices)) == tuple(Fault(*fault) for fault in faults)


def test_every_one_of_many_devices_at_fault_is_named(folder: Path) -> None:
    bad = "<hostdev managed='no'><source bus='1'/><acpi/></hostdev>"

    faults = Grammar(folder).faults(domain(*[bad] * 4))

    assert [fault.path for fault in faults] == [
        f"devices/hostdev[{number}]/acpi" for number in (1, 2, 3, 4)
    ]


def test_value_of_an_element_at_fault_is_named(folder: Path) -> None:
    text = domain(GOOD, name="<name>a</name><vcpu>many</vcpu>")

    (fault,) = Grammar(folder).faults(text)

    assert (fault.path, fault.line) == ("vcpu", 2)


def test_domain_that_lacks_something_is_told_of_by_libxml2(folder: Path) -> None:
    (fault,) = Grammar(folder).faults("<domain><vcpu>1</vcpu></domain>")

    assert (fault.path, fault.line) == ("domain", 1)
    assert fault.said


def test_grammar_that_lacks_an_included_file_is_refused(folder: Path) -> None:
    (folder / "devices.rng").unlink()

    with pytest.raises(FleetPolicyError) as raised:
        Grammar(folder)

    (finding,) = raised.value.diagnostics
    assert finding.rule.id == "FP442"
    assert finding.why.startswith("libxml2 cannot use them: ")
