"""Judge how a guest's devices are assigned by what its host's kernel can do."""

from collections.abc import Iterator

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import AssignedDevice
from fleetpolicy.model.policy import MappingMode
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.guest_rules import (
    NO_KERNEL_OPTION,
    NOT_ITS_DRIVER,
    QUEUE_WITHOUT_HUGEPAGES,
    SMMU_UNKNOWN,
    SMMU_WITHOUT_IOMMUFD,
    SMMUS_DIFFER,
)
from fleetpolicy.resolve.guest_scene import Scene

_VFIO_PCI = "vfio_pci"


def check_devices(scene: Scene) -> Iterator[Diagnostic]:
    """Find devices whose driver, SMMU or kernel is not what they need."""
    for index, device in enumerate(scene.guest.devices):
        yield from _check_driver(scene, index, device)
        yield from _check_kernel(scene, index, device)
        if device.smmu:
            yield from _check_smmu(scene, index, device)
    yield from _check_sharing(scene)


def _check_driver(scene: Scene, index: int, device: AssignedDevice) -> Iterator[Diagnostic]:
    """Find a coherent device that got vfio-pci because nothing better was there."""
    assignment = device.assignment
    known = scene.situation.policy.devices.get(assignment.device.id)
    policies = {item.model.metadata.name: item for item in scene.situation.applicable}
    winner = policies.get(assignment.policy)
    is_asked = winner is not None and winner.model.spec.driver != "auto"
    if (
        known
        and known.model.spec.coherent
        and known.model.spec.variant_driver
        and canonical_module(known.model.spec.variant_driver) != assignment.driver.module
        and assignment.driver.module == _VFIO_PCI
        and assignment.mapping in {MappingMode.NORMAL_NC, MappingMode.CACHEABLE}
        and not is_asked
    ):
        variant = known.model.spec.variant_driver
        yield scene.find(
            NOT_ITS_DRIVER,
            ("devices", index),
            why=f"{assignment.device.address} ({assignment.device.id}) would be bound to "
            f"vfio-pci, because modules.alias has no line of {variant} for it",
            fix=f"install a kernel whose {variant} knows the id, or write driver: vfio-pci in its "
            "DevicePolicy",
        )


def _check_kernel(scene: Scene, index: int, device: AssignedDevice) -> Iterator[Diagnostic]:
    needed = ["VFIO_DEVICE_CDEV"] if device.iommufd else []
    if device.smmu:
        needed.append("ARM_SMMU_V3_IOMMUFD")
        needed += ["TEGRA241_CMDQV"] if device.smmu.cmdqv else []
    options = scene.facts.kernel.options or {}
    missing = [f"CONFIG_{name}" for name in needed if name not in options]
    if device.iommufd and "iommufd" not in scene.facts.modules:
        missing.insert(0, "module iommufd")
    if missing:
        release = scene.facts.kernel.release
        state = "has no" if scene.facts.kernel.options is not None else "did not show"
        yield scene.find(
            NO_KERNEL_OPTION,
            ("devices", index),
            why=f"kernel {release} {state} {', '.join(missing)}",
            fix="boot a kernel that has it and collect the facts again, or assign the device "
            "without iommufd and SMMU",
        )


def _check_smmu(scene: Scene, index: int, device: AssignedDevice) -> Iterator[Diagnostic]:
    written = scene.spec.devices[index]
    if written.iommufd is False:
        yield scene.find(
            SMMU_WITHOUT_IOMMUFD,
            ("devices", index, "iommufd"),
            why="the SMMU in front of it works by iommufd, which is switched off here",
            fix="leave iommufd out, or write iommu: none in the guest",
        )
    if device.smmu and device.smmu.cmdqv and not _is_all_huge(scene):
        yield scene.find(
            QUEUE_WITHOUT_HUGEPAGES,
            ("devices", index),
            why="its SMMU has a command queue, and the guest's memory is not of huge pages",
            fix="write hugepages in the guest, or smmu: {cmdqv: false} for the device",
        )


def _is_all_huge(scene: Scene) -> bool:
    spec = scene.spec
    return bool(spec.hugepages) or (
        bool(spec.numa) and all(cell.hugepages for cell in spec.numa or ())
    )


def _check_sharing(scene: Scene) -> Iterator[Diagnostic]:
    """Find devices that ought to share an SMMU and cannot."""
    guarded = [(index, item) for index, item in enumerate(scene.guest.devices) if item.smmu]
    first: dict[str, AssignedDevice] = {}
    for index, item in guarded:
        address, host_smmu = item.assignment.device.address, item.assignment.device.iommu
        if host_smmu is None and len(guarded) > 1:
            yield scene.find(
                SMMU_UNKNOWN,
                ("devices", index),
                why=f"{len(guarded)} devices have an SMMU, and the host did not show which of its "
                f"own {address} is behind",
                fix="collect the facts again, or write iommu: none in the guest",
            )
        elif host_smmu is not None:
            other = first.setdefault(host_smmu, item)
            if other.smmu != item.smmu:
                yield scene.find(
                    SMMUS_DIFFER,
                    ("devices", index),
                    why=f"{address} and {other.assignment.device.address} are both behind "
                    f"{host_smmu}, and their settings for it differ",
                    fix="give both the same smmu",
                )
        if scene.spec.devices[index].placement == "root-port":
            yield scene.find(
                SMMUS_DIFFER,
                ("devices", index, "placement"),
                why=f"{address} has an SMMU, which is on an expander bus, and is to sit on the "
                "root bus",
                fix="leave placement out, or write iommu: none in the guest",
            )
