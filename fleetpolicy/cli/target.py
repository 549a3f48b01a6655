"""Say where products go, and put them there whole."""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from fleetpolicy.cli.formats import FORMATS, formats_of
from fleetpolicy.cli.pipes import mute_at_broken_pipe
from fleetpolicy.diagnostics import Diagnostic, Span
from fleetpolicy.pipeline.rules import BAD_OUTPUT, OUTPUT_UNWRITTEN, OUTPUTS_COLLIDE

_HERE = Span("command line")


class Target(Struct, frozen=True):
    """A format and a file; None stands for standard output."""

    form: str = "text"
    path: Path | None = None

    def __str__(self) -> str:
        return f"{self.form}={self.path}" if self.path else self.form


def read_targets(
    words: Iterable[str], command: str
) -> tuple[tuple[Target, ...], tuple[Diagnostic, ...]]:
    """Return the targets that products can go to, and what is wrong with the others.

    Args:
        words: Such as json, json=FILE; "-" is standard output.
        command: Has a product for some formats.
    """
    places: dict[Path | None, list[Target]] = {}
    findings: list[Diagnostic] = []
    for word in words:
        form, equals, name = word.partition("=")
        target = Target(form, Path(name) if name not in {"", "-"} else None)
        wrong = _judge_format(word, form, command, is_whole=not equals or bool(name))
        wrong = wrong or _judge_place(target)
        if wrong:
            findings.append(wrong)
        else:
            places.setdefault(target.path and target.path.absolute(), []).append(target)
    findings += (_collision(rivals) for rivals in places.values() if len(rivals) > 1)
    return tuple(rivals[0] for rivals in places.values()), tuple(findings)


def _judge_format(word: str, form: str, command: str, *, is_whole: bool) -> Diagnostic | None:
    known = formats_of(command)
    if form in known and is_whole:
        return None
    if form in known:
        why = f"--output {word} names no file"
    elif form in FORMATS:
        why = f"--output {word}: {command} has {_join(known)}"
    else:
        why = f"--output {word}: there is no format {form}; {command} has {_join(known)}"
    example = form if form in known else known[-1]
    fix = f"write --output {example}, or --output {example}=FILE"
    return BAD_OUTPUT.at(_HERE, why=why, fix=fix)


def _join(words: tuple[str, ...]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else f"{last} alone"


def _judge_place(target: Target) -> Diagnostic | None:
    """Tell what writing would fail of, before anything is done."""
    if target.path is None:
        return None
    folder = target.path.parent
    try:
        if target.path.is_dir():
            return _unwritten(target, "it is a folder", "name a file in it")
        if not folder.is_dir():
            return _unwritten(target, f"there is no folder {folder}", f"make it: mkdir -p {folder}")
        writable = target.path if target.path.exists() and not target.path.is_file() else folder
    except OSError as error:
        return _failed(target, error)
    if not os.access(writable, os.W_OK):
        return _unwritten(target, f"{writable} is not writable", "name a file that you may write")
    return None


def _failed(target: Target, error: OSError) -> Diagnostic:
    return _unwritten(
        target, error.strerror or str(error), "make room for it, or name another file"
    )


def _unwritten(target: Target, why: str, fix: str) -> Diagnostic:
    return OUTPUT_UNWRITTEN.at(_HERE, why=f"--output {target}: {why}", fix=fix)


def _collision(rivals: Sequence[Target]) -> Diagnostic:
    forms = tuple(target.form for target in rivals)
    return OUTPUTS_COLLIDE.at(
        _HERE,
        why=f"{_join(forms)} go to {rivals[0].path or 'standard output'}",
        fix=f"write all but one to files of their own: --output {forms[-1]}=FILE",
    )


def write_target(target: Target, text: str) -> Diagnostic | None:
    """Put a product where it goes; return what is wrong if it could not be written.

    A file is replaced by a rename, so that a reader finds the old product or the new one.
    """
    if target.path is None:
        encoding = sys.stdout.encoding or "utf-8"
        with mute_at_broken_pipe():
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return None
    try:
        _replace(target.path, text.encode(errors="backslashreplace"))
    except OSError as error:
        return _failed(target, error)
    return None


def _replace(path: Path, data: bytes) -> None:
    whole = path.resolve()
    if whole.exists() and not whole.is_file():
        whole.write_bytes(data)
        return
    temporary = whole.with_name(f".{whole.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(data)
        temporary.replace(whole)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
