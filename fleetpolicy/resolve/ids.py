"""Find devices that ids given to vfio-pci would take beside those that are meant."""

from collections.abc import Iterator, Mapping

from fleetpolicy.diagnostics import Diagnostic
from fleetpolicy.model.fleet import Assignment
from fleetpolicy.model.record import PciDevice
from fleetpolicy.model.scalars import canonical_module
from fleetpolicy.resolve.claims import BRIDGE_CLASS
from fleetpolicy.resolve.defaults import DefaultParameter, spell_path
from fleetpolicy.resolve.drivers import VFIO_PCI
from fleetpolicy.resolve.module_rules import IDS_TAKE_MORE
from fleetpolicy.resolve.situation import Situation
from fleetpolicy.simcore.boot import PciFunction
from fleetpolicy.simcore.boot.cmdline import Setting
from fleetpolicy.simcore.boot.dynamic_id import DynamicId, parse_ids
from fleetpolicy.simcore.boot.trace import Cause

_IDS = "ids"
_WORD = f"{VFIO_PCI}.{_IDS}"
_NONE = "0000:0000"


def find_taken_by_ids(
    situation: Situation, assignments: tuple[Assignment, ...]
) -> Iterator[Diagnostic]:
    """Find each device that has an id of the list and is not bound to vfio-pci by policy."""
    drivers = {item.device.address: item.driver.name for item in assignments}
    for parameter in _listed(situation):
        cause = Cause("policy", parameter.value)
        setting = Setting(VFIO_PCI, _IDS, parameter.value, cause)
        for dynamic in parse_ids(setting, lambda *_: None):
            yield from _judge(situation, parameter, dynamic, drivers)


def _listed(situation: Situation) -> Iterator[DefaultParameter]:
    """Return where policy gives ids, as an option and as a word of the command line."""
    for module in situation.defaults.modules:
        if canonical_module(module.written) == VFIO_PCI:
            yield from (item for item in module.parameters if item.name == _IDS)
    for word in situation.defaults.parameters:
        if canonical_module(word.name) == _WORD:
            yield word


def _judge(
    situation: Situation,
    parameter: DefaultParameter,
    dynamic: DynamicId,
    drivers: Mapping[str, str],
) -> Iterator[Diagnostic]:
    for device in situation.facts.devices:
        if device.device_class.startswith(BRIDGE_CLASS) or not dynamic.fits(_function(device)):
            continue
        driver = drivers.get(device.address)
        if driver == "vfio-pci":
            continue
        state = f"belongs on {driver}" if driver else "no policy claims"
        if device.used_by:
            state = f"is the host's {', '.join(device.used_by)}"
        yield situation.find(
            IDS_TAKE_MORE,
            situation.policy.fleet.span_of(parameter.path),
            why=f"the id {dynamic.text} takes {device.address} ({device.id}) too, which {state}",
            fix=f"remove {parameter.name} from {spell_path(parameter.path[:-1])}, and match the "
            "devices in a DevicePolicy, which binds by address and id",
            device=device.address,
        )


def _function(device: PciDevice) -> PciFunction:
    """Return a device as the kernel compares it with ids."""
    vendor, number = device.id.split(":")
    subvendor, subdevice = (device.subsystem or _NONE).split(":")
    return PciFunction(
        address=device.address,
        modalias=device.modalias,
        vendor=vendor,
        device=number,
        subvendor=subvendor,
        subdevice=subdevice,
        class_code=device.device_class.ljust(6, "0"),
    )
