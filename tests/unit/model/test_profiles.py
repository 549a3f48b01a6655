"""Judge what the catalogue says of kernels, drivers, devices and platforms."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleetpolicy.model.profiles import (
    DeviceProfileSpec,
    DriverProfileSpec,
    KernelMatch,
    PlatformMatch,
    PlatformProfileSpec,
)

EVIDENCE = {"normalNcMarker": "true", "cacheableCapability": "known"}


def message(model: Any, document: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    return [error["msg"] for error in caught.value.errors()]


@pytest.mark.parametrize("document", [{"evidence": EVIDENCE}, {"release": "6.8.*-nvidia"}])
def test_kernel_is_matched_one_way(document: dict[str, Any]) -> None:
    KernelMatch.model_validate(document)


@pytest.mark.parametrize("document", [{}, {"evidence": EVIDENCE, "release": "6.8.*"}])
def test_kernel_matched_both_ways_or_none_is_refused(document: dict[str, Any]) -> None:
    assert message(KernelMatch, document) == [
        "Value error, needs exactly one of evidence and release"
    ]


def test_platform_without_a_name_is_refused() -> None:
    assert message(PlatformMatch, {}) == ["Value error, needs vendor or product"]


@pytest.mark.parametrize("document", [{"vendor": "NVIDIA*"}, {"product": "Grace*"}])
def test_platform_is_matched_by_either_name(document: dict[str, Any]) -> None:
    PlatformMatch.model_validate(document)


def test_platform_says_who_attests() -> None:
    document = {
        "match": {"vendor": "NVIDIA"},
        "containment": {"attested": "true", "by": "the vendor"},
        "source": "its manual",
    }

    spec = PlatformProfileSpec.model_validate(document)

    assert (spec.containment.attested, spec.containment.by) == (True, "the vendor")


def test_driver_consents_and_takes_any_pci_device_by_default() -> None:
    document = {"module": "vfio_pci", "driver": "vfio-pci", "source": "Linux"}

    spec = DriverProfileSpec.model_validate(document)

    assert (spec.bus, spec.consent, spec.ids) == ("pci", True, ())


def test_device_needs_an_id_and_a_region_a_bar() -> None:
    region = {"index": 6, "name": "x", "memory": "mmio"}
    document = {"ids": [], "title": "x", "regions": [region], "source": "the tests"}

    with pytest.raises(ValidationError) as caught:
        DeviceProfileSpec.model_validate(document)

    assert [".".join(map(str, error["loc"])) for error in caught.value.errors()] == [
        "ids",
        "regions.0.index",
    ]
