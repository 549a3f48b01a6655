from collections.abc import Mapping
from dataclasses import replace

import pytest

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.artifact import Artifact, ArtifactKind
from fleetpolicy.model.commandline import IMAGE_WORDS
from fleetpolicy.model.difference import digest_of
from fleetpolicy.model.fleet import HostClass, Setting
from fleetpolicy.model.plan import HostPlan
from fleetpolicy.model.record import FileState, HostFacts, InitramfsImage
from fleetpolicy.plan import plan
from tests.unit.plan.fleets import (
    MODPROBE,
    MODULES,
    POLICY,
    SECOND_BOOT,
    UDEV,
    boot,
    deploy,
    file_state,
    make_artifacts,
    make_assignment,
    make_class,
    make_facts,
    make_fleet,
    make_planning,
    make_record,
    make_state,
)

WORD = "iommu.passthrough=1"
PATH = "/boot/ostree/os-1/initramfs-6.12.img"
FILES = make_artifacts()[1:]
HOLDING = Artifact(IMAGE_WORDS, ArtifactKind.IMAGE, f'kargs = ["{WORD}"]\n', 0o644, (POLICY,))
ARTIFACTS = (*FILES, HOLDING)
COPIES = {item.path: digest_of(item.content) for item in FILES}
READY = InitramfsImage(path=PATH, files=COPIES, modules=("nvme", "vfio_pci"))
AGAIN = "reboot into it and collect the facts again"
BUILT = (
    "build the image with /usr/lib/bootc/kargs.d/90-fleetpolicy.toml from fleetpolicy render -o "
    "DIR, and deploy it: bootc upgrade; or, for this machine alone or without bootc: rpm-ostree "
    "kargs "
)


def replace_image(
    *, files: Mapping[str, str] = COPIES, modules: tuple[str, ...] = READY.modules
) -> InitramfsImage:
    return InitramfsImage(path=PATH, files=dict(files), modules=modules)


def facts_of() -> HostFacts:
    facts = make_facts()
    there = facts.boot.model_copy(update={"loader": "ostree", "initramfs": "image"})
    return facts.model_copy(update={"boot": there})


def class_of(*settings: Setting, facts: HostFacts | None = None) -> HostClass:
    asked = settings or (Setting("iommu.passthrough", "1", POLICY),)
    facts = facts or facts_of()
    return make_class(facts, settings=asked, assignments=(make_assignment(facts),))


def plan_one(
    following: str | None,
    *settings: Setting,
    image: InitramfsImage | None = READY,
    files: Mapping[str, FileState] | None = None,
    facts: HostFacts | None = None,
    running: str = "ro",
) -> tuple[HostPlan, list[str]]:
    host_class = class_of(*settings, facts=facts)
    state = make_state(
        command_line=running, next_command_line=following, initramfs=image, files=files or {}
    )
    record = make_record("a", state, host_class.facts)
    made, findings = plan(make_planning(make_fleet(host_class), [record], ARTIFACTS))
    return made.hosts[0], said(findings)


def said(findings: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{item.span} {item.rule.id} {item.why} | {item.fix}" for item in findings]


def in_image(*words: str) -> dict[str, FileState]:
    listed = ", ".join(f'"{word}"' for word in words)
    held = replace(HOLDING, content=f"kargs = [{listed}]\n")
    return {IMAGE_WORDS: FileState.model_validate(file_state(held))}


@pytest.mark.accepts("FP507", "FP508", "FP509")
def test_plan_where_the_image_has_everything_writes_what_is_below_etc_alone() -> None:
    made, findings = plan_one(f"ro {WORD}", files=in_image(WORD), running=f"ro {WORD}")

    assert findings == []
    assert [f"{item.verb.value} {item.path}" for item in made.actions] == [
        f"create {MODPROBE}",
        f"create {UDEV}",
    ]
    assert IMAGE_WORDS not in made.manifest


@pytest.mark.shows("FP507")
def test_plan_where_the_next_entry_lacks_words_does_nothing_and_says_where_they_come_from() -> None:
    made, findings = plan_one("ro iommu.passthrough=0", running=f"ro {WORD}")

    assert (made.actions, made.reasons, made.manifest) == ((), (), "")
    assert findings[-1] == (
        f"policies/fleet.yaml:12:5 FP507 the entry that boots next lacks {WORD} | "
        f"{BUILT}--append-if-missing={WORD}; {AGAIN}"
    )


@pytest.mark.shows("FP507")
def test_plan_where_the_image_asks_in_vain_has_the_machine_take_the_word() -> None:
    _, findings = plan_one("ro", files=in_image(WORD))

    assert findings == [
        (
            f"policies/fleet.yaml:12:5 FP507 the entry that boots next lacks {WORD}, though "
            f"{IMAGE_WORDS} of the image asks for it | have this machine take it: rpm-ostree kargs "
            f"--append-if-missing={WORD}; {AGAIN}"
        )
    ]


@pytest.mark.shows("FP507")
def test_plan_where_the_next_boot_is_unknown_judges_the_running_one() -> None:
    assert plan_one(None, running=f"ro {WORD}")[1] == []
    assert plan_one(None)[1] == [
        (
            "policies/fleet.yaml:12:5 FP507 what boots next is not known, as where a deployment is "
            f"staged; /proc/cmdline lacks {WORD} | {BUILT}--append-if-missing={WORD}; {AGAIN}"
        )
    ]


def test_plan_appends_all_words_where_one_is_asked_for_twice() -> None:
    settings = (
        Setting("hugepagesz", "2M", POLICY, is_repeatable=True),
        Setting("hugepages", "16", POLICY, led_by="2M"),
        Setting("hugepagesz", "1G", POLICY, is_repeatable=True),
        Setting("hugepages", "16", POLICY, led_by="1G"),
    )

    (finding,) = plan_one("ro hugepagesz=2M hugepages=16", *settings)[1]

    assert " FP507 the entry that boots next lacks hugepagesz=1G hugepages=16 | " in finding
    assert (
        "rpm-ostree kargs --append=hugepagesz=2M --append=hugepages=16 --append=hugepagesz=1G "
        f"--append=hugepages=16; {AGAIN}"
    ) in finding


def test_plan_wants_the_words_of_modules_that_are_built_in() -> None:
    facts = facts_of().model_copy(update={"modules": {"vfio_pci": "builtin"}})
    word = "vfio_pci.disable_idle_d3=1"

    found = plan_one(f"ro {WORD}", facts=facts)[1]

    assert found == [
        (
            f"{MODULES} FP507 the entry that boots next lacks {word} | "
            f"{BUILT}--append-if-missing={word}; {AGAIN}"
        )
    ]
    assert plan_one(f"ro {WORD} {word}", facts=facts)[1] == []


@pytest.mark.shows("FP508")
@pytest.mark.parametrize(
    ("image", "lacking"),
    [
        (replace_image(modules=("nvme",)), "vfio_pci"),
        (replace_image(files={MODPROBE: COPIES[MODPROBE]}), UDEV),
        (replace_image(files={}, modules=("nvme",)), f"{MODPROBE}, {UDEV}, vfio_pci"),
    ],
)
def test_plan_where_a_native_driver_of_the_initramfs_could_win_does_nothing(
    image: InitramfsImage, lacking: str
) -> None:
    made, findings = plan_one(f"ro {WORD}", image=image)

    assert made.actions == ()
    assert findings == [
        (
            f"policies/nvme.yaml:9:3 FP508 nvme can be first at boot: {PATH} lacks {lacking} as "
            "rendered | build the image with the files of fleetpolicy render -o DIR, make its "
            f"initramfs anew there with dracut --force, and deploy it: bootc upgrade; {AGAIN}"
        )
    ]


@pytest.mark.accepts("FP508")
def test_plan_needs_nothing_of_an_initramfs_without_the_native_driver() -> None:
    assert plan_one(f"ro {WORD}", image=replace_image(files={}, modules=()))[1] == []


@pytest.mark.shows("FP508")
def test_plan_where_the_initramfs_was_not_read_does_nothing() -> None:
    assert plan_one(f"ro {WORD}", image=None)[1] == [
        (
            "policies/nvme.yaml:9:3 FP508 the initramfs that boots next was not read, and nvme may "
            "be in it | reboot where a deployment is staged, let one initramfs be all that its "
            "entry names, and collect the facts again"
        )
    ]


@pytest.mark.shows("FP509")
def test_plan_names_words_that_the_image_keeps_and_goes_on() -> None:
    made, findings = plan_one(f"ro {WORD}", files=in_image(WORD, "quiet", "nosmt"))

    assert made.actions
    assert findings == [
        (
            f"facts/a.json FP509 {IMAGE_WORDS} of the image has quiet nosmt, which policy does not "
            "ask for | build the image with what fleetpolicy render -o DIR writes now, or with "
            f"kargs = [] in that file where it writes none, and deploy it: bootc upgrade; {AGAIN}"
        )
    ]


def test_plan_boots_a_host_whose_next_entry_has_the_words_already() -> None:
    made, findings = plan_one(f"ro {WORD}")

    assert findings == []
    assert made.reasons


def test_plan_of_a_host_that_booted_without_the_words_says_so_once() -> None:
    host_class = class_of()
    fleet = make_fleet(host_class)
    state = make_state(command_line=f"ro {WORD}", next_command_line=f"ro {WORD}", initramfs=READY)
    record = make_record("a", state, host_class.facts)
    made, _ = plan(make_planning(fleet, [record], ARTIFACTS))
    settled = boot(deploy(made, record), host_class)
    lost = settled.state.model_copy(update={"command_line": "ro", "next_command_line": "ro"})
    record = make_record("a", lost, host_class.facts, SECOND_BOOT)

    _, findings = plan(make_planning(fleet, [record], ARTIFACTS))

    assert [item.rule.id for item in findings] == ["FP507"]
