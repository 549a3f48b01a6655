from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.model.artifact import Artifact, ArtifactKind, deployed
from fleetpolicy.model.difference import (
    carries_our_metadata,
    compare,
    digest_of,
    owned_files,
)
from fleetpolicy.model.record import FileState, HostState
from fleetpolicy.plan import plan
from tests.unit.plan.fleets import (
    DOMAIN_XML,
    DROP_IN,
    MODPROBE,
    UDEV,
    deploy,
    file_state,
    make_artifacts,
    make_class,
    make_domain,
    make_fleet,
    make_planning,
    make_record,
    make_state,
)

DOMAIN_PATH = "/etc/libvirt/qemu/db.xml"


def shown(state: HostState, *artifacts: object) -> list[str]:
    found = compare(artifacts, state)  # type: ignore[arg-type] # artefacts
    return [f"{item.verb.value} {item.name or item.path}" for item in found]


def with_files(**changes: object) -> HostState:
    files = {item.path: file_state(item) for item in make_artifacts()}
    return HostState.model_validate({**dict(make_state()), "files": {**files, **changes}})


def deployed_with_domain() -> HostState:
    fleet = make_fleet(make_class())
    domains = {"a": (make_domain(),)}
    record = make_record()
    made, _ = plan(make_planning(fleet, [record], make_artifacts(), domains))
    return deploy(made, record).state


def test_compare_of_a_fresh_host_creates_everything_files_first() -> None:
    assert shown(make_state(), make_domain(), *make_artifacts()) == [
        f"create {DROP_IN}",
        f"create {MODPROBE}",
        f"create {UDEV}",
        "create db",
    ]


def test_compare_of_equal_files_finds_nothing() -> None:
    assert shown(with_files(), *make_artifacts()) == []


def test_compare_of_another_content_and_another_mode_changes_both() -> None:
    drop_in, modprobe, _ = make_artifacts()
    state = with_files(
        **{
            DROP_IN: {**file_state(drop_in), "digest": digest_of("x"), "content": "x"},
            MODPROBE: {**file_state(modprobe), "mode": 0o600},
        }
    )

    content, mode = compare(make_artifacts(), state)

    assert (content.path, content.text, content.needs_boot) == (DROP_IN, "x", True)
    assert (mode.path, mode.before, mode.needs_boot) == (MODPROBE, mode.after, False)


def test_compare_of_a_file_not_rendered_any_more_removes_it() -> None:
    assert shown(with_files(), *make_artifacts()[:2]) == [f"remove {UDEV}"]


def test_compare_of_a_foreign_file_leaves_it() -> None:
    foreign = {"digest": digest_of("x"), "mode": 0o644}
    state = with_files(**{"/etc/modprobe.d/local.conf": foreign})

    assert shown(state, *make_artifacts()) == []


def test_compare_of_a_file_that_the_manifest_alone_names_removes_it() -> None:
    old = replace(make_artifacts()[0], path="/etc/modprobe.d/fleetpolicy-old.conf")
    fleet = make_fleet(make_class())
    made, _ = plan(make_planning(fleet, [make_record()], (old,)))
    state = deploy(made, make_record()).state

    assert owned_files(state) == (old.path,)
    assert shown(state) == [f"remove {old.path}"]


def test_compare_of_a_deployed_domain_finds_nothing() -> None:
    assert shown(deployed_with_domain(), make_domain(), *make_artifacts()) == []


def test_compare_of_a_domain_that_lost_an_element_changes_it() -> None:
    state = deployed_with_domain()
    kept = {"db": DOMAIN_XML.replace("  <name>db</name>\n", "")}

    assert shown(state.model_copy(update={"domains": kept}), make_domain(), *make_artifacts()) == [
        "change db"
    ]


def test_compare_of_a_domain_rendered_with_less_changes_it() -> None:
    shorter = make_domain('<domain type="kvm">\n</domain>\n')

    assert shown(deployed_with_domain(), shorter, *make_artifacts()) == ["change db"]


def test_compare_of_a_domain_not_rendered_any_more_removes_it() -> None:
    assert shown(deployed_with_domain(), *make_artifacts()) == ["remove db"]


def test_compare_of_a_foreign_domain_leaves_it() -> None:
    state = make_state(domains={"web": "<domain/>"})

    assert shown(state) == []


@pytest.mark.parametrize(
    ("xml", "ours"),
    [
        ("<domain><metadata><f:x xmlns:f='https://x/fleetpolicy/1'/></metadata></domain>", True),
        ("<domain><metadata/><title>xmlns:f='fleetpolicy'</title></domain>", False),
        ("<domain><metadata>\n<o xmlns='http://libosinfo.org'/></metadata></domain>", False),
        ("not xml", False),
    ],
)
def test_metadata_of_our_namespace_is_recognised(xml: str, ours: bool) -> None:  # noqa: FBT001
    assert carries_our_metadata(xml) is ours


@given(st.permutations(make_artifacts()), st.sets(st.sampled_from([DROP_IN, MODPROBE, UDEV])))
def test_compare_does_not_depend_on_order(order: list[object], there: set[str]) -> None:
    files = {item.path: file_state(item) for item in make_artifacts() if item.path in there}
    state = HostState.model_validate({**dict(make_state()), "files": files})

    assert shown(state, *order) == shown(state, *make_artifacts())
    assert len(shown(state, *order)) == 3 - len(there)


def test_what_belongs_into_the_image_is_neither_written_nor_removed() -> None:
    dracut = "/etc/dracut.conf.d/fleetpolicy.conf"
    item = Artifact(dracut, ArtifactKind.IMAGE, "a\n", 0o644, ())
    kept = {**file_state(item), "digest": digest_of("b\n"), "content": "b\n"}

    assert compare((item,), make_state()) == ()
    assert compare((item,), make_state(files={dracut: FileState.model_validate(kept)})) == ()
    assert deployed((item, *make_artifacts())) == make_artifacts()
