"""Ask libvirt's QEMU driver: does it take a domain, what does it keep, what would QEMU be told?"""

import os
import re
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest

from tests.integration.consumers.programs import needs
from tests.integration.libvirt.stacks import Stack

ROOM = Path(__file__).with_name("room.sh")
JUDGING = Path(__file__).with_name("judging.sh")
IDENTITY = re.compile(r"<uuid>([0-9a-f-]{36})</uuid>")
PAGES_OF_X86_KIB = {2048, 1 << 20}


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a domain.

    Args:
        kept: The definition as libvirt gives it back, None where it was refused.
        words: QEMU's command line from its first option on; empty where libvirt could not say.
        said: Its errors.
    """

    kept: str | None
    words: tuple[str, ...]
    said: str


def fit(domain: str) -> str:
    """Return a domain as this machine can judge it, which has no KVM of the guest's architecture.

    Emulation takes the place of KVM, the first CPU and NUMA node that of any other, and pages that
    x86 has that of pages which only arm64 has.
    """
    emulated = domain.replace("<domain type='kvm'", "<domain type='qemu'")
    emulated = emulated.replace("<cpu mode='host-passthrough'", "<cpu mode='maximum'")
    emulated = re.sub(r"(<mem(?:ory|node) [^>]*nodeset)='[\d,-]+'", r"\1='0'", emulated)
    emulated = re.sub(r"(<(?:vcpu|\w+pin) [^>]*cpuset)='[\d,-]+'", r"\1='0'", emulated)
    return re.sub(r"<page size='(\d+)' unit='KiB'", _fit_page, emulated)


def _fit_page(found: re.Match[str]) -> str:
    return found[0] if int(found[1]) in PAGES_OF_X86_KIB else found[0].replace(found[1], "2048", 1)


def tell_apart(domains: list[str]) -> list[str]:
    """Return the domains with UUIDs that differ: cases give the same guest to the same host."""
    numbers = count()
    return [
        IDENTITY.sub(lambda _: f"<uuid>{UUID(int=next(numbers))}</uuid>", item) for item in domains
    ]


def judge(stack: Stack, domains: Iterable[str], *, validates: bool = True) -> list[Judged]:
    """Return what a stack's libvirt says of domains, in their order; UUIDs are to differ."""
    work = _empty_work(stack.root)
    identities = []
    for domain in domains:
        found = IDENTITY.search(domain)
        assert found, "a domain without a UUID"
        identities.append(found[1])
        (work / f"{found[1]}.xml").write_text(domain)
    mode = "--validate" if validates else ""
    run_in_room(stack, work, JUDGING, stack.root, work, mode)
    return [_read(work, identity) for identity in identities]


def run_in_room(stack: Stack, work: Path, *command: str | Path) -> str:
    """Return what a command prints where a stack's QEMU driver works, or skip.

    Args:
        stack: Whose system.
        work: A folder, seen as /mnt there.
        command: Started with the machine's own files, not the stack's.
    """
    apart = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
    room: list[str | Path] = [needs("unshare"), *apart, ROOM, stack.root, work]
    if os.geteuid() != 0:
        pytest.skip("mounts in a namespace of one's own need root")
    done = subprocess.run([*room, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _work(root: Path) -> TemporaryDirectory[str]:
    """Return a folder for a stack, where its libvirt also remembers what its QEMU can do."""
    return TemporaryDirectory(prefix=f"libvirt-{root.name}")


def _empty_work(root: Path) -> Path:
    work = Path(_work(root).name)
    for path in work.glob("*.*"):
        path.unlink()
    return work


def _read(work: Path, identity: str) -> Judged:
    kept, native = work / f"{identity}.kept", work / f"{identity}.native"
    words = shlex.split(native.read_text()) if native.exists() else []
    first = next((at for at, word in enumerate(words, 1) if "/qemu-system-" in word), len(words))
    return Judged(
        kept=kept.read_text() if kept.exists() else None,
        words=tuple(words[first:]),
        said=(work / f"{identity}.said").read_text(),
    )
