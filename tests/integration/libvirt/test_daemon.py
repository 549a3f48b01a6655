"""A real libvirtd on the hardware of a simulated host sees what the agent and the core say."""

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from fleetpolicy.cli import main
from fleetpolicy.simcore.boot.aliases import driver_for
from tests.integration.libvirt.driver import run_in_room
from tests.integration.libvirt.stacks import STACKS, Stack

DAEMON = Path(__file__).with_name("daemon.sh")
DEMO = Path(__file__).resolve().parents[3] / "inventories" / "demo"
HOST = "gh-01"
BRIDGE = "06"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the demo fleet whose host is built and recorded."""
    folder = tmp_path_factory.mktemp("demo") / "fleet"
    shutil.copytree(DEMO, folder, ignore=shutil.ignore_patterns(".lab"))
    for words in (["lab", "up"], ["facts", "collect"]):
        assert main([*words, "-q", "-i", str(folder), "--limit", HOST]) == 0
    return folder


@pytest.fixture(params=[name for name in STACKS if name != "installed"])
def seen(request: pytest.FixtureRequest, fleet: Path, tmp_path: Path) -> Path:
    """Return a folder of what each newer libvirtd says of the host's functions."""
    stack: Stack = STACKS[request.param]()
    host = fleet / ".lab" / HOST
    release = record_of(fleet)["facts"]["kernel"]["release"]
    run_in_room(stack, tmp_path, DAEMON, stack.root, tmp_path, host, release)
    return tmp_path


def record_of(fleet: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((fleet / "facts" / f"{HOST}.json").read_text())
    return record


def name_of(address: str) -> str:
    return "pci_" + address.replace(":", "_").replace(".", "_")


@pytest.mark.libvirt
@pytest.mark.ansible
def test_libvirt_sees_the_devices_that_the_agent_records(seen: Path, fleet: Path) -> None:
    record = record_of(fleet)
    recorded = {
        name_of(device["address"]): (
            device["id"],
            device["class"],
            device["iommuGroup"],
            device["numaNode"],
            record["state"]["bindings"][device["address"]]["driver"],
        )
        for device in record["facts"]["devices"]
    }

    assert {path.stem: _read(ET.parse(path)) for path in seen.glob("pci_*.xml")} == recorded  # noqa: S314


@pytest.mark.libvirt
@pytest.mark.ansible
def test_libvirt_chooses_the_driver_that_the_core_expects(seen: Path, fleet: Path) -> None:
    facts = record_of(fleet)["facts"]
    aliases = tuple((item["pattern"], item["module"]) for item in facts["vfioAliases"])
    expected = {
        name_of(device["address"]): driver_for(device["modalias"], aliases)
        for device in facts["devices"]
        if not device["class"].startswith(BRIDGE)
    }

    chosen = {name: (seen / f"{name}.override").read_text().strip() for name in expected}

    assert chosen == expected
    assert len(set(chosen.values())) > 1


def _read(tree: "ET.ElementTree[ET.Element]") -> tuple[object, ...]:
    def attribute(path: str, name: str) -> str:
        found = tree.find(f"capability/{path}")
        assert found is not None, path
        return found.attrib[name]

    vendor, product = attribute("vendor", "id"), attribute("product", "id")
    return (
        f"{vendor}:{product}".replace("0x", ""),
        (tree.findtext("capability/class") or "").removeprefix("0x"),
        int(attribute("iommuGroup", "number")),
        int(attribute("numa", "node")),
        tree.findtext("driver/name"),
    )
