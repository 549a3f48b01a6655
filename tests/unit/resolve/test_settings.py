"""Collect kernel and module parameters, and reject what no module takes (FP216, FP217, FP221)."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.resolve.conftest import WITHHOLDING

Make = Callable[..., Any]
OPT_OUT = {"memoryMapping": {"globalOptOut": True}}
VENDOR = {
    "vendor": {
        "match": {"release": "6.12.*"},
        "stage2": {"vfioPci": "normal-nc", "cacheablePfnmap": "false"},
        "optOut": {"parameter": "kvm-arm.vfio_device_map=device"},
        "source": "the vendor",
    }
}


def test_kernel_parameters_keep_their_order_and_origin(site: Make) -> None:
    fleet = {"kernel": {"parameters": {"iommu.strict": "1", "iommu.passthrough": "0", "ro": ""}}}

    found = site(fleet=fleet).only_class().settings

    assert [(item.token, str(item.origin)) for item in found] == [
        ("iommu.strict=1", "fleet#spec.kernel.parameters.iommu.strict"),
        ("iommu.passthrough=0", "fleet#spec.kernel.parameters.iommu.passthrough"),
        ("ro", "fleet#spec.kernel.parameters.ro"),
    ]


@pytest.mark.shows("FP221")
@pytest.mark.parametrize("name", ["kvm-arm.vfio_device_map", "kvm_arm.vfio-device-map"])
def test_kernel_parameter_against_the_opt_out_is_fp221(site: Make, name: str) -> None:
    fleet = {**OPT_OUT, "kernel": {"parameters": {name: "normal"}}}

    assert site(era="b", kernels=VENDOR, fleet=fleet).says() == [
        (
            f"fleet#spec.kernel.parameters.{name}: FP221 [n1] {name}=normal here; "
            "the opt-out at fleet#spec.memoryMapping.globalOptOut needs "
            f"kvm-arm.vfio_device_map=device -> remove {name} from spec.kernel.parameters"
        )
    ]


@pytest.mark.accepts("FP221")
def test_kernel_parameter_that_says_what_the_opt_out_says_stands_once(site: Make) -> None:
    parameters = {"kvm-arm.vfio_device_map": "device", "quiet": ""}
    fleet = {**OPT_OUT, "kernel": {"parameters": parameters}}

    found = site(era="b", kernels=VENDOR, fleet=fleet).only_class().settings

    assert [item.token for item in found] == ["quiet", "kvm-arm.vfio_device_map=device"]


@pytest.mark.accepts("FP240")
def test_module_parameters_are_sorted_and_keep_their_origin(site: Make) -> None:
    fleet = {"modules": {"vfio-pci": {"ids": "1af4:1041", "disable_idle_d3": "1"}}}

    found = site(fleet=fleet).only_class().module_settings

    assert [(s.module, s.parameter, s.value, str(s.origin)) for s in found] == [
        ("vfio_pci", "disable_idle_d3", "1", "fleet#spec.modules.vfio-pci.disable_idle_d3"),
        ("vfio_pci", "ids", "1af4:1041", "fleet#spec.modules.vfio-pci.ids"),
    ]


def test_module_that_no_profile_knows_is_fp216(site: Make) -> None:
    assert site(fleet={"modules": {"nvidia": {"a": "1"}}}).says() == [
        (
            "fleet#spec.modules.nvidia: FP216 [n1] no DriverProfile knows the module nvidia -> "
            "correct the name, or add a DriverProfile that lists its parameters"
        )
    ]


def test_module_that_the_kernel_lacks_is_fp216(site: Make) -> None:
    change: dict[str, Any] = {"modules": {}}

    assert site(change=change, fleet={"modules": {"vfio-pci": {"ids": ""}}}).says() == [
        (
            "fleet#spec.modules.vfio-pci: FP216 [n1] kernel 6.17.0 has no module vfio_pci -> "
            "remove it, or install a kernel that has it"
        )
    ]


def test_unknown_parameter_is_fp217_with_the_nearest_name(site: Make) -> None:
    fleet = {"modules": {"vfio_pci": {"disable_idle_d4": "1", "xyz": "1"}}}

    assert site(fleet=fleet).says() == [
        (
            "fleet#spec.modules.vfio_pci.disable_idle_d4: FP217 [n1] vfio_pci has no parameter "
            "disable_idle_d4; it has disable_idle_d3, ids -> write disable_idle_d3"
        ),
        (
            "fleet#spec.modules.vfio_pci.xyz: FP217 [n1] vfio_pci has no parameter xyz; "
            "it has disable_idle_d3, ids -> remove it"
        ),
    ]


def test_parameter_of_a_module_without_any_is_fp217(site: Make) -> None:
    assert site(fleet={"modules": {"nvgrace_gpu_vfio_pci": {"x": "1"}}}).says() == [
        (
            "fleet#spec.modules.nvgrace_gpu_vfio_pci.x: FP217 [n1] nvgrace-gpu-vfio-pci has no "
            "parameter x; it has none -> remove it"
        )
    ]


@pytest.mark.parametrize(("value", "shown"), [("maybe", "maybe"), ("", "nothing"), ("2", "2")])
def test_boolean_that_is_none_is_fp217(site: Make, value: str, shown: str) -> None:
    assert site(fleet={"modules": {"vfio_pci": {"disable_idle_d3": value}}}).says() == [
        (
            "fleet#spec.modules.vfio_pci.disable_idle_d3: FP217 [n1] vfio_pci.disable_idle_d3 is a "
            f'boolean; {shown} is not one -> write "Y" or "N"'
        )
    ]


def test_number_that_is_none_is_fp217(site: Make, withholding: dict[str, Any]) -> None:
    parts = {
        "drivers": {"strict": withholding},
        "change": {"modules": {"strict_vfio_pci": "module"}},
    }

    bad = site(**parts, fleet={"modules": {"strict_vfio_pci": {"depth": "deep"}}}).says()
    good = site(**parts, fleet={"modules": {"strict_vfio_pci": {"depth": "0x10"}}}).says()

    assert bad == [
        (
            "fleet#spec.modules.strict_vfio_pci.depth: FP217 [n1] strict_vfio_pci.depth is a whole "
            "number; deep is not one -> write a number"
        )
    ]
    assert good == []


def shown(**taken: str) -> dict[str, Any]:
    return {"moduleParameters": {"vfio_pci": taken}}


@pytest.mark.shows("FP240")
def test_module_parameter_that_the_hosts_kernel_lacks_is_fp240(site: Make) -> None:
    fleet = {"modules": {"vfio-pci": {"disable_idle_d3": "1"}}}

    assert site(change=shown(ids="string"), fleet=fleet).says() == [
        (
            "fleet#spec.modules.vfio-pci.disable_idle_d3: FP240 [n1] vfio_pci of kernel 6.17.0 "
            "takes ids, and no disable_idle_d3 -> remove it, or install a kernel that is built "
            "with it"
        )
    ]


@pytest.mark.shows("FP240")
def test_word_for_a_module_parameter_that_the_hosts_kernel_lacks_is_fp240(site: Make) -> None:
    fleet = {"kernel": {"parameters": {"vfio-pci.disable-idle-d3": "1"}}}

    assert [item[:60] for item in site(change=shown(), fleet=fleet).says()] == [
        "fleet#spec.kernel.parameters.vfio-pci.disable-idle-d3: FP240"
    ]


def test_module_parameter_that_the_host_shows_is_as_declared(site: Make) -> None:
    fleet = {"modules": {"vfio-pci": {"disable_idle_d3": "1"}}}

    assert site(change=shown(disable_idle_d3="bool"), fleet=fleet).says() == []


def test_negative_value_of_what_the_host_shows_as_unsigned_is_fp217(site: Make) -> None:
    fleet = {"modules": {"strict-vfio-pci": {"depth": "-1"}}}
    change = {
        "modules": {"strict_vfio_pci": "module"},
        "moduleParameters": {"strict_vfio_pci": {"depth": "uint"}},
    }

    assert site(change=change, fleet=fleet, drivers={"strict": WITHHOLDING}).says() == [
        (
            "fleet#spec.modules.strict-vfio-pci.depth: FP217 [n1] strict_vfio_pci.depth is a whole "
            "number that is not negative; -1 is not one -> write a number"
        )
    ]
