"""Hand tests simulated hosts of several kinds, and the agent's look at them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.lab import build
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument
from fleetpolicy.model.simulated import SimulatedHost

ROOT_DISK = {
    "address": "0002:01:00.0",
    "id": "144d:a80a",
    "subsystem": "144d:a801",
    "class": "010802",
    "nativeDriver": "nvme",
    "iommuGroup": 5,
    "usedBy": ["root disk"],
    "regions": [{"index": 0, "size": "16KiB"}],
}
DATA_DISK = ROOT_DISK | {"address": "0004:01:00.0", "iommuGroup": 7, "usedBy": []}
NIC = {
    "address": "0006:01:00.0",
    "id": "8086:1572",
    "class": "0200",
    "nativeDriver": "i40e",
    "iommuGroup": 9,
    "usedBy": ["default route"],
    "regions": [{"index": 0, "size": "8MiB", "prefetchable": True}],
}
PORT = {"address": "0009:00:00.0", "id": "10de:22b1", "class": "060400", "iommuGroup": 18}
GPU = {
    "address": "0009:01:00.0",
    "id": "10de:2342",
    "subsystem": "10de:16eb",
    "class": "030200",
    "nativeDriver": "nvidia",
    "iommuGroup": 19,
    "serial": "48b02dc0a8010001",
    "regions": [
        {"index": 0, "size": "16MiB", "prefetchable": True},
        {"index": 2, "size": "128GiB", "prefetchable": True},
    ],
}
MODEL: dict[str, Any] = {
    "arch": "aarch64",
    "kernel": "7.3.4-arm64",
    "kernels": {
        "7.3.4-arm64": {
            "normalNcMarker": True,
            "cacheableCapability": "known",
            "pageSizeKib": 64,
            "modules": ["vfio_pci", "vfio_iommu_type1", "nvgrace_gpu_vfio_pci"],
        },
        "6.1.176-arm64": {"normalNcMarker": False, "cacheableCapability": "unknown"},
    },
    "cpu": {"model": "Neoverse-V2", "fwb": True, "dic": True},
    "firmware": {"vendor": "Demo Systems", "product": "Superchip Server"},
    "libvirt": {"libvirt": "9.0.0", "qemu": "7.2.22"},
    "devices": [ROOT_DISK, DATA_DISK, NIC, PORT, GPU],
}

Describe = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Return a maker of hosts that are not built: a name and changes of the model in."""

    def make(name: str = "gh-01", **changes: Any) -> InventoryHost:
        model = SimulatedHost.model_validate(MODEL | changes)
        return InventoryHost(name, ("all",), {}, str(tmp_path / ".lab" / name), model)

    return make


@pytest.fixture
def make(describe: Describe) -> Describe:
    """Return a maker of hosts that are built and have booted once."""

    def make_built(name: str = "gh-01", **changes: Any) -> InventoryHost:
        host = describe(name, **changes)
        build(host)
        return host

    return make_built


@pytest.fixture
def look(ask_agent: Callable[..., dict[str, Any]]) -> Look:
    """Return the agent's look at a host, judged by the model of records."""

    def ask(host: InventoryHost) -> HostRecordDocument:
        reply = ask_agent(verb="look", root=host.root)
        assert reply["status"] == "ok", reply
        head = {"apiVersion": "fleetpolicy/v1alpha1", "kind": "HostRecord", "host": host.name}
        return HostRecordDocument.model_validate(
            {**head, "collectedAt": "2026-11-25T00:00:00Z", **reply["record"]}
        )

    return ask


@pytest.fixture
def run() -> Run:
    """Return a runner of a host's own programs."""

    def start(host: InventoryHost, program: str, *arguments: str) -> Any:
        command = [f"{host.root}/usr/sbin/{program}", *arguments]
        return subprocess.run(command, capture_output=True, check=False, text=True)

    return start


def _rules(address: str, vendor: str, driver: str) -> str:
    """Return rules that reserve a function, and take it back from whoever was faster."""
    match = f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{address}", ATTR{{vendor}}=="0x{vendor}", '
    place = f"[pci/{address}]"
    return (
        f'ACTION=="add", SUBSYSTEM=="pci", ATTR{{{place}vendor}}=="0x{vendor}", '
        f'ATTR{{{place}driver_override}}="{driver}"\n'
        f'{match}ATTR{{driver_override}}="{driver}", RUN{{builtin}}+="kmod load {driver}"\n'
        f'{match}DRIVER=="?*", DRIVER!="{driver}", ATTR{{driver/unbind}}="$kernel"\n'
        f'{match}ATTR{{[subsystem/pci]drivers_probe}}="$kernel"\n'
    )


@pytest.fixture
def policy_files() -> dict[str, str]:
    """Return what a policy puts on a host: the GPU and a disk for guests."""
    return {
        "etc/default/grub.d/99-fleetpolicy.cfg": (
            'GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX:+$GRUB_CMDLINE_LINUX }iommu.strict=1"\n'
        ),
        "etc/modprobe.d/fleetpolicy.conf": (
            "options vfio_pci disable_idle_d3=1\n"
            "softdep nvidia pre: nvgrace_gpu_vfio_pci\n"
            "softdep nvme pre: vfio_pci\n"
        ),
        "etc/modules-load.d/fleetpolicy.conf": "nvgrace_gpu_vfio_pci\nvfio_pci\n",
        "etc/udev/rules.d/70-fleetpolicy.rules": (
            _rules("0009:01:00.0", "10de", "nvgrace_gpu_vfio_pci")
            + _rules("0004:01:00.0", "144d", "vfio-pci")
        ),
    }
