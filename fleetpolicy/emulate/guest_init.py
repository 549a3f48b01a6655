"""Be the first process of an emulated machine: bind devices, ask the agent, tell, power off.

It runs inside the machine, from an archive that `initramfs.py` writes; nothing imports it.
"""

import atexit
import base64
import ctypes
import hashlib
import importlib
import json
import os
import sys
import termios
import time
import zlib
from pathlib import Path

FINIT_MODULE, POWER_OFF = 273, 0x4321FEDC
"""The system call's number on arm64, and the command of reboot(2)."""
MOUNTS = (
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("devtmpfs", "/dev"),
    ("tracefs", "/sys/kernel/tracing"),
    ("debugfs", "/sys/kernel/debug"),
)
DEVICES = Path("/sys/bus/pci/devices")
LINE_LENGTH = 76
libc = ctypes.CDLL(None, use_errno=True)


def mount_all() -> None:
    """Mount what a kernel shows of itself."""
    for kind, place in MOUNTS:
        Path(place).mkdir(parents=True, exist_ok=True)
        if libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None):
            print("cannot mount", kind, os.strerror(ctypes.get_errno()))


def load(name: str, parameters: str) -> None:
    """Load a module with its parameters."""
    descriptor = os.open(f"/modules/{name}", os.O_RDONLY)
    if libc.syscall(FINIT_MODULE, descriptor, parameters.encode(), 0):
        print("cannot load", name, os.strerror(ctypes.get_errno()))
    os.close(descriptor)


def bind(identity: str, driver: str) -> str:
    """Bind the first PCI function of an id to a driver, and return its address."""
    for folder in sorted(DEVICES.iterdir()):
        words = (folder.joinpath(name).read_text().strip()[2:] for name in ("vendor", "device"))
        if ":".join(words) != identity:
            continue
        folder.joinpath("driver_override").write_text(driver)
        Path("/sys/bus/pci/drivers_probe").write_text(folder.name)
        if not folder.joinpath("driver").exists():
            print("cannot bind", folder.name, "to", driver)
        return folder.name
    print("there is no", identity)
    return ""


def tell(answer: dict[str, object]) -> None:
    """Print an answer in lines in which a message of the kernel would be noticed."""
    Path("/proc/sys/kernel/printk").write_text("1")
    data = zlib.compress(json.dumps(answer).encode())
    text = base64.b64encode(data).decode()
    for begin in range(0, len(text), LINE_LENGTH):
        print("@answer", text[begin : begin + LINE_LENGTH])
    print("@end", hashlib.sha256(data).hexdigest(), flush=True)


def main() -> None:
    """Do the task of the archive."""
    started = time.monotonic()
    mount_all()
    os.environ["PATH"] = "/usr/bin"
    task = json.loads(Path("/task.json").read_text())
    for name, parameters in task["modules"]:
        load(name, parameters)
    bound = [bind(identity, driver) for identity, driver in task["devices"]]
    sys.path.insert(0, "/agent")
    answer = importlib.import_module("ansible.module_utils.fleetpolicy_agent.main").answer

    wanted: dict[str, list[int]] = {address: [] for address in bound if address}
    reply = answer({"verb": "measure", "root": "/", "devices": wanted})
    if task["afterwards"]:
        reply["afterwards"] = importlib.import_module(task["afterwards"]).main(list(wanted))
    tell({**reply, "guestSeconds": round(time.monotonic() - started, 1)})


def power_off() -> None:
    """End the machine once everything that was said is out."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        termios.tcdrain(stream.fileno())
    libc.sync()
    libc.reboot(POWER_OFF)


if __name__ == "__main__":
    atexit.register(power_off)  # after the words about an error
    main()
