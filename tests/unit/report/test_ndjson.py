import json

from fleetpolicy.report.ndjson import write_ndjson
from fleetpolicy.report.product import Product


def test_write_ndjson_has_a_line_per_entry_and_a_summary(validated: Product) -> None:
    assert write_ndjson(validated) == (
        '{"type":"finding","rule":"FP298","name":"may-drip","severity":"warning",'
        '"path":"command line","line":0,"column":0,"hosts":[],"device":"","why":"it drips",'
        '"fix":"shut it","source":"plumbing(8)","facts":""}\n'
        '{"type":"finding","rule":"FP299","name":"drops-water","severity":"error",'
        '"path":"policies/gpü 1.yaml","line":14,"column":18,"hosts":["kvm-1","kvm-2"],'
        '"device":"0000:01:00.0",'
        '"why":"100% of a|b `c` <d> & \\"e\\"\\nsecond: line, end",'
        '"fix":"shut @team\'s #1 tap","source":"plumbing(8)","facts":"facts/a.json, 2026-08-20"}\n'
        '{"type":"silenced","rule":"FP298","name":"may-drip","severity":"warning",'
        '"path":"hosts.yaml","line":3,"column":0,"hosts":["kvm-3"],"device":"","why":"it drips",'
        '"fix":"shut it","source":"plumbing(8)","facts":"","exception":{"name":"tap-3",'
        '"until":"2027-03-01","owner":"plumbers","reason":"no part | yet","place":"ex.yaml:2:1"}}\n'
        '{"type":"summary","formatVersion":1,"command":"validate","result":"invalid",'
        '"counts":{"findings":2,"silenced":1}}\n'
    )


def test_write_ndjson_names_lines_by_their_list(carrying: Product) -> None:
    first, last = (json.loads(line) for line in write_ndjson(carrying).splitlines())

    assert first == {"type": "parts", "part": "tap", "sizes": [1, 2], "spare": True, "note": ""}
    assert last["counts"] == {"parts": 1}
