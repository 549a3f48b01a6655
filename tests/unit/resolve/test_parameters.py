"""Judge words of the kernel command line (FP230 to FP234, and FP217 for those of modules)."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]


def said(site: Make, name: str, value: str, **more: Any) -> list[str]:
    """Return what is found about one word, without the place and the host that all share."""
    fleet = {"kernel": {"parameters": {name: value}}}
    start = f"fleet#spec.kernel.parameters.{name}: "
    found = site(fleet=fleet, **more).says()
    assert all(text.startswith(start) for text in found)
    return [text.removeprefix(start) for text in found]


X86 = {"change": {"arch": "x86_64"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iommu.passthrough", "1"),
        ("iommu.strict", "yes"),
        ("arm-smmu-v3.disable_msipolling", ""),
        ("arm_smmu_v3.disable-msipolling", "1"),
        ("pci", "noaer,pcie_bus_perf,disable_acs_redir=0000:01:00.0"),
        ("pci", "realloc=off"),
        ("isolcpus", "managed_irq,domain,2-7,9"),
        ("nohz_full", "1-N"),
        ("rcu_nocbs", ""),
        ("rcu_nocbs", "0-31:2/4"),
        ("hugepages", "0:4,1:8"),
        ("hugepagesz", "32M"),
        ("console", "ttyAMA0,115200n8"),
        ("panic", "-1"),
        ("kvm-arm.mode", "nvhe"),
        ("vfio_pci.disable_idle_d3", "Y"),
        ("vfio-pci.disable-idle-d3", "0"),
        ("kvm.enable_virt_at_load", "0"),
    ],
)
def test_parameter_that_is_known_and_takes_its_value_is_silent(
    site: Make, name: str, value: str
) -> None:
    assert said(site, name, value) == []


def test_parameter_that_nobody_declared_is_fp230(site: Make) -> None:
    assert said(site, "acme.turbo", "max") == [
        (
            "FP230 [n1] nothing is known of acme.turbo -> correct the name, or add a "
            "ParameterProfile that says what it takes"
        )
    ]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("iommu.pasthrough", "iommu.passthrough"),
        ("iommu-strict", "iommu.strict"),
        ("hugepagez", "hugepagesz"),
        ("isolcpu", "isolcpus"),
        ("vfio_pcie.disable_idle_d3", "vfio_pci.disable_idle_d3"),
    ],
)
def test_parameter_that_is_misspelt_is_fp231(site: Make, name: str, near: str) -> None:
    assert said(site, name, "1") == [
        (
            f"FP231 [n1] nothing is known of {name}, which is all but {near} -> "
            f"write {near}; or add a ParameterProfile for {name}"
        )
    ]


def test_parameter_of_x86_on_arm64_is_fp232_with_what_to_use(site: Make) -> None:
    assert said(site, "iommu", "pt") == [
        (
            "FP232 [n1] iommu is a parameter of x86_64; the host is aarch64, whose kernel "
            "ignores it -> use iommu.passthrough=1, or move it to an override"
        )
    ]
    assert said(site, "iommu", "pt", **X86) == []


def test_parameter_of_arm64_on_x86_is_fp232(site: Make) -> None:
    assert said(site, "kvm-arm.mode", "nvhe", **X86) == [
        (
            "FP232 [n1] kvm-arm.mode is a parameter of aarch64; the host is x86_64, whose kernel "
            "ignores it -> move it to an override for hosts that are aarch64"
        )
    ]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("iommu.strict", "2", "is a boolean such as 0 or 1; it has 2"),
        ("iommu.strict", "", "is a boolean such as 0 or 1; it has no value"),
        ("panic", "soon", "is a whole number; it has soon"),
        ("default_hugepagesz", "1GiB", "is a size such as 2M or 1G; it has 1GiB"),
        ("hugepages", "0:4,8", "is a number, or node:number,...; it has 0:4,8"),
        ("nohz_full", "2-", "is a list of CPUs such as 2-7,10; it has 2-"),
        ("isolcpus", "nohz", "is a list of CPUs such as 2-7,10; it has nohz"),
        ("root", "", "needs a value; it has no value"),
        ("kvm-arm.mode", "vhe", "takes one of nested, none, nvhe, protected; it has vhe"),
        ("pcie_aspm", "on", "takes one of off, force; it has on"),
    ],
)
def test_parameter_with_a_value_that_it_does_not_take_is_fp233(
    site: Make, name: str, value: str, why: str
) -> None:
    (found,) = said(site, name, value)

    assert found.startswith(f"FP233 [n1] {name} {why} -> write what it takes: ")


@pytest.mark.shows("FP233")
def test_word_that_stands_alone_and_has_a_value_is_fp233(site: Make) -> None:
    assert said(site, "quiet", "1") == [
        'FP233 [n1] quiet stands alone; it has 1 -> write quiet: "", it takes no value'
    ]


def test_parameter_with_some_value_that_it_does_not_take_is_fp233(site: Make) -> None:
    (found,) = said(site, "intel_iommu", "on,smon", **X86)

    assert found == (
        "FP233 [n1] intel_iommu takes some of on, off, forcedac, igfx_off, strict, sp_off, sm_on, "
        "sm_off, tboot_noforce; it has on,smon -> write what it takes: Intel VT-d."
    )


@pytest.mark.parametrize(
    ("name", "value", "era", "found"),
    [
        ("kvm.enable_virt_at_load", "1", "a", "in no kernel before 6.12; the host runs 6.8.0"),
        ("arm-smmu-v3.disable_bypass", "1", "c", "in no kernel after 6.11; the host runs 6.17.0"),
        ("pcie_acs_override", "id", "c", "in no upstream kernel; the host runs 6.17.0"),
    ],
)
def test_parameter_that_the_kernel_lacks_by_its_release_is_fp234(
    site: Make, name: str, value: str, era: str, found: str
) -> None:
    assert said(site, name, value, era=era) == [
        (
            f"FP234 [n1] {name} is {found} -> remove it, or show by an Exception who says that "
            "this kernel has it"
        )
    ]


def test_parameter_of_a_module_is_judged_by_its_driver_profile(site: Make) -> None:
    assert said(site, "vfio-pci.disable_idle_d4", "1") == [
        (
            "FP217 [n1] vfio_pci has no parameter disable_idle_d4; it has disable_idle_d3, ids "
            "-> write disable_idle_d3"
        )
    ]
    assert said(site, "vfio_pci.disable_idle_d3", "2") == [
        'FP217 [n1] vfio_pci.disable_idle_d3 is a boolean; 2 is not one -> write "Y" or "N"'
    ]


def test_hugepages_know_the_size_before_them(site: Make) -> None:
    parameters = {"hugepages": "16", "hugepagesz": "1G", "console": "ttyAMA0"}

    found = site(fleet={"kernel": {"parameters": parameters}}).only_class().settings

    assert [(item.token, item.led_by, item.is_repeatable) for item in found] == [
        ("hugepagesz=1G", "", True),
        ("hugepages=16", "1G", False),
        ("console=ttyAMA0", "", True),
    ]


def test_size_of_hugepages_that_the_kernel_lacks_is_fp237(site: Make) -> None:
    large = {"change": {"kernel": {"pageSizeKib": 64}}}

    assert said(site, "hugepagesz", "1G", **large) == [
        (
            "FP237 [n1] hugepagesz is 1G; aarch64 with pages of 64 KiB has 2MiB, 512MiB, 16GiB -> "
            "write one of these, such as 2M"
        )
    ]
    assert said(site, "default_hugepagesz", "0x80000K", **large) == []


def test_parameter_with_another_value_for_modprobe_d_is_fp235(site: Make) -> None:
    fleet = {
        "kernel": {"parameters": {"vfio-pci.disable_idle_d3": "N"}},
        "modules": {"vfio_pci": {"disable_idle_d3": "Y"}},
    }

    assert site(fleet=fleet).says() == [
        (
            "fleet#spec.kernel.parameters.vfio-pci.disable_idle_d3: FP235 [n1] "
            "vfio_pci.disable_idle_d3 is N here and Y at "
            "fleet#spec.modules.vfio_pci.disable_idle_d3 -> remove it from spec.kernel.parameters"
        )
    ]
    fleet["modules"]["vfio_pci"]["disable_idle_d3"] = "N"
    assert site(fleet=fleet).says() == []


@pytest.mark.parametrize("word", ["module_blacklist", "modprobe.blacklist", "rd.driver.blacklist"])
def test_blacklist_with_a_module_that_the_host_needs_is_fp236(
    site: Make, device: Make, word: str
) -> None:
    disk = device("0000:02:00.0", "144d:a808", "010802", 2, nativeDriver="nvme")
    root = {**disk, "usedBy": ["root disk"]}
    gpu = device("0000:01:00.0", "10de:2342", "030200", 1)
    policies = {"gpu": {"match": {"device": {"id": "10de:2342"}}}}
    fleet = {"kernel": {"parameters": {word: "nouveau,nvgrace-gpu-vfio-pci,nvme"}}}

    found = site(change={"devices": [gpu, root]}, policies=policies, fleet=fleet).says()

    start = f"fleet#spec.kernel.parameters.{word}: FP236 [n1] {word} keeps "
    assert found == [
        (
            f"{start}nvgrace_gpu_vfio_pci out, which drives 0000:01:00.0, which policy gives it -> "
            "take nvgrace-gpu-vfio-pci off the list"
        ),
        f"{start}nvme out, which drives 0000:02:00.0, root disk -> take nvme off the list",
    ]


def test_several_values_stand_in_order_and_hugepages_behind_their_sizes(site: Make) -> None:
    parameters = {
        "hugepages": ["4", "0:512,1:512"],
        "console": ["tty0", "ttyAMA0"],
        "hugepagesz": ["1G", "2M"],
        "default_hugepagesz": "2M",
    }

    found = site(fleet={"kernel": {"parameters": parameters}}).only_class().settings

    assert [(item.token, item.led_by) for item in found] == [
        ("console=tty0", ""),
        ("console=ttyAMA0", ""),
        ("hugepagesz=1G", ""),
        ("hugepages=4", "1G"),
        ("hugepagesz=2M", ""),
        ("hugepages=0:512,1:512", "2M"),
        ("default_hugepagesz=2M", ""),
    ]
    assert [str(item.origin).removeprefix("fleet#spec.kernel.parameters.") for item in found] == [
        *("console.0", "console.1", "hugepagesz.0", "hugepages.0", "hugepagesz.1", "hugepages.1"),
        "default_hugepagesz",
    ]


@pytest.mark.parametrize(
    ("parameters", "name", "why", "fix"),
    [
        (
            {"iommu.strict": ["0", "1"]},
            "iommu.strict",
            "iommu.strict has 2 values, and the kernel keeps the last one",
            "write the one that is meant",
        ),
        (
            {"hugepagesz": ["1G", "2M"], "hugepages": ["1", "2", "3"]},
            "hugepages",
            "hugepages has 3 values, hugepagesz has 2",
            "give one value for each hugepagesz",
        ),
        (
            {"hugepages": ["1", "2"]},
            "hugepages",
            "hugepages has 2 values, hugepagesz has 0",
            "give one value for each hugepagesz",
        ),
    ],
)
def test_values_of_which_one_would_count_are_fp238(
    site: Make, parameters: dict[str, Any], name: str, why: str, fix: str
) -> None:
    assert site(fleet={"kernel": {"parameters": parameters}}).says() == [
        f"fleet#spec.kernel.parameters.{name}.1: FP238 [n1] {why} -> {fix}"
    ]
