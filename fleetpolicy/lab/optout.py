"""Show what the driver that withholds Normal-NC says of the functions that it owns."""

from collections.abc import Mapping

from fleetpolicy.lab.hardware import Function
from fleetpolicy.lab.tree import Tree

DRIVER = "optout_vfio_pci"
_DEFAULT = "device"


def lay_out_choice(
    tree: Tree, function: Function, owner: str | None, parameters: Mapping[str, str]
) -> None:
    """Write the folder stage2 of a function, or remove it where another driver owns it.

    Source:
        kernel/README.md: an address goes before an id, and both before the module's own choice.
    """
    folder = f"{function.folder}/stage2"
    tree.remove(folder)
    if owner != DRIVER:
        return
    entries = (item.rpartition("=") for item in parameters.get("devices", "").split(","))
    choices = {target: choice for target, _, choice in entries}
    by_id = choices.get(f"{function.vendor}:{function.device}")
    choice = choices.get(function.address) or by_id or parameters.get("stage2", _DEFAULT)
    tree.write(f"{folder}/configured", f"{choice}\n")
    tree.write(f"{folder}/active", "none\n")
