"""Read the ids that vfio-pci takes at load, and match functions against them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetpolicy.simcore.boot.cmdline import Setting
from fleetpolicy.simcore.boot.kernel import PciFunction
from fleetpolicy.simcore.boot.trace import Cause

_ANY = 0xFFFFFFFF
_FIELDS = 6


@dataclass(frozen=True, slots=True)
class DynamicId:
    """Hold one id: every function that fits is taken, wherever it sits.

    Args:
        numbers: vendor, device, subvendor, subdevice; 0xffffffff stands for any.
    """

    numbers: tuple[int, ...]
    class_code: int
    class_mask: int
    text: str
    cause: Cause

    def fits(self, function: PciFunction) -> bool:
        """Tell whether a function has this id."""
        given = (function.vendor, function.device, function.subvendor, function.subdevice)
        return all(
            want in (_ANY, int(has, 16)) for want, has in zip(self.numbers, given, strict=True)
        ) and not ((self.class_code ^ int(function.class_code, 16)) & self.class_mask)


def parse_ids(setting: Setting, ignore: Callable[[Cause, str], None]) -> Iterator[DynamicId]:
    """Return the ids of `vendor:device[:subvendor[:subdevice[:class[:mask]]]],...`.

    Args:
        setting: The parameter with its value.
        ignore: Called with the reason for an entry that the kernel would not take.

    Source:
        Linux drivers/vfio/pci/vfio_pci.c, vfio_pci_fill_ids().
    """
    for text in setting.value.split(","):
        if not text:
            continue
        numbers: list[int] = []
        for part in text.split(":")[:_FIELDS]:
            try:
                numbers.append(int(part, 16))
            except ValueError:
                break
        if len(numbers) < 2:  # noqa: PLR2004 - vendor and device are the least
            ignore(setting.cause, f'vfio-pci takes no id from "{text}": not vendor:device')
            continue
        numbers += (0, 0, _ANY, _ANY, 0, 0)[len(numbers) :]
        yield DynamicId(tuple(numbers[:4]), numbers[4], numbers[5], text, setting.cause)
