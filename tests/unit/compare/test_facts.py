import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generate import generate
from fleetpolicy.compare import compare_facts
from fleetpolicy.diagnostics import Span
from fleetpolicy.load import parse_record
from fleetpolicy.model.record import HostRecord, PciDevice
from fleetpolicy.report.factdiff import facts_difference_document, write_facts_difference

Records = dict[str, dict[str, Any]]


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """Return the documents of six hosts, all of one kind."""
    text = (generate(tmp_path, 6).facts / "hosts.jsonl").read_text()
    found = {item["host"]: item for item in map(json.loads, text.splitlines())}
    first = next(iter(found.values()))
    return {name: {**item, "facts": first["facts"]} for name, item in found.items()}


def parsed(records: Records) -> dict[str, HostRecord]:
    return {
        name: parse_record(json.dumps(item).encode(), Span(f"{name}.json"))
        for name, item in records.items()
    }


def changed(records: Records) -> Records:
    after: Records = json.loads(json.dumps(records))
    for number, item in enumerate(after.values()):
        item["identity"] |= {"bootId": "another", "uptimeSeconds": 5}
        item["collectedAt"] = "2026-11-24T08:00:00Z"
        if number < 4:
            item["facts"]["kernel"]["release"] = "7.3.5-arm64"
        if number == 2:
            item["state"]["bindings"]["0000:01:00.0"]["driver"] = "vfio-pci"
            item["state"]["files"]["/etc/modprobe.d/x.conf"] = {
                "digest": "0" * 64,
                "mode": 420,
                "content": None,
            }
            del item["facts"]["devices"][7]
    return after


def test_facts_difference_of_a_boot_alone_is_noise(records: Records) -> None:
    after = {
        name: {**item, "identity": {**item["identity"], "bootId": "b", "uptimeSeconds": 1}}
        for name, item in records.items()
    }

    assert compare_facts(parsed(records), parsed(after)).is_empty
    noisy = compare_facts(parsed(records), parsed(after), noise=True)
    assert {change.path for change in noisy.changes} == {
        "identity.bootId",
        "identity.uptimeSeconds",
    }


def test_facts_difference_groups_hosts_by_path_and_values(records: Records) -> None:
    before, after = parsed(records), parsed(changed(records))
    del before["kvm-00005"]
    del after["kvm-00000"]
    seen = PciDevice.model_validate(records["kvm-00002"]["facts"]["devices"][7])
    device = json.dumps(seen.model_dump(by_alias=True, mode="json"), sort_keys=True)

    text = write_facts_difference(compare_facts(before, after))

    assert text == (
        "facts.devices[0000:08:00.0]\n"
        f"  {device[:100]}... ({len(device)} characters) -> (absent)  on host kvm-00002\n"
        "facts.kernel.release\n"
        f"  {records['kvm-00001']['facts']['kernel']['release']} -> 7.3.5-arm64  "
        "on hosts kvm-00001, kvm-00002, kvm-00003 (3)\n"
        "state.bindings[0000:01:00.0].driver\n"
        f"  {records['kvm-00002']['state']['bindings']['0000:01:00.0']['driver']} -> vfio-pci  "
        "on host kvm-00002\n"
        "state.files[/etc/modprobe.d/x.conf]\n"
        '  (absent) -> {"content": null, "digest": "' + "0" * 64 + '", "mod... (108 characters)  '
        "on host kvm-00002\n"
        "only in the second: host kvm-00005\n"
        "only in the first: host kvm-00000\n"
        "3 of 4 hosts differ, in 4 values; new hosts: 1, gone: 1.\n"
    )


def test_facts_difference_of_a_long_text_is_told_by_lines(records: Records) -> None:
    before, after = records, json.loads(json.dumps(records))
    for side, word in ((before, "one"), (after, "two")):
        side["kvm-00000"]["state"]["domains"] = {"web": f"<domain>\n  <name>{word}</name>\n"}

    text = write_facts_difference(compare_facts(parsed(before), parsed(after)))

    assert text == (
        "state.domains.web\n"
        "  on host kvm-00000:\n"
        "      @@ -1,2 +1,2 @@\n"
        "       <domain>\n"
        "      -  <name>one</name>\n"
        "      +  <name>two</name>\n"
        "1 of 6 hosts differ, in 1 value; new hosts: 0, gone: 0.\n"
    )


def test_facts_difference_document_carries_whole_values(records: Records) -> None:
    after = json.loads(json.dumps(records))
    after["kvm-00001"]["facts"]["cpu"]["fwb"] = None
    was = records["kvm-00001"]["facts"]["cpu"]["fwb"]

    assert facts_difference_document(compare_facts(parsed(records), parsed(after))) == {
        "hosts": {"compared": 6, "differing": ["kvm-00001"], "added": [], "removed": []},
        "changes": [
            {
                "path": "facts.cpu.fwb",
                "before": json.dumps(was),
                "after": "null",
                "hosts": ["kvm-00001"],
            }
        ],
    }
