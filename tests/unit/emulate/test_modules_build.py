import shutil
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.modules_build import compile_modules
from fleetpolicy.emulate.rules import MODULE_NOT_BUILT
from fleetpolicy.emulate.toolchain import Toolchain

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
TOOLCHAIN = Toolchain("digest", Path("/usr/bin"), ())


@pytest.fixture
def headers(tmp_path: Path) -> Path:
    """Return a folder in the headers' place, whose make file does what its M asks for."""
    folder = tmp_path / "headers"
    folder.mkdir()
    (folder / "Makefile").write_text("include $(M)/Makefile\n")
    return folder


@pytest.mark.accepts("FP816")
def test_module_that_compiles_is_there(tmp_path: Path, headers: Path) -> None:
    (tmp_path / "Makefile").write_text(
        "modules:\n\t@echo $(ARCH) $(CROSS_COMPILE) >$(M)/site_vfio_pci.ko\n"
    )

    compile_modules(tmp_path, headers, TOOLCHAIN)

    assert (tmp_path / "site_vfio_pci.ko").read_text() == "arm64 aarch64-linux-gnu-\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [("modules:\n\t@echo no such header >&2; false\n", "no such header"), ("modules:\n", "make")],
    ids=["error", "nothing"],
)
def test_module_that_does_not_compile_is_reported(
    tmp_path: Path, headers: Path, body: str, why: str
) -> None:
    (tmp_path / "Makefile").write_text(body)

    with pytest.raises(FleetPolicyError) as caught:
        compile_modules(tmp_path, headers, TOOLCHAIN)

    (finding,) = caught.value.diagnostics
    assert (finding.rule, str(finding.span)) == (MODULE_NOT_BUILT, str(tmp_path))
    assert why in finding.why


@pytest.mark.shows("FP816")
def test_build_that_says_nothing_is_reported_all_the_same(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "make"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)

    with pytest.raises(FleetPolicyError):
        compile_modules(tmp_path, tmp_path, Toolchain("digest", program.parent, ()))
