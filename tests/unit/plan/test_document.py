import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.model.plan import Plan
from fleetpolicy.plan import dump_plan, parse_plan, plan, plan_schema
from fleetpolicy.plan.rules import PLAN_CHANGED, PLAN_FORMAT, PLAN_UNREADABLE
from tests.unit.plan.fleets import (
    make_artifacts,
    make_class,
    make_domain,
    make_fleet,
    make_planning,
    make_record,
)

SPAN = Span("plan.fpz")


def make_plan() -> Plan:
    fleet = make_fleet(make_class(), "a", "b", "c")
    records = [make_record(name) for name in ("a", "b", "c")]
    domains = {"b": (make_domain(),)}
    return plan(make_planning(fleet, records, make_artifacts(), domains))[0]


def refuse(data: bytes) -> list[str]:
    with pytest.raises(FleetPolicyError) as caught:
        parse_plan(data, SPAN)
    return [f"{item.span} {item.rule.id} {item.why}" for item in caught.value.diagnostics]


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    body = json.loads(gzip.decompress(dump_plan(make_plan())))
    change(body)
    return gzip.compress(json.dumps(body).encode(), mtime=0)


@pytest.mark.accepts("FP511", "FP512", "FP513")
def test_plan_saved_and_read_is_the_same() -> None:
    made = make_plan()

    data = dump_plan(made)

    assert parse_plan(data, SPAN) == made
    assert dump_plan(parse_plan(data, SPAN)) == data
    assert dump_plan(make_plan()) == data


def test_saved_plan_holds_equal_hosts_once_and_no_time() -> None:
    body = json.loads(gzip.decompress(dump_plan(make_plan())))

    assert [host["outlook"] for host in body["hosts"]] == [0, 1, 0]
    assert dump_plan(make_plan())[4:8] == b"\0\0\0\0"


def test_saved_plan_follows_its_schema() -> None:
    schema = plan_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "\\\\Z" not in json.dumps(schema)

    jsonschema.validate(json.loads(gzip.decompress(dump_plan(make_plan()))), schema)


@pytest.mark.shows("FP511")
def test_plan_cut_off_is_refused() -> None:
    data = dump_plan(make_plan())

    for length in (0, 5, len(data) - 20):
        assert refuse(data[:length]) == [
            f"plan.fpz {PLAN_UNREADABLE.id} it ends early, after {length} bytes"
        ]


@pytest.mark.shows("FP511")
@pytest.mark.parametrize("data", [b"plan", b"\x1f\x8b\x08\0\0\0\0\0\0\0not deflate"])
def test_plan_that_is_no_gzip_is_refused(data: bytes) -> None:
    assert refuse(data) == [f"plan.fpz {PLAN_UNREADABLE.id} it is not what gzip writes"]


@pytest.mark.shows("FP512")
def test_plan_that_is_no_json_is_refused() -> None:
    found = refuse(gzip.compress(b"{"))

    assert len(found) == 1
    assert found[0].startswith(f"plan.fpz {PLAN_FORMAT.id} the document: Invalid JSON: EOF")


@pytest.mark.shows("FP512")
def test_plan_of_another_version_is_refused() -> None:
    assert refuse(edited(lambda body: body.update(formatVersion=2))) == [
        "plan.fpz FP512 formatVersion: Input should be 1"
    ]


@pytest.mark.shows("FP512")
def test_plan_with_missing_and_unknown_keys_is_refused_with_the_first_of_them() -> None:
    def change(body: dict[str, Any]) -> None:
        del body["revision"], body["inventory"], body["hosts"]
        body["extra"] = 1

    assert refuse(edited(change)) == [
        (
            "plan.fpz FP512 revision: Field required; inventory: Field required; "
            "hosts: Field required; and 1 more"
        )
    ]


@pytest.mark.shows("FP512")
def test_plan_whose_host_points_nowhere_is_refused() -> None:
    assert refuse(edited(lambda body: body["hosts"][1].update(outlook=9))) == [
        "plan.fpz FP512 hosts: b points at no outlook"
    ]


@pytest.mark.shows("FP513")
@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["hosts"][0].update(host="z"),
        lambda body: body["hosts"][0].update(manifest="{}"),
        lambda body: body["outlooks"][0].update(reasons=[]),
        lambda body: body["outlooks"][0]["actions"].pop(),
        lambda body: body["outlooks"][0]["actions"][0].update(mode=0o777),
        lambda body: body.update(inventory="inventories/other"),
    ],
    ids=["host", "manifest", "reasons", "actions", "mode", "inventory"],
)
def test_plan_changed_after_it_was_made_is_refused(
    change: Callable[[dict[str, Any]], object],
) -> None:
    found = refuse(edited(change))

    assert len(found) == 1
    assert found[0].startswith(
        f"plan.fpz {PLAN_CHANGED.id} its id is {make_plan().id[:12]}, its content has "
    )


@pytest.mark.shows("FP513")
def test_plan_with_another_content_is_refused() -> None:
    digest = min(make_plan().blobs)

    def change(body: dict[str, Any]) -> None:
        body["blobs"][digest] = "rm -rf /\n"

    assert refuse(edited(change)) == [
        f"plan.fpz FP513 the content under {digest[:12]} has the digest 3732c5421473"
    ]


@pytest.mark.shows("FP513")
def test_plan_without_a_content_is_refused() -> None:
    made = make_plan()
    digest = min(made.blobs)
    blobs = {key: text for key, text in made.blobs.items() if key != digest}

    assert refuse(dump_plan(replace(made, blobs=blobs))) == [
        f"plan.fpz FP513 the content {digest[:12]} is missing"
    ]
