import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleetpolicy.emulate.toolchain import wrap_programs

LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
LOADER = LOADERS.get(platform.machine(), "")

pytestmark = pytest.mark.skipif(
    not LOADER or not Path(LOADER).exists(), reason="no loader of the GNU C library"
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "a tree" / "usr" / "bin"
    folder.mkdir(parents=True)
    shutil.copy(Path("/bin/echo").resolve(), folder / "echo")
    (folder / "said").symlink_to("echo")
    script = folder / "script"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o755)
    return folder.parents[1]


def run(*words: object, path: str = os.environ.get("PATH", "")) -> str:
    return subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": path},
    ).stdout


def test_program_runs_by_the_loader_that_is_given(tree: Path) -> None:
    wrap_programs(tree, (LOADER,))
    programs = tree / "usr" / "bin"

    assert (programs / "echo").read_text().startswith("#!/bin/sh\n")
    assert run(programs / "echo", "two words", "$HOME") == "two words $HOME\n"
    assert run(programs / "said", "by a link") == "by a link\n"
    assert run("sh", "-c", "said found", path=f"{programs}:/usr/bin:/bin") == "found\n"


def test_scripts_and_libraries_are_left_as_they_are(tree: Path) -> None:
    library = tree / "usr" / "libexample.so.1"
    shutil.copy(Path(sys.executable).resolve(), library)
    library.chmod(0o755)

    wrap_programs(tree, (LOADER,))

    assert (tree / "usr" / "bin" / "script").read_text() == "#!/bin/sh\nexit 3\n"
    assert library.read_bytes()[:4] == b"\x7fELF"
