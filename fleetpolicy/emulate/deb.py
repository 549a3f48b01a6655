"""Read Debian packages without unpacking them to the disk."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.rules import PACKAGE_MISSING


@contextmanager
def open_files(package: Path) -> Iterator[tarfile.TarFile]:
    """Open the archive of a package's files, to be read once from its start.

    Raises:
        FleetPolicyError: It is no package, or is cut off.
    """
    with _opened(package, "--fsys-tarfile") as members:
        yield members


def read_control(package: Path) -> dict[str, bytes]:
    """Return the files of a package's control archive by name, `control` among them.

    Raises:
        FleetPolicyError: It is no package, or is cut off.
    """
    with _opened(package, "--ctrl-tarfile") as members:
        return {
            Path(member.name).name: content.read()
            for member in members
            if (content := members.extractfile(member) if member.isreg() else None)
        }


@contextmanager
def _opened(package: Path, archive: str) -> Iterator[tarfile.TarFile]:
    command = ["dpkg-deb", archive, str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603 words of our own
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as members:
                yield members
            # An archive that ends between two members looks whole to tarfile.
            if process.stdout is not None:
                process.stdout.read()
            if process.wait():
                raise tarfile.ReadError(f"dpkg-deb ended with {process.returncode}")
        except tarfile.TarError as error:
            fix = "remove the file, so that it is fetched again"
            why = f"dpkg-deb cannot read it: {error}"
            finding = PACKAGE_MISSING.at(Span(str(package)), why=why, fix=fix)
            raise FleetPolicyError(finding) from error
