# SPDX-License-Identifier: Apache-2.0
"""Make virtual functions, of a physical function that VFIO or the host's driver has."""

import uuid

from ansible.module_utils.optout_programs import answers
from ansible.module_utils.optout_programs.function import (
    DEVICES,
    Function,
    attempt,
    bind,
    driver_of,
    opens,
    parameter,
    release,
    settled_power,
)
from ansible.module_utils.optout_programs.view import viewed

HOST = "igb"
COUNT = 2
EXTENDED, ACCESS_CONTROL, ACCESS_CONTROL_REGISTER = 0x100, 0x0D, 6
ISOLATED = 0b11101
"""Source validation, request and completion redirect, upstream forwarding."""
TOKEN = uuid.UUID("0f5e4b0a-62a3-4f5b-9d0a-3f7d2a5c1e90")
RIGHT, WRONG = f" vf_token={TOKEN}", f" vf_token={uuid.UUID(int=1)}"


def virtual_functions(address: str) -> list[str]:
    links = sorted((DEVICES / address).glob("virtfn*"))
    return [link.readlink().name for link in links]


def isolate(physical: str) -> None:
    """Switch access control services on in the root port above a physical function.

    6.1 and 6.12, booted by a device tree, ask for them after they have seen the ports, and then put
    all that is behind a port into one IOMMU group.

    Source:
        Linux, drivers/iommu/of_iommu.c, of_iommu_configure(); drivers/pci/pci.c, pci_acs_init()
    """
    port = (DEVICES / physical).resolve().parent / "config"
    space = port.read_bytes()
    place = EXTENDED
    while place:
        header = int.from_bytes(space[place : place + 4], "little")
        if header & 0xFFFF == ACCESS_CONTROL:
            with port.open("r+b", buffering=0) as file:
                file.seek(place + ACCESS_CONTROL_REGISTER)
                file.write(ISOLATED.to_bytes(2, "little"))
        place = header >> 20


def set_count(address: str, count: int) -> str:
    """Have a number of virtual functions: ok, or the name of the error."""
    answer: str = attempt((DEVICES / address / "sriov_numvfs").write_text, str(count))
    return answer


def of_vfio(physical: str, driver: str) -> dict[str, object]:
    """Make virtual functions of a physical function that a VFIO driver has."""
    found: dict[str, object] = {"bound": bind(physical, driver) == driver}
    enable = parameter(driver, "enable_sriov")
    found["default"] = enable.read_text().strip()
    found["notEnabled"] = set_count(physical, COUNT)
    enable.write_text("Y")
    found["unused"] = settled_power(physical, "suspended")
    found["enabled"] = set_count(physical, COUNT)
    found["withFunctions"] = settled_power(physical, "active")
    virtual = virtual_functions(physical)
    found["drivers"] = [driver_of(address) == driver for address in virtual]
    overrides = [(DEVICES / item / "driver_override").read_text().strip() for item in virtual]
    found["overrides"] = [word == driver for word in overrides]
    found["again"] = set_count(physical, COUNT + 1)
    found["tokens"] = tokens(physical, virtual[0])
    found["view"] = view_of(physical, virtual[0])
    enable.write_text("N")
    found["whileNotEnabled"] = set_count(physical, 0)
    found["unboundWithFunctions"] = unbind_with_functions(physical)
    return found


def tokens(physical: str, virtual: str) -> dict[str, str]:
    """Open both with and without a token; ok, or the name of the error."""
    found = {"virtualBefore": opens(virtual)}
    owner = Function(physical)
    found["set"] = answers.set_token(owner, TOKEN.bytes)
    owner.close()
    found |= {
        "virtualWithout": opens(virtual),
        "virtualWrong": opens(virtual, WRONG),
        "virtualMalformed": opens(virtual, " vf_token=1"),
        "virtualRight": opens(virtual, RIGHT),
    }
    user = Function(virtual, RIGHT)
    found |= {
        "physicalWithout": opens(physical),
        "physicalWrong": opens(physical, WRONG),
        "physicalRight": opens(physical, RIGHT),
    }
    user.close()
    return found


def view_of(physical: str, virtual: str) -> dict[str, object]:
    """Use a virtual function while its physical one is used and reset."""
    owner = Function(physical, RIGHT)
    try:
        with viewed(virtual, RIGHT) as view:
            first, leads_there = view.look(), view.physical()
            reset = answers.reset(view.function)
            return {
                "first": first,
                "leadsThere": leads_there,
                "reset": reset,
                "second": view.look(),
            }
    finally:
        owner.close()


def unbind_with_functions(physical: str) -> dict[str, object]:
    """Take the driver from a physical function: its virtual ones go first."""
    before = len(virtual_functions(physical))
    release(physical)
    return {"before": before, "after": len(virtual_functions(physical))}


def of_host(physical: str, driver: str) -> dict[str, object]:
    """Give virtual functions of the host's own driver to a VFIO driver."""
    found: dict[str, object] = {"bound": bind(physical, HOST), "made": set_count(physical, COUNT)}
    first, second = virtual_functions(physical)
    found["unbound"] = driver_of(first)
    found["taken"] = bind(first, driver) == driver and bind(second, driver) == driver
    found["withToken"] = opens(first, RIGHT)
    with viewed(first) as view:
        found["first"], found["leadsThere"] = view.look(), view.physical()
        found["reset"], found["second"] = answers.reset(view.function), view.look()
    with viewed(second) as view:
        found["other"] = view.look()
    found["gone"] = set_count(physical, 0)
    release(physical)
    return found
