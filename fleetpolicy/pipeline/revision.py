"""Bring a revision of a git repository into a folder of its own; the user's is left alone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError, Span
from fleetpolicy.pipeline.rules import GIT_FAILED, NO_GIT, NO_REPOSITORY, UNKNOWN_REVISION

# What hooks and other tools would bind our git to.
_BOUND = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_OPTIONS = ("core.sparseCheckout=false", "core.splitIndex=false", "core.fsmonitor=false")


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit of a repository.

    Args:
        name: As the user named it.
        commit: Its full hash.
        root: The top of the working tree, absolute.
        git_folder: Where the repository's objects are.
    """

    name: str
    commit: str
    root: Path
    git_folder: Path


@dataclass(frozen=True, slots=True)
class Mirror:
    """A revision's files, and a working directory that is to them what the user's is to his.

    Args:
        root: The top of the files.
        here: Relative paths lead from here to the same files as from the user's directory.
    """

    root: Path
    here: Path


def find_revision(name: str, folders: Iterable[Path]) -> Revision:
    """Return a revision of the first repository that one of the folders is in.

    Raises:
        FleetPolicyError: There is no git, no repository, or no such revision in it.
    """
    span = Span("--against")
    if not shutil.which("git"):
        why = "there is no program git in PATH"
        raise FleetPolicyError(NO_GIT.at(span, why=why, fix="install git on the control node"))
    root = _find_root(tuple(dict.fromkeys(folders)), span)
    if name.startswith("-") or not name.strip():
        raise FleetPolicyError(_unknown(span, name, root))
    asked = _git(root, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if asked.returncode:
        raise FleetPolicyError(_unknown(span, name, root))
    folder = _git(root, "rev-parse", "--absolute-git-dir").stdout.strip()
    return Revision(name, asked.stdout.strip(), root, Path(folder))


def _find_root(folders: tuple[Path, ...], span: Span) -> Path:
    said = ""
    for folder in folders:
        asked = _git(folder, "rev-parse", "--show-toplevel")
        if not asked.returncode:
            return Path(asked.stdout.rstrip("\n"))
        said = said or _last_line(asked.stderr)

    why = f"{', '.join(str(folder) for folder in folders)}: git says: {said}"
    fix = "run it on a fleet that is kept in git, in a clone with a working tree"
    raise FleetPolicyError(NO_REPOSITORY.at(span, why=why, fix=fix))


def _unknown(span: Span, name: str, root: Path) -> Diagnostic:
    shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
    shown = name or repr(name)
    why = f"git knows no commit {shown} in {root}"
    fix = f"list what there is: git branch --all; fetch it: git fetch origin {shown}"
    if shallow:
        why += ", which is a shallow clone"
        fix = "fetch the history: git fetch --unshallow, or in CI fetch-depth: 0 or GIT_DEPTH: 0"
    return UNKNOWN_REVISION.at(span, why=why, fix=fix)


@contextmanager
def mirror(revision: Revision) -> Iterator[Mirror]:
    """Hold a revision's files in a temporary folder.

    A working directory outside of the repository is mirrored too, as far as its place goes.

    Raises:
        FleetPolicyError: git cannot read the commit.
    """
    with tempfile.TemporaryDirectory(prefix="fleetpolicy-against-") as name:
        top = Path(name).resolve()
        here = Path.cwd()
        base = Path(os.path.commonpath([here, revision.root]))
        found = Mirror(
            top / "tree" / revision.root.relative_to(base), top / "tree" / here.relative_to(base)
        )
        found.root.mkdir(parents=True)
        _check_out(revision, found.root, top / "index")
        found.here.mkdir(parents=True, exist_ok=True)
        marker = found.root / ".git"  # ends the search for settings, as the real one does
        if not marker.exists():
            marker.mkdir()
        yield found


def _check_out(revision: Revision, root: Path, index: Path) -> None:
    """Write a commit's files by way of an index of our own."""
    places = ("--git-dir", str(revision.git_folder), "--work-tree", str(root))
    for words in (("read-tree", revision.commit), ("checkout-index", "--all", "--force")):
        done = _git(root, *places, *words, index=index)
        if done.returncode:
            raise FleetPolicyError(
                GIT_FAILED.at(
                    Span("--against"),
                    why=f"git {words[0]} of {revision.name}: {_last_line(done.stderr)}",
                    fix="repair the clone until git fsck is content, or fetch it whole",
                )
            )


def _git(folder: Path, *words: str, index: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in _BOUND}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    options = [word for option in _OPTIONS for word in ("-c", option)]
    return subprocess.run(  # noqa: S603 a program that the user has
        ["git", "-C", str(folder), *options, *words],  # noqa: S607 wherever it is
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "nothing")
