"""Run programs beside the driver that withholds Normal-NC, inside small emulated systems."""

from pathlib import Path
from typing import Any

from fleetpolicy.emulate.cells import MODULES, Cell, measure_cell
from fleetpolicy.emulate.initramfs import Task
from fleetpolicy.emulate.kernels import KernelPackages, provide_kernel
from fleetpolicy.emulate.modules_build import build_modules
from fleetpolicy.emulate.qemu import find_emulator
from fleetpolicy.pipeline.data import playbooks_folder
from tests.lab.building import say

HERE = Path(__file__).resolve().parent
KERNEL = HERE.parents[1] / "kernel"
DRIVER = "optout_vfio_pci"
SECONDS = 1200.0


def with_driver(
    kernel: KernelPackages,
    program: str,
    bindings: tuple[tuple[str, str], ...] = (),
    modules: tuple[str, ...] = (),
) -> Task:
    """Return the task of a program beside the driver.

    Args:
        kernel: The kernel that it runs under.
        program: Module of Python in a folder beside this file, such as optout_programs.faults.
        bindings: PCI id and the driver that is to own the function before main() begins.
        modules: More of the kernel's own modules.
    """
    built = build_modules(KERNEL, kernel, say)
    return Task((*MODULES, *modules), unset(built), bindings, place_of(program))


def unset(modules: tuple[Path, ...]) -> tuple[tuple[Path, str], ...]:
    """Return modules with no parameters."""
    return tuple((path, "") for path in modules)


def place_of(program: str) -> str:
    """Return where a program is found inside."""
    return f"ansible.module_utils.{program}"


def told_by(kernel: KernelPackages, task: Task, devices: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what main() of a task's program returned.

    Args:
        kernel: The kernel that it runs under.
        task: What is to be done.
        devices: More of them, in QEMU's words.
    """
    utils = playbooks_folder() / "module_utils"
    programs = {name: utils / name for name in ("fleetpolicy_agent", "fleetpolicy_probe")}
    folder = task.afterwards.split(".")[-2]
    cell = Cell(
        provide_kernel(kernel, say),
        "max",
        task,
        {**programs, folder: HERE / folder},
        SECONDS,
        devices,
    )
    found: dict[str, Any] = measure_cell(find_emulator(say), cell, say).reply["afterwards"]
    return found
