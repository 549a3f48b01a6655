"""Build a kernel's own VFIO with iommufd, for a kernel that was built without it."""

import hashlib
import shutil
import tarfile
from pathlib import Path

from fleetpolicy.emulate.apt import Apt, Package
from fleetpolicy.emulate.cache import cached
from fleetpolicy.emulate.kernels import ARCH, KernelPackages
from fleetpolicy.emulate.modules_build import compile_modules, provide_headers
from fleetpolicy.emulate.packages import fetch, unpack
from fleetpolicy.emulate.toolchain import provide_toolchain
from tests.lab.building import say
from tests.lab.optout import KERNEL

# Where what is needed is in the source, and where it goes.
PARTS = {
    "drivers/iommu/iommufd/": "iommufd/",
    "drivers/iommu/iommu-priv.h": "iommu-priv.h",
    "drivers/iommu/iommu-pages.h": "iommu-pages.h",
    "drivers/vfio/": "vfio/",
    "lib/interval_tree.c": "iommufd/interval_tree.c",
}
WORDS = (
    *("CONFIG_IOMMUFD=m", "CONFIG_IOMMUFD_DRIVER_CORE=m", "CONFIG_VFIO_DEVICE_CDEV=y"),
    "CONFIG_VFIO_FSL_MC=",
)
KBUILD = """
options := -DCONFIG_IOMMUFD=1 -DCONFIG_IOMMUFD_DRIVER_CORE=1 -DCONFIG_VFIO_DEVICE_CDEV=1
ccflags-y += $(options)
subdir-ccflags-y := $(options)
obj-m += iommufd/ vfio/
"""
# The kernel has the rest of that file, and exports it.
INTERVALS = """
iommufd-y += interval_tree.o
CFLAGS_interval_tree.o := -DCONFIG_INTERVAL_TREE_SPAN_ITER=1 -D__DISABLE_EXPORTS
"""
IN_ORDER = (
    *("iommufd_driver", "iommufd", "vfio", "vfio_iommu_type1"),
    *("vfio-pci-core", "vfio-pci", "optout_vfio_pci"),
)


def build_with_iommufd(kernel: KernelPackages) -> tuple[Path, ...]:
    """Return modules in the order that they are loaded in, the driver of kernel/ the last of them.

    Nothing of the source is changed: it is built with the options that Debian leaves out.
    """
    toolchain = provide_toolchain(say)
    headers = provide_headers(kernel, toolchain, say)
    source = source_of(kernel)
    own = [*sorted(KERNEL.glob("*.c")), KERNEL / "Kbuild", Path(__file__)]
    digest = hashlib.sha256(f"{toolchain.digest} {headers} {source.digest}".encode())
    for path in own:
        digest.update(path.read_bytes())

    def make(folder: Path) -> None:
        say(f"building VFIO with iommufd for {kernel.release}")
        work = folder.with_suffix(".work")
        shutil.rmtree(work, ignore_errors=True)
        lay_out(work, source)
        compile_modules(work, headers, toolchain, WORDS)
        folder.mkdir()
        for path in work.rglob("*.ko"):
            shutil.copy(path, folder)
        shutil.rmtree(work)

    folder = cached("modules", f"iommufd_{digest.hexdigest()[:24]}", make)
    return tuple(path for name in IN_ORDER if (path := folder / f"{name}.ko").exists())


def source_of(kernel: KernelPackages) -> Package:
    """Return the package of the source that a kernel was built from."""
    name = f"linux-source-{'.'.join(kernel.release.split('.')[:2])}"
    (found,) = Apt(kernel.suites, ARCH).find([name])
    assert found.version in {package.version for package in kernel.packages}
    return found


def lay_out(work: Path, source: Package) -> None:
    """Lay out what is to be built."""
    (path,) = fetch((source,), say)
    place = work / "package"
    unpack(path, place)
    (archive,) = place.rglob("linux-source-*.tar.xz")
    take_parts(archive, work)
    shutil.rmtree(place)
    shutil.copy(KERNEL / "optout_vfio_pci.c", work)
    (work / "Kbuild").write_text((KERNEL / "Kbuild").read_text() + KBUILD)
    with (work / "iommufd" / "Makefile").open("a") as file:
        file.write(INTERVALS)


def take_parts(archive: Path, work: Path) -> None:
    with tarfile.open(archive, "r|xz") as members:
        for member in members:
            inside = member.name.partition("/")[2]
            target = next(
                (inside.replace(a, b, 1) for a, b in PARTS.items() if inside.startswith(a)), ""
            )
            if member.isfile() and target:
                (work / target).parent.mkdir(parents=True, exist_ok=True)
                members.makefile(member, str(work / target))
