from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.load import read_prebuilt
from fleetpolicy.model.prebuilt import PrebuiltModule

RELEASE = "6.12.107+deb13-arm64"


def lay_out(folder: Path, name: str, *, release: str = RELEASE, built_for: str = RELEASE) -> Path:
    path = folder / release / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"\0name=x\0vermagic={built_for} SMP mod_unload aarch64\0"
    path.write_bytes(b"\x7fELF" + text.encode())
    return path


def complaints(folder: Path) -> list[tuple[str, str, str, str]]:
    with pytest.raises(FleetPolicyError) as caught:
        read_prebuilt(folder)
    return [(item.span.path, item.rule.id, item.why, item.fix) for item in caught.value.diagnostics]


@pytest.mark.accepts("FP195")
def test_modules_are_read_by_the_kernel_that_they_are_for(tmp_path: Path) -> None:
    new = lay_out(tmp_path, "b.ko", release="7.3.4-arm64", built_for="7.3.4-arm64")
    old = lay_out(tmp_path, "b.ko")
    (tmp_path / "README").write_text("not a module")

    assert read_prebuilt(tmp_path) == (
        PrebuiltModule(RELEASE, old),
        PrebuiltModule("7.3.4-arm64", new),
    )


@pytest.mark.shows("FP195")
def test_folder_without_modules_is_refused(tmp_path: Path) -> None:
    assert complaints(tmp_path) == [
        (
            str(tmp_path),
            "FP195",
            f"{tmp_path} has no RELEASE/MODULE.ko",
            "lay out one folder per kernel release, such as 6.12.107+deb13-arm64",
        )
    ]


@pytest.mark.shows("FP195")
def test_every_module_that_is_none_for_its_kernel_is_refused(tmp_path: Path) -> None:
    wrong = lay_out(tmp_path, "a.ko", built_for="6.1.0-50-arm64")
    odd = lay_out(tmp_path, "b;c.ko")
    text = lay_out(tmp_path, "d.ko")
    text.write_text("no ELF")
    folder = tmp_path / RELEASE / "e.ko"
    folder.mkdir()
    fix = f"build it against the headers of {RELEASE}"

    assert complaints(tmp_path) == [
        (str(wrong), "FP195", f"it was built for 6.1.0-50-arm64, not {RELEASE}", fix),
        (str(odd), "FP195", "b;c.ko is no name for a module", fix),
        (str(text), "FP195", "it is no kernel module", fix),
        (str(folder), "FP195", "it cannot be read: Is a directory", fix),
    ]
