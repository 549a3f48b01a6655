"""Start a guest of libvirt and read KVM's entries for it, while it runs; runs on the host.

It prints what `walk` returns for the guest's BAR and for its memory, with the BAR's address there.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from ansible.module_utils.fleetpolicy_probe.btf import BTF, find_run
from ansible.module_utils.fleetpolicy_probe.kcore import KernelMemory
from ansible.module_utils.fleetpolicy_probe.measure import MEMBERS
from ansible.module_utils.fleetpolicy_probe.stage2 import Table, walk
from ansible.module_utils.fleetpolicy_probe.tracing import Watch

RAM_IPA = 0x40000000
"""Where the memory of QEMU's virt machine begins."""
READY, SECONDS = "guest: ready", 900


def virsh(*words: str) -> str:
    """Run virsh and return what it printed."""
    done = subprocess.run(["virsh", *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def wait(log: Path) -> None:
    """Wait until the guest says that it is ready."""
    end = time.monotonic() + SECONDS
    while READY not in log.read_text(errors="replace"):
        if time.monotonic() > end:
            raise SystemExit(f"{log}: never {READY}")
        time.sleep(1)


def main(name: str) -> None:
    """Start the guest of that name, and print what KVM mapped for it."""
    virsh("start", "--paused", name)
    pid = Path(f"/run/libvirt/qemu/{name}.pid").read_text()
    threads = tuple(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())
    offsets = find_run(Path(BTF).read_bytes(), MEMBERS)
    assert offsets
    watch, memory = Watch(offsets, threads), KernelMemory()
    try:
        virsh("resume", name)
        wait(Path(f"/var/log/libvirt/qemu/{name}.serial"))
        pci = virsh("qemu-monitor-command", name, "--hmp", "info pci")
        bar = int(re.findall(r"BAR0: 64 bit memory at (\w+)", pci)[-1], 16)
        found = watch.root()
        assert found
        table = Table(*found, os.sysconf("SC_PAGE_SIZE"))
        entries = {"bar": walk(table, bar, memory), "ram": walk(table, RAM_IPA, memory)}
        json.dump({"ipa": f"{bar:#x}", **entries}, sys.stdout)
    finally:
        watch.close()
        memory.close()


main(*sys.argv[1:])
