from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.difference import compare, digest_of
from fleetpolicy.model.plan import Verb
from fleetpolicy.model.record import FileState, HostState
from fleetpolicy.plan.image import renew_image
from tests.unit.plan.fleets import DROP_IN, UDEV, file_state, make_artifacts, make_state


def state_with(*artifacts: Artifact) -> HostState:
    return make_state(
        files={item.path: FileState.model_validate(file_state(item)) for item in artifacts}
    )


def without(path: str) -> tuple[Artifact, ...]:
    return tuple(item for item in make_artifacts() if item.path != path)


def test_renewal_writes_the_rules_again_as_initramfs_content() -> None:
    artifacts = make_artifacts()
    state = state_with(*artifacts)

    (renewal,) = renew_image(artifacts, state, compare(artifacts, state))

    assert (renewal.verb, renewal.path, renewal.kind) == (
        Verb.CHANGE,
        UDEV,
        ArtifactKind.INITRAMFS,
    )
    assert renewal.before == renewal.after == digest_of(artifacts[2].content)
    assert not renewal.needs_boot


def test_renewal_beside_a_change_that_makes_the_image_anew_is_none() -> None:
    artifacts = make_artifacts()
    state = state_with(*without(UDEV))

    assert renew_image(artifacts, state, compare(artifacts, state)) == ()


def test_renewal_stands_beside_a_change_of_the_command_line() -> None:
    artifacts = make_artifacts()
    state = state_with(*without(DROP_IN))

    differences = compare(artifacts, state)

    assert [item.path for item in differences] == [DROP_IN]
    assert [item.path for item in renew_image(artifacts, state, differences)] == [UDEV]
