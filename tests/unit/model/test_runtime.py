from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from fleetpolicy.model.fleet import ModuleSetting, Setting
from fleetpolicy.model.record import FileState, HostState, InitramfsImage
from fleetpolicy.model.runtime import missing_in_image, unmet
from tests.unit.plan.fleets import (
    MODULES,
    NVME,
    POLICY,
    device_json,
    make_assignment,
    make_class,
    make_facts,
    make_state,
)


def said(state: HostState, *settings: Setting) -> list[str]:
    host_class = make_class(settings=settings, module_settings=(), assignments=())
    return [str(item) for item in unmet(host_class, state)]


def parameter(wanted: str, seen: dict[str, dict[str, str]]) -> list[str]:
    setting = ModuleSetting("vfio_pci", "disable_idle_d3", wanted, MODULES)
    host_class = make_class(settings=(), module_settings=(setting,), assignments=())
    return [str(item) for item in unmet(host_class, make_state(module_parameters=seen))]


def test_unmet_of_a_fresh_host_names_every_kind_with_its_origin() -> None:
    state = make_state(module_parameters={"vfio_pci": {"disable_idle_d3": "N"}})

    found = unmet(make_class(), state)

    assert [f"{item} <- {item.origin}" for item in found] == [
        (
            "kernel command line: iommu.passthrough is absent, wanted iommu.passthrough=1"
            " <- policies/fleet.yaml:12:5"
        ),
        "module parameter: vfio_pci.disable_idle_d3 is N, wanted 1 <- policies/fleet.yaml:20:7",
        "driver: 0000:01:00.0 is nvme, wanted vfio-pci <- policies/nvme.yaml:9:3",
    ]


def test_unmet_of_a_token_that_another_contains_is_absent() -> None:
    state = make_state(command_line="xiommu.passthrough=1 iommu.passthrough=10")

    assert said(state, Setting("iommu.passthrough", "1", POLICY)) == [
        "kernel command line: iommu.passthrough is iommu.passthrough=10, wanted iommu.passthrough=1"
    ]


def test_unmet_of_a_later_other_value_is_the_value_that_counts() -> None:
    state = make_state(command_line="iommu.passthrough=1 quiet iommu.passthrough=0")

    assert said(state, Setting("iommu.passthrough", "1", POLICY)) == [
        "kernel command line: iommu.passthrough is iommu.passthrough=0, wanted iommu.passthrough=1"
    ]


def test_unmet_of_an_earlier_other_value_is_nothing() -> None:
    state = make_state(command_line="iommu.passthrough=0 iommu.passthrough=1")

    assert said(state, Setting("iommu.passthrough", "1", POLICY)) == []


def test_unmet_of_a_repeatable_parameter_wants_one_of_its_values() -> None:
    state = make_state(command_line="console=ttyAMA0 console=tty0")

    assert said(state, Setting("console", "ttyAMA0", POLICY, is_repeatable=True)) == []
    assert said(state, Setting("console", "ttyS0", POLICY, is_repeatable=True)) == [
        "kernel command line: console is absent, wanted console=ttyS0"
    ]


def test_unmet_of_a_token_for_init_is_absent() -> None:
    state = make_state(command_line="quiet -- iommu.passthrough=1")

    assert said(state, Setting("iommu.passthrough", "1", POLICY)) == [
        "kernel command line: iommu.passthrough is absent, wanted iommu.passthrough=1"
    ]


def test_unmet_of_a_bare_word_and_an_underscore_is_nothing() -> None:
    state = make_state(command_line="nokaslr vfio-pci.disable_vga=1")

    assert said(state, Setting("nokaslr", "", POLICY)) == []
    assert said(state, Setting("vfio_pci.disable_vga", "1", POLICY)) == []


def test_unmet_of_a_parameter_compares_truths_and_numbers_as_sysfs_prints_them() -> None:
    for wanted in ("1", "y", "Y"):
        assert parameter(wanted, {"vfio_pci": {"disable_idle_d3": "Y\n"}}) == []
    for wanted in ("0", "n", "N"):
        assert parameter(wanted, {"vfio_pci": {"disable_idle_d3": "N"}}) == []
    assert parameter("0x10", {"vfio_pci": {"disable_idle_d3": "16"}}) == []
    assert parameter("1", {"vfio_pci": {"disable_idle_d3": "N"}}) == [
        "module parameter: vfio_pci.disable_idle_d3 is N, wanted 1"
    ]


def test_unmet_of_a_parameter_that_sysfs_does_not_show_is_nothing() -> None:
    assert parameter("1", {"vfio_pci": {"disable_vga": "N"}}) == []
    assert parameter("1", {}) == []


def test_unmet_of_a_device_without_driver_or_not_there_says_so() -> None:
    host_class = make_class(settings=(), module_settings=())
    unbound = HostState.model_validate(
        {**dict(make_state()), "bindings": {NVME: {"driver": None, "override": "vfio-pci"}}}
    )

    assert [str(item) for item in unmet(host_class, unbound)] == [
        "driver: 0000:01:00.0 is without a driver, wanted vfio-pci"
    ]
    assert [str(item) for item in unmet(host_class, make_state(bindings={}))] == [
        "driver: 0000:01:00.0 is not on the host, wanted vfio-pci"
    ]


@given(st.lists(st.sampled_from(["quiet", "ro", "console=tty0", "a.b=1", "isolcpus=2"])))
def test_unmet_of_a_line_that_ends_with_the_token_is_nothing(words: list[str]) -> None:
    state = make_state(command_line=" ".join([*words, "iommu.passthrough=1"]))

    assert said(state, Setting("iommu.passthrough", "1", POLICY)) == []


def test_unmet_of_a_class_without_wishes_is_nothing() -> None:
    host_class = make_class(make_facts(), settings=(), module_settings=(), assignments=())

    assert unmet(host_class, make_state()) == ()


RULES = "/etc/udev/rules.d/70-fleetpolicy.rules"
ON_HOST = FileState(digest=sha256(b"now").hexdigest(), mode=0o644)
OTHER = sha256(b"then").hexdigest()


def lacking(
    modules: tuple[str, ...], copy: str = ON_HOST.digest, *, built_in: bool | None = None
) -> list[str]:
    facts = make_facts(devices=[device_json(nativeBuiltIn=built_in)])
    host_class = make_class(facts, assignments=(make_assignment(facts),))
    image = InitramfsImage(
        path="/boot/initrd.img-7.0", files={RULES: copy} if copy else {}, modules=modules
    )
    state = make_state(files={RULES: ON_HOST}, initramfs=image)
    return [str(item) for item in missing_in_image(host_class, state)]


def test_missing_in_image_of_a_current_image_is_nothing() -> None:
    assert lacking(("nvme", "vfio_pci")) == []


def test_missing_in_image_without_the_native_driver_is_nothing() -> None:
    assert lacking(()) == []


def test_missing_in_image_with_the_native_driver_alone_is_the_vfio_driver() -> None:
    assert lacking(("nvme",)) == [
        "initramfs: vfio_pci is absent from /boot/initrd.img-7.0, wanted there before nvme"
    ]


def test_missing_in_image_where_the_native_driver_is_built_in_is_the_vfio_driver() -> None:
    assert lacking((), built_in=True) == [
        "initramfs: vfio_pci is absent from /boot/initrd.img-7.0, wanted there before nvme"
    ]


def test_missing_in_image_names_stale_and_absent_copies() -> None:
    assert lacking((), copy=OTHER) == [
        f"initramfs: {RULES} is another in /boot/initrd.img-7.0, wanted as on the host"
    ]
    assert lacking((), copy="") == [
        f"initramfs: {RULES} is absent from /boot/initrd.img-7.0, wanted as on the host"
    ]


def test_missing_in_image_that_came_with_the_hosts_own_needs_copies_for_a_native_driver_alone() -> (
    None
):
    def lacks(*modules: str) -> list[str]:
        facts = make_facts()
        given = facts.boot.model_copy(update={"initramfs": "image"})
        facts = facts.model_copy(update={"boot": given})
        image = InitramfsImage(path="/boot/ostree/i.img", files={}, modules=modules)
        state = make_state(files={RULES: ON_HOST}, initramfs=image)
        host_class = make_class(facts, assignments=(make_assignment(facts),))
        return [item.subject for item in missing_in_image(host_class, state)]

    assert lacks() == []
    assert lacks("vfio_pci") == []
    assert lacks("nvme", "vfio_pci") == [RULES]


def test_missing_in_image_that_was_not_read_is_nothing() -> None:
    assert list(missing_in_image(make_class(), make_state(initramfs=None))) == []
