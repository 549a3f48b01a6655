import lzma
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.kernels import Kernel
from fleetpolicy.emulate.modules import modules_in_order, needs


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    modules = tmp_path / "6.1.0-arm64"
    for name, depends in {
        "drivers/vfio/pci/vfio-pci.ko": "vfio-pci-core,vfio",
        "drivers/vfio/pci/vfio-pci-core.ko.xz": "vfio,irqbypass",
        "drivers/vfio/vfio.ko": "",
        "virt/irqbypass.ko": "",
    }.items():
        path = modules / "kernel" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = f"\x7fELF\0license=GPL\0depends={depends}\0name=x\0".encode()
        path.write_bytes(lzma.compress(data) if path.suffix == ".xz" else data)
    (modules / "modules.builtin").write_text("kernel/drivers/vfio/vfio_iommu_type1.ko\n")
    return Kernel("6.1.0-arm64", "digest", tmp_path, modules, tmp_path)


def test_modules_come_after_what_they_need(kernel: Kernel) -> None:
    names = [path.name for path in modules_in_order(kernel, ("vfio-pci", "vfio_iommu_type1"))]

    assert names == ["vfio.ko", "irqbypass.ko", "vfio-pci-core.ko.xz", "vfio-pci.ko"]


def test_module_that_needs_none_says_so(kernel: Kernel) -> None:
    assert needs(kernel.modules / "kernel" / "virt" / "irqbypass.ko") == ()


def test_module_that_is_not_there_is_refused(kernel: Kernel) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        modules_in_order(kernel, ("nvgrace-gpu-vfio-pci",))

    (finding,) = caught.value.diagnostics
    assert (str(finding.span), finding.why) == (
        "module nvgrace_gpu_vfio_pci",
        "6.1.0-arm64 has none of that name",
    )
