# SPDX-License-Identifier: Apache-2.0
"""Do the same with vfio-pci and with the driver that withholds Normal-NC.

Every function returns what it saw, for test_optout_ops.py to judge.
"""

from ansible.module_utils.optout_programs import answers, errors, mappings, sriov, zaps
from ansible.module_utils.optout_programs.function import (
    OURS,
    THEIRS,
    Function,
    bind,
    driver_of,
    functions,
    load,
    log_lines,
    opens,
    parameter,
    release,
    settled_power,
    unload,
)

CARD, MEMORY, PHYSICAL = "8086:10d3", "1af4:1110", "8086:10c9"


def main(_bound: list[str]) -> dict[str, object]:
    """Return what came of each use, by driver."""
    card, first, second = functions(CARD)
    (memory,) = functions(MEMORY)
    (physical,) = functions(PHYSICAL)
    sriov.isolate(physical)
    found: dict[str, object] = {}
    for driver in (THEIRS, OURS):
        found[driver] = {
            "card": use(card, driver),
            "memory": use(memory, driver),
            "pair": use_pair(first, second, driver),
            "sriov": {
                "ofHost": sriov.of_host(physical, driver),
                "ofVfio": sriov.of_vfio(physical, driver),
            },
            "idle": idle(card, driver),
        }
    found["noIdle"] = leave_awake(card)
    found["unloaded"] = unload_all()
    found["warnings"] = log_lines("WARNING: ") + log_lines("BUG: ")
    return found


def use(address: str, driver: str) -> dict[str, object]:
    """Use a device that is alone on its bus, and leave it without a driver."""
    found: dict[str, object] = {"bound": bind(address, driver) == driver}
    found |= {
        "identity": identity(address),
        "reset": zaps.by_reset(address),
        "hotReset": zaps.by_hot_reset(address),
        "memoryBit": zaps.by_memory_bit(address),
        "mapping": mappings.change(address),
        "export": mappings.export(address),
    }
    if has_power(address):
        found["powerState"] = zaps.by_power_state(address)
        found["lowPower"] = zaps.by_low_power(address)
        found["error"] = errors.report(address)
        found["suspend"] = zaps.by_suspend(address)
    release(address)
    return found


def identity(address: str) -> dict[str, object]:
    function = Function(address)
    try:
        found: dict[str, object] = answers.identity(function)
        return found
    finally:
        function.close()


def has_power(address: str) -> bool:
    function = Function(address)
    try:
        return bool(zaps.capability(function, zaps.POWER_MANAGEMENT))
    finally:
        function.close()


def use_pair(first: str, second: str, driver: str) -> dict[str, object]:
    """Reset two functions of one slot together."""
    found: dict[str, object] = {"bound": [bind(item, driver) == driver for item in (first, second)]}
    function = Function(first)
    try:
        found["dependents"] = answers.dependents(function)
        found["tooLittle"] = answers.dependents_in_too_little(function)
        found["none"] = answers.hot_reset(function, [])
        found["wrong"] = answers.hot_reset(function, [function.file])
        found["right"] = answers.hot_reset(function, [function.group])
        found["alone"] = answers.reset(function)
    finally:
        function.close()
    release(second)
    found["withoutSecond"] = opens(first)
    release(first)
    return found


def idle(address: str, driver: str) -> dict[str, object]:
    """Return how a device is powered while nobody, somebody, and nobody again has it."""
    bind(address, driver)
    unused = settled_power(address, "suspended")
    function = Function(address)
    used = settled_power(address, "active")
    function.close()
    again = settled_power(address, "suspended")
    release(address)
    return {"unused": unused, "used": used, "again": again, "released": driver_of(address)}


def leave_awake(address: str) -> dict[str, object]:
    """Ask that unused devices be left in D0, by the parameter that counts on the kernel."""
    own = parameter(OURS, "disable_idle_d3")
    if own.exists():
        own.write_text("Y")
        by = OURS
    else:
        unload("vfio_pci")
        load("vfio_pci", "disable_idle_d3=1")
        by = THEIRS
    bind(address, OURS)
    unused = settled_power(address, "suspended")
    release(address)
    return {"by": by, "unused": unused}


def unload_all() -> list[str]:
    return [unload(name) for name in ("optout_vfio_pci", "vfio_pci")]
