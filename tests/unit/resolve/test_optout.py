"""Opt out by this project's own driver: what is bound, what is set, what is refused."""

from typing import Any

import pytest

from fleetpolicy.model.fleet import HostClass
from tests.unit.resolve.conftest import SOURCE

MODULE = "optout_vfio_pci"
OURS: dict[str, Any] = {
    "module": MODULE,
    "driver": MODULE,
    "optOut": {"parameter": "stage2=device"},
    "parameters": {"stage2": "string"},
    **SOURCE,
}
OPT_OUT = {"memoryMapping": {"globalOptOut": True}}
ON_DISK = {"match": {"device": {"id": "144d:a808"}}}
ON_GPU = {"match": {"device": {"id": "10de:2342"}}}
ORIGIN = "fleet#spec.memoryMapping.globalOptOut"


@pytest.fixture
def hosts(host_facts: Any) -> Any:
    """Return a maker of the one host; its module is signed and its kernel wants that."""

    def make(era: str = "b", *, enforced: bool | None = True, **more: Any) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "modules": {"vfio_pci": "module", MODULE: "module"},
            "addedModules": {MODULE: True},
        }
        kernel = {"signaturesEnforced": enforced}
        return {"n1": host_facts(era, **facts | more, kernel=kernel)}

    return make


def settings_of(found: HostClass) -> list[tuple[str, str]]:
    return [(item.token, str(item.origin)) for item in found.settings]


def parameters_of(found: HostClass) -> list[tuple[str, str, str, str]]:
    return [
        (item.module, item.parameter, item.value, str(item.origin))
        for item in found.module_settings
    ]


@pytest.mark.accepts("FP270")
@pytest.mark.parametrize("era", ["b", "c"])
def test_global_opt_out_binds_our_driver_and_sets_its_parameter_twice(
    site: Any, hosts: Any, era: str
) -> None:
    found = site(
        hosts=hosts(era), drivers={"ours": OURS}, fleet=OPT_OUT, policies={"p": ON_DISK}
    ).only_class()

    (item,) = found.assignments
    assert (item.driver.name, item.driver.consent, item.mapping.value) == (MODULE, False, "device")
    assert found.opt_out is not None
    assert (found.opt_out.mechanism.value, found.opt_out.detail) == (
        "driver",
        "optout_vfio_pci.stage2=device",
    )
    assert settings_of(found) == [("optout_vfio_pci.stage2=device", ORIGIN)]
    assert parameters_of(found) == [(MODULE, "stage2", "device", ORIGIN)]


def test_mapping_device_of_one_policy_needs_no_word_on_the_command_line(
    site: Any, hosts: Any
) -> None:
    policies = {"p": {**ON_DISK, "mapping": "device"}}

    found = site(hosts=hosts(), drivers={"ours": OURS}, policies=policies).only_class()

    assert [item.driver.name for item in found.assignments] == [MODULE]
    assert settings_of(found) == []
    assert parameters_of(found) == [(MODULE, "stage2", "device", "p#spec.mapping")]


def test_parameter_that_contradicts_the_mapping_is_fp221(site: Any, hosts: Any) -> None:
    fleet = {**OPT_OUT, "modules": {MODULE: {"stage2": "normal-nc"}}}

    made = site(hosts=hosts(), drivers={"ours": OURS}, fleet=fleet, policies={"p": ON_DISK})

    assert made.says() == [
        (
            f"fleet#spec.modules.{MODULE}.stage2: FP221 [n1] {MODULE}.stage2 is normal-nc here; "
            f"the mapping at {ORIGIN} needs device -> remove stage2 from spec.modules.{MODULE}"
        )
    ]


def test_parameter_that_says_the_same_is_accepted(site: Any, hosts: Any) -> None:
    fleet = {**OPT_OUT, "modules": {MODULE: {"stage2": "device"}}}

    found = site(
        hosts=hosts(), drivers={"ours": OURS}, fleet=fleet, policies={"p": ON_DISK}
    ).only_class()

    assert parameters_of(found) == [(MODULE, "stage2", "device", ORIGIN)]


@pytest.mark.shows("FP270")
def test_coherent_device_under_the_opt_out_is_fp270(site: Any, hosts: Any) -> None:
    made = site(hosts=hosts("c"), drivers={"ours": OURS}, fleet=OPT_OUT, policies={"p": ON_GPU})

    assert made.says() == [
        (
            f"{ORIGIN}: FP270 [n1 0000:01:00.0] 0000:01:00.0 (GH200) is bound to {MODULE}; its "
            "memory (resmem, usemem) is shown by nvgrace_gpu_vfio_pci alone, so the guest has "
            "none of it -> "
            "leave the host out of the opt-out, or give the device to no guest"
        )
    ]


TRUSTED = (
    "sign the module and enrol the key (docs/opt-out.md, Secure Boot), then collect the facts "
    "again as root"
)


@pytest.mark.shows("FP271")
@pytest.mark.parametrize(
    ("enforced", "added", "why"),
    [
        (True, {MODULE: False}, "has no signature; kernel 6.12.107 takes signed modules only"),
        (True, None, "is not known to be signed; kernel 6.12.107 takes signed modules only"),
        (None, {MODULE: False}, "has no signature; kernel 6.12.107 may take signed modules only"),
        (None, None, "is not known to be signed; kernel 6.12.107 may take signed modules only"),
    ],
)
def test_driver_that_a_kernel_may_refuse_is_fp271(
    site: Any, hosts: Any, enforced: Any, added: Any, why: str
) -> None:
    facts = hosts(enforced=enforced, addedModules=added)

    made = site(hosts=facts, drivers={"ours": OURS}, fleet=OPT_OUT, policies={"p": ON_DISK})

    assert made.says() == [f"p#spec.driver: FP271 [n1 0000:02:00.0] {MODULE} {why} -> {TRUSTED}"]


@pytest.mark.accepts("FP271")
@pytest.mark.parametrize(
    ("enforced", "added"),
    [(False, {MODULE: False}), (False, None), (True, {MODULE: True}), (None, {MODULE: True})],
)
def test_driver_that_no_kernel_refuses_is_accepted(
    site: Any, hosts: Any, enforced: Any, added: Any
) -> None:
    facts = hosts(enforced=enforced, addedModules=added)

    made = site(hosts=facts, drivers={"ours": OURS}, fleet=OPT_OUT, policies={"p": ON_DISK})

    assert made.says() == []


def test_driver_of_the_kernel_itself_needs_no_evidence_of_a_signature(
    site: Any, hosts: Any
) -> None:
    facts = hosts(addedModules=None)

    assert site(hosts=facts, policies={"p": ON_DISK}).says() == []
