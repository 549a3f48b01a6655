"""Build what a policy knows of kernels, drivers and devices."""

from typing import Any

from fleetpolicy.diagnostics import Span
from fleetpolicy.model.policy import FleetPolicy
from fleetpolicy.model.policyset import Located, M_co, PolicySet
from fleetpolicy.model.profiles import DeviceProfile, DriverProfile, KernelProfile

HEAD = {"apiVersion": "fleetpolicy/v1alpha1"}


def locate(model: M_co) -> Located[M_co]:  # type: ignore[misc] # the one type variable there is
    return Located(model, lambda _: Span("catalogue/x.yaml"))


def make_driver(module: str, driver: str, **spec: Any) -> Located[DriverProfile]:
    body = {
        **HEAD,
        "kind": "DriverProfile",
        "metadata": {"name": module.replace("_", "-")},
        "spec": {"module": module, "driver": driver, "source": "Linux, drivers/vfio", **spec},
    }
    return locate(DriverProfile.model_validate(body))


def make_kernel_profile(name: str, vfio_pci: str) -> Located[KernelProfile]:
    body = {
        **HEAD,
        "kind": "KernelProfile",
        "metadata": {"name": name},
        "spec": {
            "match": {"release": "*"},
            "stage2": {"vfioPci": vfio_pci, "cacheablePfnmap": False},
            "source": "Linux, arch/arm64/kvm/mmu.c",
        },
    }
    return locate(KernelProfile.model_validate(body))


def make_policy(devices: dict[str, Located[DeviceProfile]] | None = None) -> PolicySet:
    fleet = FleetPolicy.model_validate(
        {**HEAD, "kind": "FleetPolicy", "metadata": {"name": "fleet"}, "spec": {}}
    )
    drivers = (
        make_driver("vfio_pci", "vfio-pci"),
        make_driver("withheld_vfio_pci", "withheld-vfio-pci", consent=False),
        make_driver("optout_vfio_pci", "optout_vfio_pci", optOut={"parameter": "stage2=device"}),
    )
    return PolicySet(
        fleet=locate(fleet),
        device_policies=(),
        guests=(),
        kernels=(make_kernel_profile("era-b", "normal-nc"),),
        drivers={item.model.spec.module: item for item in drivers},
        devices=devices or {},
        platforms=(),
        revision="r" * 64,
    )
