"""Judge the models of simulated hosts."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleetpolicy.model.simulated import SimulatedHost


def model(**more: Any) -> dict[str, Any]:
    kernel = {"normalNcMarker": "true", "cacheableCapability": "unknown"}
    tree: dict[str, Any] = {
        "arch": "aarch64",
        "kernel": "6.12.107",
        "kernels": {"6.12.107": kernel},
        "cpu": {"model": "Neoverse N1"},
        "firmware": {"vendor": "Ampere", "product": "Altra"},
    }
    return tree | more


def test_simulated_host_has_unknown_cpu_features_by_default() -> None:
    host = SimulatedHost.model_validate(model())

    assert (host.cpu.fwb, host.cpu.dic) == (None, None)
    assert host.kernels["6.12.107"].modules == ("vfio_pci",)
    assert (host.loader, host.initramfs) == ("grub", "initramfs-tools")


def test_simulated_host_that_boots_an_absent_kernel_is_refused() -> None:
    with pytest.raises(ValidationError) as caught:
        SimulatedHost.model_validate(model(kernel="6.17.0"))

    assert [error["msg"] for error in caught.value.errors()] == [
        "Value error, kernel 6.17.0 is not among kernels: ['6.12.107']"
    ]


@pytest.mark.parametrize("release", ["../6.12", "6.12;x", "", "6 12"])
def test_simulated_kernel_with_an_impossible_release_is_refused(release: str) -> None:
    kernel = {"normalNcMarker": "true", "cacheableCapability": "unknown"}

    with pytest.raises(ValidationError):
        SimulatedHost.model_validate(model(kernel=release, kernels={release: kernel}))


def test_simulated_device_spells_its_class_key_as_policy_does() -> None:
    device = {
        "address": "0000:01:00.0",
        "id": "10DE:2342",
        "class": "0302",
        "iommuGroup": "1",
        "usedBy": ["root disk"],
        "regions": [{"index": "0", "size": "16MiB"}],
    }

    (found,) = SimulatedHost.model_validate(model(devices=[device])).devices

    assert (found.id, found.device_class, found.iommu_group) == ("10de:2342", "0302", 1)
    assert (found.regions[0].size, found.regions[0].prefetchable) == ("16MiB", False)
