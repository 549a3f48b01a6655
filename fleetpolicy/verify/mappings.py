"""Judge the mapping of every region by what the host shows now."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.commandline import is_met, kernel_tokens
from fleetpolicy.model.fleet import (
    Assignment,
    HostClass,
    Kernel,
    OptOut,
    OptOutMechanism,
    Setting,
    VfioDriver,
)
from fleetpolicy.model.mapping import map_region, wanted_stage2
from fleetpolicy.model.policyset import PolicySet
from fleetpolicy.model.record import HostRecord, PciDevice
from fleetpolicy.model.regions import list_device_regions, vfio_driver
from fleetpolicy.model.runtime import is_withholding
from fleetpolicy.verify.rules import MAPPING_NOT_AS_DECLARED
from fleetpolicy.verify.subject import subject_of


@dataclass(frozen=True, slots=True)
class Known:
    """What the policy knows of kernels, drivers and devices."""

    policy: PolicySet

    def driver(self, name: str) -> VfioDriver | None:
        """Return the VFIO driver that /sys/bus/pci/drivers calls so."""
        for located in self.policy.drivers.values():
            spec = located.model.spec
            if spec.driver == name:
                return vfio_driver(spec)
        return None

    def gives_normal_nc(self, profile: str) -> bool:
        """Return whether a kernel profile maps a consenting VMA as Normal-NC when it is let."""
        return any(
            located.model.metadata.name == profile
            and located.model.spec.stage2.vfio_pci == "normal-nc"
            for located in self.policy.kernels
        )


def judge_mappings(host_class: HostClass, record: HostRecord, known: Known) -> Iterator[Diagnostic]:
    """Find regions that a guest would not get as policy declares them."""
    if host_class.kernel is None:
        return
    kernel = observed_kernel(host_class.kernel, host_class.opt_out, record, known)
    for assignment in host_class.assignments:
        why = tuple(_judge_device(assignment, host_class, record, (known, kernel)))
        for reason in why:
            yield MAPPING_NOT_AS_DECLARED.at(
                assignment.mapping_origin,
                why=reason,
                fix="bring the host back: fleetpolicy apply; if that changes nothing, ask for a "
                "mapping that this kernel and driver give",
                subject=subject_of(record, assignment.device.address),
            )


def observed_kernel(
    kernel: Kernel, opt_out: OptOut | None, record: HostRecord, known: Known
) -> Kernel:
    """Return what the running kernel does: an opt-out counts only if it was booted with."""
    if opt_out is None or opt_out.mechanism is not OptOutMechanism.CMDLINE:
        return kernel
    name, _, value = opt_out.detail.partition("=")
    word = Setting(name, value, opt_out.origin)
    if is_met(word, kernel_tokens(record.state.command_line)):
        return kernel
    consents = known.gives_normal_nc(kernel.profile)
    return replace(kernel, behaviour=replace(kernel.behaviour, normal_nc_by_consent=consents))


def observed_driver(address: str, record: HostRecord, known: Known) -> VfioDriver | None:
    """Return the VFIO driver that a device is bound to, its consent as it is really set."""
    binding = record.state.bindings.get(address)
    driver = known.driver(binding.driver) if binding and binding.driver else None
    if driver and binding and not is_withholding(driver, binding, record.state):
        return replace(driver, consent=True)
    return driver


def _judge_device(
    assignment: Assignment,
    host_class: HostClass,
    record: HostRecord,
    judged_by: tuple[Known, Kernel],
) -> Iterator[str]:
    """Say of each region that is wrong what it gets, what it is to get, and by what that is known.

    Args:
        assignment: What the device is to be.
        host_class: The class of its host.
        record: What the host showed.
        judged_by: What is known, and what the running kernel does.
    """
    known, kernel = judged_by
    device = _observed(record, assignment.device.address)
    binding = record.state.bindings.get(assignment.device.address)
    bound = binding.driver if binding else None
    driver = observed_driver(assignment.device.address, record, known)
    if device is None or driver is None:
        yield (
            f"no region of {assignment.device.address} can be mapped: it is bound to "
            f"{bound or 'no driver'}, wanted {assignment.mapping.value} by {assignment.driver.name}"
        )
        return
    profile = known.policy.devices.get(device.id)
    regions = list_device_regions(device, profile.model.spec if profile else None, driver)
    seen = {region.name: region for region in regions}
    for wanted in assignment.regions:
        due = wanted_stage2(wanted, assignment.mapping)
        got = f"no such region under {driver.name}"
        if region := seen.get(wanted.name):
            got = map_region(region, assignment.mapping, kernel, host_class.features).stage2
        if got != due:
            yield (
                f"{device.address} region {wanted.name}: wanted {due}, got {got} "
                f"({_evidence(kernel, driver, host_class)})"
            )


def _observed(record: HostRecord, address: str) -> PciDevice | None:
    return next((item for item in record.facts.devices if item.address == address), None)


def _evidence(kernel: Kernel, driver: VfioDriver, host_class: HostClass) -> str:
    shown = {True: "yes", False: "no", None: "unknown"}
    facts = host_class.facts
    return (
        f"kernel {facts.kernel.release}, {kernel.profile}, driver {driver.name}, "
        f"FWB {shown[facts.cpu.fwb]}, DIC {shown[facts.cpu.dic]}"
    )
