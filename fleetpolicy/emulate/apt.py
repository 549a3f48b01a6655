"""Ask Debian's apt about suites of any architecture, beside the system's own state."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fleetpolicy.diagnostics import FleetPolicyError, Span
from fleetpolicy.emulate.cache import cache_folder, remove
from fleetpolicy.emulate.lock import Progress, held_locks, locked, silent
from fleetpolicy.emulate.room import cache_refusal, free_at, ran_full, writing
from fleetpolicy.emulate.rules import PACKAGE_MISSING
from fleetpolicy.emulate.seal import is_whole, write_seal
from fleetpolicy.emulate.sources import apt_folder, configured_mirrors, source_lines

_LISTS_LAST_SECONDS = 24 * 3600
_URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) SHA256:(?P<digest>[0-9a-f]{64})")
_PROGRAMS = ("apt-config", "apt-get", "apt-cache", "dpkg-deb")
_TRANSPORT = ("Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::ForceIPv")
# A mirror that says nothing holds up each of several lists; the machine's own settings win.
_PATIENCE = 'Acquire::Retries "1";\n'
_CONFIGURATION = """\
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "{folder}/empty";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "{folder}/empty";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{folder}";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{folder}/status";
Dir::Cache "{folder}/cache";
APT::Architecture "{arch}";
APT::Architectures {{ "{arch}"; }};
APT::Default-Release "/^{release}$/";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::ForceHash "SHA256";
Acquire::Languages "none";
"""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the mirror, told by what is in it.

    Args:
        arch: Debian's name of the architecture, or all.
        digest: SHA-256 of the file, in hex.
        size: Bytes of the file.
    """

    name: str
    version: str
    arch: str
    digest: str
    size: int
    uri: str


class Apt:
    """Ask apt about suites, in a state of its own that knows of no installed package.

    Args:
        suites: The last one wins where several have a package.
        arch: Debian's name of the architecture.
    """

    def __init__(self, suites: Sequence[str], arch: str) -> None:
        self.suites = tuple(suites)
        self.arch = arch
        # The folder's name is in apt's settings, which all who come by other names share.
        base = (cache_folder() / "apt").resolve()
        self.folder = base / f"{'+'.join(self.suites)}_{arch}"

    def update(self, progress: Progress = silent) -> None:
        """Fetch the lists of the suites, unless those of the last day are there and whole.

        Raises:
            FleetPolicyError: There are no lists, and none can be fetched, or there is no apt.
        """
        _need_programs()
        with writing(self.folder, cache_refusal), locked(self.folder, progress):
            lines = source_lines(self.suites, self.arch, configured_mirrors(apt_folder()))
            whole = is_whole(self._lists, self._seal)
            if not whole:
                self._forget()
            # A cache may have been moved.
            self._lay_out(lines)
            if whole and self._is_current(lines):
                return
            progress(f"reading the package lists of {', '.join(self.suites)} ({self.arch})")
            done = self._run("apt-get", "-q", "update", "--error-on=any")
            if done.returncode == 0:
                write_seal(self._lists, self._seal)
                self._stamp.write_text("\n".join(lines))
            elif not whole or not self._stamp.exists():
                raise not_to_be_had(f"the lists of {', '.join(self.suites)}", done.stderr)
            else:
                # What lists are called goes by the mirror that they are from.
                self._lay_out(self._stamp.read_text().splitlines())
                write_seal(self._lists, self._seal)
                progress("the mirror did not answer; the lists of an earlier day are used")

    def show(self, name: str) -> tuple[dict[str, str], ...]:
        """Return what the lists say of a package, a mapping per version, the best first."""
        text = self._run("apt-cache", "show", name).stdout
        stanzas = [stanza for stanza in text.split("\n\n") if stanza.strip()]
        return tuple(
            dict(line.split(": ", 1) for line in stanza.splitlines() if re.match(r"[\w-]+: ", line))
            for stanza in stanzas
        )

    def names(self, prefix: str) -> tuple[str, ...]:
        """Return the names of packages that begin with a prefix, sorted."""
        return tuple(sorted(set(self._run("apt-cache", "pkgnames", prefix).stdout.split())))

    def resolve(self, names: Iterable[str]) -> tuple[Package, ...]:
        """Return the packages and all that they depend on, by apt's own choice, sorted.

        Raises:
            FleetPolicyError: A package is not there, or some cannot be together.
        """
        wanted = sorted(set(names))
        done = self._run("apt-get", "-q", "-y", "--print-uris", "install", *wanted)
        if done.returncode:
            unmet = [line for line in done.stdout.splitlines() if "epends:" in line]
            raise not_to_be_had(" ".join(wanted), "\n".join([*unmet, done.stderr]))
        return tuple(sorted(read_uris(done.stdout), key=lambda item: item.name))

    def find(self, names: Iterable[str]) -> tuple[Package, ...]:
        """Return the packages alone, without what they depend on, sorted.

        Raises:
            FleetPolicyError: A package is not there.
        """
        wanted = sorted(set(names))
        done = self._run("apt-get", "-qq", "--print-uris", "download", *wanted)
        if done.returncode:
            raise not_to_be_had(" ".join(wanted), done.stderr)
        return tuple(sorted(read_uris(done.stdout), key=lambda item: item.name))

    @property
    def _lists(self) -> Path:
        return self.folder / "lists"

    @property
    def _stamp(self) -> Path:
        return self.folder / "updated"

    @property
    def _seal(self) -> Path:
        return self.folder / "lists.seal"

    def _is_current(self, lines: Sequence[str]) -> bool:
        return (
            self._stamp.exists()
            and self._stamp.read_text() == "\n".join(lines)
            and time.time() - self._stamp.stat().st_mtime < _LISTS_LAST_SECONDS
        )

    def _forget(self) -> None:
        """Remove lists that were cut off or changed, and what apt made of them."""
        for place in (self._lists, self.folder / "cache", self._stamp):
            remove(place)

    def _lay_out(self, lines: Sequence[str]) -> None:
        for name in ("lists/partial", "cache/archives/partial", "empty"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        _put(self.folder / "sources.list", "".join(f"{line}\n" for line in lines))
        settings = _CONFIGURATION.format(
            folder=self.folder, arch=self.arch, release=self.suites[-1]
        )
        _put(self.folder / "apt.conf", _PATIENCE + _transport() + settings)

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "APT_CONFIG": str(self.folder / "apt.conf"),
            "LC_ALL": "C.UTF-8",
        }
        try:
            return subprocess.run(  # noqa: S603 - words of our own
                words,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                pass_fds=held_locks(),
            )
        except FileNotFoundError as error:
            raise not_to_be_had(words[-1], f"{error.filename} is not installed") from error


def read_uris(text: str) -> Iterator[Package]:
    """Yield the packages of what `apt-get --print-uris` prints."""
    for found in _URI.finditer(text):
        name, version, rest = found["file"].rsplit("_", 2)
        yield Package(
            name=name,
            version=unquote(version),
            arch=rest.removesuffix(".deb"),
            digest=found["digest"],
            size=int(found["size"]),
            uri=found["uri"],
        )


def _put(place: Path, text: str) -> None:
    """Write a file that others may be reading, unless it has the text already."""
    if not place.exists() or place.read_text() != text:
        staged = place.with_name(f".{place.name}")
        staged.write_text(text)
        staged.replace(place)


def _need_programs() -> None:
    """Refuse to begin without apt and dpkg."""
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking:
        why, fix = "this machine has no such program", "run this on Debian, or its like"
        raise FleetPolicyError(PACKAGE_MISSING.at(Span(", ".join(lacking)), why=why, fix=fix))


def _transport() -> str:
    """Return how the machine's apt reaches mirrors: proxies, retries, protocols."""
    done = subprocess.run(
        ["apt-config", "dump", "Acquire"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(_TRANSPORT))


def not_to_be_had(what: str, said: str) -> FleetPolicyError:
    """Return the finding over a package, a list or a program, with what a tool said of it."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith("W:")]
    if ran_full(said):
        full = next(line.strip() for line in lines if ran_full(line))
        return cache_refusal(cache_folder(), f"{what}: {full}; {free_at(cache_folder())}")
    return FleetPolicyError(
        PACKAGE_MISSING.at(
            Span(what),
            why="; ".join(line.strip() for line in lines[:4]) or "apt said nothing",
            fix="look whether the mirror answers and has it; what was fetched is kept",
        )
    )
