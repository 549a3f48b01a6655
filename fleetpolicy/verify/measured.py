"""Compare what was measured on a kernel with what the simulation says of the same host."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import HostClass, Kernel, Region, VfioDriver
from fleetpolicy.model.measurement import (
    Comparison,
    MeasuredCase,
    MeasuredDevice,
    MeasuredRegion,
    Measurement,
    NoEntry,
    Stage2Entry,
)
from fleetpolicy.model.record import HostRecord
from fleetpolicy.model.regions import list_device_regions
from fleetpolicy.simcore.attributes import CpuFeatures
from fleetpolicy.simcore.kvm import (
    AT_FAULT,
    AT_MEMSLOT,
    DATA_FAULT,
    GUEST_RAM,
    Fault,
    Refused,
    Stage2Choice,
    Stage2Type,
    Vma,
    VmFlag,
    kvm_stage2,
    stage2_memattr,
)
from fleetpolicy.verify.mappings import Known, observed_driver, observed_kernel
from fleetpolicy.verify.rules import MEASURED_OTHERWISE, NOT_MEASURED
from fleetpolicy.verify.subject import subject_of

RAM = "RAM"
CONSENT = "consent"
_FAULTS = {
    "load": DATA_FAULT,
    "fetch": Fault(exec_fault=True),
    "mapped-after-slot": Fault(mapped_after_slot=True),
    "dirty-logging": Fault(dirty_logging=True),
    "mte-guest": Fault(mte_guest=True),
}
# The name that smaps has for a flag that it knows no name of; VM_ALLOW_ANY_UNCACHED is one.
_NAMELESS = "??"
_INSTRUCTION_ABORTS = frozenset({0x20, 0x21})
_OK, _ABORT = "ok", "abort"
_IN_USE = "EBUSY"


@dataclass(frozen=True, slots=True)
class Running:
    """A host as it runs.

    Args:
        kernel: What its kernel does.
    """

    record: HostRecord
    kernel: Kernel
    features: CpuFeatures
    known: Known


def compare_measurement(measurement: Measurement, running: Running) -> tuple[Comparison, ...]:
    """Return everything that was measured beside what is predicted of it, in its order."""
    return tuple(
        comparison
        for device in measurement.devices
        for comparison in _compare_device(device, running)
    )


def judge_measurement(
    host_class: HostClass, record: HostRecord, known: Known, measurement: Measurement
) -> tuple[tuple[Comparison, ...], tuple[Diagnostic, ...]]:
    """Return the comparisons, and a finding for each that does not agree or could not be made."""
    if host_class.kernel is None:
        return (), ()
    kernel = observed_kernel(host_class.kernel, host_class.opt_out, record, known)
    running = Running(record, kernel, host_class.features, known)
    unknown = [
        name
        for name, shown in (("FWB", record.facts.cpu.fwb), ("DIC", record.facts.cpu.dic))
        if shown is None
    ]
    if unknown:
        return (), (
            _not_measured(running, "", f"{' and '.join(unknown)}: the host did not show it"),
        )
    compared = compare_measurement(measurement, running)
    return compared, (
        *_find_unmeasured(measurement, running),
        *_find_differences(compared, running),
    )


def _find_unmeasured(measurement: Measurement, running: Running) -> Iterator[Diagnostic]:
    for device in measurement.devices:
        reasons = _refusal(device, running)
        for region in device.regions:
            reasons |= {case.refused for case in region.cases if case.refused}
            reasons |= {region.refused} if region.refused else set()
            reasons |= {
                case.entry.missing
                for case in region.cases
                if isinstance(case.entry, NoEntry) and case.run == _OK
            }
        reasons |= _misfits(device, running)
        for reason in sorted(reasons):
            why = f"{device.address}{f' on {device.driver}' if device.driver else ''}: {reason}"
            yield _not_measured(running, device.address, why)


def _refusal(device: MeasuredDevice, running: Running) -> set[str]:
    """Say why a device was left alone; of one in use, with the guests that may have it."""
    if device.refused is None:
        return set()
    guests = ", ".join(running.record.state.running) if _IN_USE in device.refused else ""
    return {f"{device.refused}; guests that run: {guests}" if guests else device.refused}


def _misfits(device: MeasuredDevice, running: Running) -> set[str]:
    """Say why a device that was measured cannot be compared."""
    if device.driver is None or device.refused:
        return set()
    driver = observed_driver(device.address, running.record, running.known)
    if driver is None:
        return {f"no DriverProfile knows {device.driver}"}
    return set() if driver.name == device.driver else {f"it was on {driver.name} a moment before"}


def _not_measured(running: Running, device: str, why: str) -> Diagnostic:
    return NOT_MEASURED.at(
        running.record.span,
        why=why,
        fix="measure a device that is on its VFIO driver, that no guest uses, as root",
        subject=subject_of(running.record, device),
    )


def _find_differences(compared: tuple[Comparison, ...], running: Running) -> Iterator[Diagnostic]:
    facts = running.record.facts
    for item in compared:
        if item.agrees:
            continue
        yield MEASURED_OTHERWISE.at(
            running.record.span,
            why=f"{item.device} {item.region} on {item.driver}, {item.case}: measured "
            f"{item.measured}, predicted {item.predicted} (kernel {facts.kernel.release}, "
            f"{running.kernel.profile}, FWB {facts.cpu.fwb}, DIC {facts.cpu.dic}; {item.detail})",
            fix="correct the KernelProfile, DriverProfile or DeviceProfile that says otherwise; "
            "where none does, report it with this line",
            subject=subject_of(running.record, item.device),
        )


def _compare_device(device: MeasuredDevice, running: Running) -> Iterator[Comparison]:
    driver = observed_driver(device.address, running.record, running.known)
    if driver is None or driver.name != device.driver:
        return
    regions = {region.index: region for region in _predicted_regions(device, driver, running)}
    for measured in device.regions:
        region = regions.get(measured.index)
        if region and measured.cases:
            yield from _compare_region(device, (measured, region), running)


def _predicted_regions(
    device: MeasuredDevice, driver: VfioDriver, running: Running
) -> tuple[Region, ...]:
    facts = next(
        (item for item in running.record.facts.devices if item.address == device.address), None
    )
    if facts is None:
        return ()
    located = running.known.policy.devices.get(facts.id)
    return list_device_regions(facts, located.model.spec if located else None, driver)


def _compare_region(
    device: MeasuredDevice, pair: tuple[MeasuredRegion, Region], running: Running
) -> Iterator[Comparison]:
    measured, region = pair
    where = (device.address, device.driver or "", region.name)
    if running.kernel.behaviour.normal_nc_by_consent:
        yield Comparison(
            *where,
            CONSENT,
            _say_consent(_NAMELESS in measured.vm_flags),
            _say_consent(VmFlag.ALLOW_ANY_UNCACHED in region.vma.flags),
            " ".join(measured.vm_flags),
        )
    for case in measured.cases:
        if case.refused:
            continue
        seen = _say_case(case, measured, running)
        if seen:
            yield Comparison(
                *where,
                case.case,
                seen,
                _predict(region.vma, case, running),
                _say_detail(case.entry),
            )
        if isinstance(case.ram, Stage2Entry):
            yield Comparison(
                *(device.address, device.driver or "", RAM, case.case),
                _say_entry(case.ram, running),
                _predict(GUEST_RAM, None, running),
                _say_detail(case.ram),
            )


def _say_consent(given: bool) -> str:  # noqa: FBT001 - a flag of the mapping
    return "consents" if given else "withholds"


def _predict(vma: Vma, case: MeasuredCase | None, running: Running) -> str:
    fault = _FAULTS[case.case] if case else DATA_FAULT
    return _say(kvm_stage2(running.kernel.behaviour, vma, running.features, fault))


def _say(choice: Stage2Choice | Refused) -> str:
    if isinstance(choice, Refused):
        return f"{choice.errno} at {choice.where}"
    return f"{choice.type.value}{', executable' if choice.executable else ''}"


def _say_case(case: MeasuredCase, region: MeasuredRegion, running: Running) -> str:
    """Return what happened in the words of a prediction; empty where it cannot be told."""
    if case.memslot != _OK:
        return f"{case.memslot} at {AT_MEMSLOT}"
    if case.run == _ABORT and int(case.value, 16) >> 26 in _INSTRUCTION_ABORTS:
        return f"ENOEXEC at {AT_FAULT}"
    if case.run not in {_OK, _ABORT}:
        return f"{case.run} at {AT_FAULT}"
    if not isinstance(case.entry, Stage2Entry):
        return ""
    begin = int(case.entry.output, 16)
    if not begin <= int(region.physical, 16) < begin + (case.entry.size_kib << 10):
        return f"an entry for {case.entry.output}, not {region.physical}"
    return _say_entry(case.entry, running)


def _say_entry(entry: Stage2Entry, running: Running) -> str:
    """Return the type that KVM writes as this MemAttr, and no other.

    Source:
        Linux, arch/arm64/include/asm/memory.h
    """
    for kind in Stage2Type:
        choice = Stage2Choice(kind, executable=entry.executable)
        if stage2_memattr(choice, running.features) == entry.memattr:
            return _say(choice)
    return f"MemAttr {entry.memattr:#x}, which is none of KVM's"


def _say_detail(entry: Stage2Entry | NoEntry | None) -> str:
    match entry:
        case Stage2Entry():
            return f"{entry.descriptor} at level {entry.level}, MemAttr {entry.memattr:#x}"
        case NoEntry():
            return entry.missing
        case None:
            return "no entry"
