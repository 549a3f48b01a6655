from pathlib import Path

import pytest

from fleetpolicy.load.policy import CATALOGUE, load_policies
from fleetpolicy.load.source import parse_source
from fleetpolicy.model.policyset import PolicySet

FLEET = """apiVersion: fleetpolicy/v1alpha1
kind: FleetPolicy
metadata: {name: default}
spec: {}
"""
FILES = sorted(CATALOGUE.glob("*.yaml"))


@pytest.fixture
def policy(tmp_path: Path) -> PolicySet:
    (tmp_path / "p.yaml").write_text(FLEET)
    return load_policies([tmp_path])[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_entry_has_a_source_that_can_be_looked_up(path: Path) -> None:
    for document in parse_source(path.read_bytes(), path.name).documents:
        source = document.value_at(("spec", "source"))
        assert isinstance(source, str)
        assert "Linux, " in source or "Linux " in source or "pci.ids" in source


def test_kernel_eras_tell_each_other_apart_by_evidence(policy: PolicySet) -> None:
    eras = {
        item.model.metadata.name: (
            item.model.spec.match.evidence,
            item.model.spec.stage2.vfio_pci,
            item.model.spec.stage2.cacheable_pfnmap,
        )
        for item in policy.kernels
    }

    shown = {
        name: (evidence.normal_nc_marker, evidence.cacheable_capability, *stage2)
        for name, (evidence, *stage2) in eras.items()
        if evidence
    }
    assert shown == {
        "era-a": (False, "unknown", "device", False),
        "era-b": (True, "unknown", "normal-nc", False),
        "era-c": (True, "known", "normal-nc", True),
    }


def test_drivers_are_spelt_as_sysfs_spells_them(policy: PolicySet) -> None:
    drivers = {
        module: item.model.spec.driver
        for module, item in policy.drivers.items()
        if item.model.spec.bus == "pci"
    }

    assert drivers == {
        "hisi_acc_vfio_pci": "hisi_acc_vfio_pci",
        "mlx5_vfio_pci": "mlx5_vfio_pci",
        "nvgrace_gpu_vfio_pci": "nvgrace_gpu_vfio_pci",
        "optout_vfio_pci": "optout_vfio_pci",
        "pds_vfio_pci": "pds_vfio_pci",
        "qat_vfio_pci": "qat_vfio_pci",
        "vfio_pci": "vfio-pci",
        "virtio_vfio_pci": "virtio_vfio_pci",
        "xe_vfio_pci": "xe-vfio-pci",
    }
    assert all(item.model.spec.consent for item in policy.drivers.values())


def test_only_vfio_pci_and_our_driver_take_any_device(policy: PolicySet) -> None:
    any_id = [
        module
        for module, item in policy.drivers.items()
        if item.model.spec.bus == "pci" and not item.model.spec.ids
    ]

    assert any_id == ["optout_vfio_pci", "vfio_pci"]


def test_variant_drivers_take_the_devices_that_name_them(policy: PolicySet) -> None:
    coherent = [item.model.spec for item in policy.devices.values() if item.model.spec.coherent]

    assert {spec.ids for spec in coherent} == {
        (pci_id,) for pci_id in policy.drivers["nvgrace_gpu_vfio_pci"].model.spec.ids
    }
    assert {spec.variant_driver for spec in coherent} == {"nvgrace_gpu_vfio_pci"}
    assert {spec.generic_initiator_nodes for spec in coherent} == {8}


@pytest.mark.parametrize(
    ("pci_id", "regions", "aperture"),
    [
        ("10de:2342", "bar0 resmem usemem", "4TiB"),
        ("10de:2345", "bar0 resmem usemem", "4TiB"),
        ("10de:2348", "bar0 resmem usemem", "4TiB"),
        ("10de:2941", "bar0 bar1 usemem", "4TiB"),
        ("10de:31c2", "bar0 bar1 usemem", "8TiB"),
    ],
)
def test_coherent_gpus_have_their_regions(
    policy: PolicySet, pci_id: str, regions: str, aperture: str
) -> None:
    spec = policy.devices[pci_id].model.spec

    assert " ".join(region.name for region in spec.regions) == regions
    assert [region.index for region in spec.regions] == [0, 2, 4]
    assert [region.consent for region in spec.regions] == [True, True, False]
    assert spec.regions[2].pgprot == "normal-wb"
    assert spec.mmio_aperture == aperture


def test_no_platform_is_attested_without_its_vendor(policy: PolicySet) -> None:
    assert [item.model.spec.containment.attested for item in policy.platforms] == [False]


def test_places_in_the_catalogue_do_not_depend_on_the_installation(policy: PolicySet) -> None:
    assert {item.span.path for item in policy.kernels} == {"catalogue/kernels.yaml"}
