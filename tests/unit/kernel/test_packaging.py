"""Hold the packages of the kernel module together: one version, and every file of the build."""

import re
from pathlib import Path

KERNEL = Path(__file__).resolve().parents[3] / "kernel"
SOURCES = {"Kbuild", "Makefile", "optout_vfio_pci.c"}


def found(name: str, pattern: str) -> list[str]:
    return re.findall(pattern, (KERNEL / name).read_text(), re.MULTILINE)


def test_every_package_has_the_version_of_the_module() -> None:
    (version,) = found("optout_vfio_pci.c", r'^MODULE_VERSION\("(.+)"\);$')

    assert found("dkms.conf", r'^PACKAGE_VERSION="(.+)"$') == [version]
    assert found("debian/changelog", r"^optout-vfio-pci \((.+)\)")[0] == version
    assert found("optout-vfio-pci-dkms.spec", r"^Version:\s+(\S+)$") == [version]


def test_every_package_has_the_files_that_the_module_is_built_from() -> None:
    here = {path.name for path in KERNEL.iterdir() if path.suffix == ".c"} | {"Kbuild", "Makefile"}
    (in_debian,) = found("debian/rules", r"^\t\t(\S.*)$")
    (in_rpm,) = found("optout-vfio-pci-dkms.spec", r"^install .* %\{buildroot\}%\{sources\} (.*)$")

    assert here == SOURCES
    assert set(in_debian.split()) == SOURCES
    assert set(in_rpm.split()) == {*SOURCES, "dkms.conf"}


def test_parameters_of_the_module_are_those_that_its_profile_knows() -> None:
    catalogue = KERNEL.parent / "fleetpolicy/catalogue/drivers.yaml"
    profile = catalogue.read_text().partition("module: optout_vfio_pci")[2]
    (block,) = re.findall(r"parameters:\n((?: {4}\w+: \w+\n)+)", profile)

    parameters = found("optout_vfio_pci.c", r"^module_param(?:_cb)?\((\w+),")

    assert sorted(parameters) == re.findall(r"^ {4}(\w+):", block, re.MULTILINE)
