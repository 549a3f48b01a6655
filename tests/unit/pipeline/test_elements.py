"""Tell which line caused an element of a domain, the template's own among them."""

from datetime import date
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Span
from fleetpolicy.load import load_policies, load_records
from fleetpolicy.load.places import Places
from fleetpolicy.model.inventory import Inventory, InventoryHost
from fleetpolicy.pipeline.elements import find_elements
from fleetpolicy.pipeline.loading import Loaded, Looked
from fleetpolicy.pipeline.work import Work, work_out

TESTS = Path(__file__).resolve().parents[2]


def work(case: str, host: str) -> Work:
    """Return a case's work on one host."""
    policy, found = load_policies([TESTS / "cases" / case / "policy.yaml"])
    records, _ = load_records(TESTS / "cases" / case / "facts")
    groups = ("all", "grace_hopper", "neoverse")
    inventory = Inventory(
        Span("hosts.yaml"),
        {host: InventoryHost(host, groups, {}, "/", None)},
        frozenset({host}),
        frozenset(groups),
        {},
    )
    loaded = Loaded(Places(None, (), None), policy, inventory, found, date(2027, 1, 15))
    return work_out(loaded, Looked(records, (), live=False))


@pytest.mark.parametrize(
    ("case", "host", "name", "lines"),
    [
        ("guest-in-template", "gh-01", "disk/target", ["template: base.xml", "data.qcow2"]),
        ("guest-in-template", "gh-01", "emulatorpin", ['pinning: {emulator: "0-1"}']),
        ("guest-ampere", "n1-01", "appliance/disk[2]", ["/dev/vg0/appliance"]),
        ("guest-ampere", "n1-01", "appliance/disk[3]", ["tools.raw"]),
        ("guest-ampere", "n1-01", "appliance/iothreads", ["ioThreads: 2"]),
        ("guest-ampere", "n1-01", "appliance/gic", ["gic: host"]),
        ("guest-gb200", "gh-01", "gb200-nested-01/iommu", ["genericInitiatorNodes: 8"]),
    ],
)
def test_element_comes_from_its_line(case: str, host: str, name: str, lines: list[str]) -> None:
    done = work(case, host)

    found = find_elements(done, done.fleet.hosts[0], name)

    assert len(found) == len(lines)
    for item, line in zip(found, lines, strict=True):
        path = Path(item.origin.path)
        shipped = TESTS.parent / "fleetpolicy" / path
        text = (path if path.exists() else shipped).read_text().splitlines()
        assert line in text[item.origin.line - 1]
