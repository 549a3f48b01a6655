"""Work out defaults by host group: overrides in order, their origins, and the opt-out."""

from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
GPU = {"gpu": {"match": {"device": {"id": "10de:2342"}}}}
DISK = {"disk": {"match": {"device": {"id": "144d:a808"}}}}
OUT = {"memoryMapping": {"globalOptOut": True}}


def test_override_changes_the_mapping_of_its_hosts_alone(site: Make, host_facts: Make) -> None:
    override = {"hosts": {"group": "new"}, "memoryMapping": {"default": "cacheable"}}
    made = site(
        hosts={"n1": host_facts(), "n2": host_facts()},
        groups={"n2": ("new",)},
        policies=GPU,
        fleet={"overrides": [override]},
    )

    fleet, findings = made.resolve()

    assert findings == ()
    assert [
        (host.name, item.mapping.value, str(item.mapping_origin))
        for host in fleet.hosts
        for item in fleet.class_of(host).assignments
    ] == [
        ("n1", "normal-nc", "fleet#spec.memoryMapping.default"),
        ("n2", "cacheable", "fleet#spec.overrides.0.memoryMapping.default"),
    ]


def test_last_override_wins_value_by_value(site: Make) -> None:
    overrides = [
        {
            "hosts": {},
            "memoryMapping": {"default": "cacheable"},
            "kernel": {"parameters": {"iommu.strict": "0", "quiet": ""}},
            "modules": {"vfio_pci": {"ids": "a"}},
        },
        {
            "hosts": {"labels": {"rack": "7"}},
            "kernel": {"parameters": {"rcu-nocbs": "1", "iommu.strict": "1"}},
            "modules": {"vfio-pci": {"ids": "b"}},
        },
        {"hosts": {"pattern": "other"}, "memoryMapping": {"default": "trapped"}},
    ]
    made = site(
        labels={"n1": {"rack": "7"}},
        patterns={"other": frozenset({"n9"})},
        policies=GPU,
        fleet={
            "kernel": {"parameters": {"iommu.strict": "x", "ro": ""}},
            "modules": {"vfio-pci": {"disable_idle_d3": "Y"}},
            "overrides": overrides,
        },
    )

    found = made.only_class()

    assert [(item.token, str(item.origin)) for item in found.settings] == [
        ("iommu.strict=1", "fleet#spec.overrides.1.kernel.parameters.iommu.strict"),
        ("ro", "fleet#spec.kernel.parameters.ro"),
        ("quiet", "fleet#spec.overrides.0.kernel.parameters.quiet"),
        ("rcu-nocbs=1", "fleet#spec.overrides.1.kernel.parameters.rcu-nocbs"),
    ]
    assert [(item.parameter, item.value, str(item.origin)) for item in found.module_settings] == [
        ("disable_idle_d3", "Y", "fleet#spec.modules.vfio-pci.disable_idle_d3"),
        ("ids", "b", "fleet#spec.overrides.1.modules.vfio-pci.ids"),
    ]
    assert [item.mapping.value for item in found.assignments] == ["cacheable"]


def test_override_replaces_a_parameter_that_is_spelt_with_a_dash(site: Make) -> None:
    fleet = {
        "kernel": {"parameters": {"kvm-arm.mode": "nvhe"}},
        "overrides": [{"hosts": {}, "kernel": {"parameters": {"kvm_arm.mode": "protected"}}}],
    }

    found = site(fleet=fleet).only_class().settings

    assert [item.token for item in found] == ["kvm_arm.mode=protected"]


@pytest.mark.parametrize(
    ("fleet", "origin"),
    [
        (
            {"overrides": [{"hosts": {}} | OUT, {"hosts": {}, "memoryMapping": {}}]},
            "fleet#spec.overrides.0.memoryMapping.globalOptOut",
        ),
        (
            OUT | {"overrides": [{"hosts": {}, "memoryMapping": {"default": "cacheable"}}]},
            "fleet#spec.memoryMapping.globalOptOut",
        ),
    ],
)
def test_opt_out_anywhere_holds_for_the_matched_hosts(
    site: Make, fleet: dict[str, Any], origin: str
) -> None:
    found = site(era="a", policies=DISK, fleet=fleet).only_class()

    assert (found.opt_out.mechanism.value, str(found.opt_out.origin)) == ("era", origin)
    assert [item.mapping.value for item in found.assignments] == ["device"]


def test_opt_out_of_an_override_leaves_other_hosts_alone(site: Make, host_facts: Make) -> None:
    made = site(
        hosts={"n1": host_facts("a"), "n2": host_facts("a")},
        groups={"n2": ("careful",)},
        fleet={"overrides": [{"hosts": {"group": "careful"}} | OUT]},
    )

    fleet, _ = made.resolve()

    assert [fleet.class_of(host).opt_out is None for host in fleet.hosts] == [True, False]


def test_fallback_of_an_override_is_taken(site: Make) -> None:
    policies = {"gpu": GPU["gpu"] | {"mapping": "cacheable"}}
    override = {"hosts": {}, "memoryMapping": {"onUnsupported": "skip-host"}}

    fleet, (finding,) = site(era="b", policies=policies, fleet={"overrides": [override]}).resolve()

    assert (finding.rule.id, list(fleet.skipped)) == ("FP219", ["n1"])


def test_group_that_an_override_names_must_exist(site: Make) -> None:
    fleet = {"overrides": [{"hosts": {"group": "racks"}}, {"hosts": {"pattern": "x-*"}}]}

    assert site(fleet=fleet, groups={"n1": ("rack7",)}).says() == [
        (
            "fleet#spec.overrides.0.hosts.group: FP202 [] group racks is not in hosts.yaml: it has "
            "rack7 -> name one of these groups, or add the group to the inventory"
        ),
        (
            "fleet#spec.overrides.1.hosts.pattern: FP222 [] pattern x-* matches no host of "
            "hosts.yaml -> correct the pattern, or remove the override"
        ),
    ]


def test_module_that_an_override_misspells_is_found_in_the_override(site: Make) -> None:
    fleet = {"overrides": [{"hosts": {}, "modules": {"vfio_pci": {"disable_idle_d3": "maybe"}}}]}

    assert site(fleet=fleet).says() == [
        (
            "fleet#spec.overrides.0.modules.vfio_pci.disable_idle_d3: FP217 [n1] "
            'vfio_pci.disable_idle_d3 is a boolean; maybe is not one -> write "Y" or "N"'
        )
    ]


def test_parameter_of_an_override_against_the_opt_out_is_fp221(site: Make) -> None:
    kernels = {
        "vendor": {
            "match": {"release": "6.12.*"},
            "stage2": {"vfioPci": "normal-nc", "cacheablePfnmap": "false"},
            "optOut": {"parameter": "kvm-arm.map=device"},
            "source": "the vendor",
        }
    }
    override = {"hosts": {}, "kernel": {"parameters": {"kvm_arm.map": "normal"}}}

    assert site(era="b", kernels=kernels, fleet=OUT | {"overrides": [override]}).says() == [
        (
            "fleet#spec.overrides.0.kernel.parameters.kvm_arm.map: FP221 [n1] kvm_arm.map=normal "
            "here; the opt-out at fleet#spec.memoryMapping.globalOptOut needs kvm-arm.map=device "
            "-> remove kvm_arm.map from spec.overrides[0].kernel.parameters"
        )
    ]
