"""Hand tests tiny hosts: a few files under a folder, and programs that leave a mark."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
AGENT = "ansible.module_utils.fleetpolicy_agent"
LAUNCH = (
    "import sys, ansible.module_utils as m; m.__path__.append(sys.argv[1]); "
    f"from {AGENT}.main import main; main()"
)
FILES = {
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/boot/grub/grub.cfg": "menuentry 'One' {\n  linux /vmlinuz-7.0 root=/dev/vda quiet\n}\n",
    "/boot/vmlinuz-7.0": "",
    "/proc/cmdline": "BOOT_IMAGE=/vmlinuz-7.0 root=/dev/vda quiet\n",
    "/proc/uptime": "12.34 10.00\n",
    "/proc/sys/kernel/arch": "aarch64\n",
    "/proc/sys/kernel/osrelease": "7.0\n",
    "/proc/sys/kernel/random/boot_id": "boot-1\n",
    "/sys/module/vfio_pci/parameters/ids": "10de:2342\n",
    "/run/keep": "",
}
PROGRAMS = {
    "update-grub": 'echo "update-grub $*" >> "$FLEETPOLICY_ROOT/log"\n',
    "mkinitramfs": "",
    "update-initramfs": 'echo "update-initramfs $*" >> "$FLEETPOLICY_ROOT/log"\n',
    "reboot": (
        'echo reboot >> "$FLEETPOLICY_ROOT/log"\n'
        'echo boot-2 > "$FLEETPOLICY_ROOT/proc/sys/kernel/random/boot_id"\n'
    ),
}
# Keeps a domain as the text that it was given, under libvirt's folder.
VIRSH = """
folder="$FLEETPOLICY_ROOT/etc/libvirt/qemu"
mkdir -p "$folder"
case "$*" in
"list --all --name") cd "$folder" && ls | sed 's/[.]xml$//' ;;
"list --name") cat "$FLEETPOLICY_ROOT/running" 2>/dev/null ;;
"dumpxml --inactive "*) cat "$folder/$3.xml" ;;
"define --validate "*)
    grep -q BAD "$3" && { echo "error: XML document failed to validate" >&2; exit 1; }
    cp "$3" "$folder/$(sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$3").xml" ;;
"undefine --keep-nvram "*) rm "$folder/$3.xml" ;;
"version") ;;
*) exit 1 ;;
esac
"""

Builder = Callable[..., Path]
Agent = Callable[..., dict[str, object]]


@pytest.fixture
def tiny_host(tmp_path: Path) -> Builder:
    """Return a builder of simulated hosts: name and extra programs in, root out."""

    def build(name: str = "host", **programs: str) -> Path:
        root = tmp_path / "hosts" / name
        for path, text in FILES.items():
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        for folder in ("modprobe.d", "modules-load.d", "udev/rules.d"):
            (root / "etc" / folder).mkdir(parents=True)
        for program, text in {**PROGRAMS, **programs}.items():
            place = root / "usr" / "sbin" / program.replace("_", "-")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"#!/bin/sh\n{text}")
            place.chmod(0o755)
        return root

    return build


@pytest.fixture
def virsh() -> str:
    """Return the text of a virsh that keeps what it is given."""
    return VIRSH


@pytest.fixture
def ask_agent() -> Agent:
    """Return a caller of the agent as a process: request in, reply out."""

    def ask(**request: object) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-c", LAUNCH, str(PLAYBOOKS / "module_utils")],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=True,
        )
        reply: dict[str, object] = json.loads(done.stdout)
        return reply

    return ask


@pytest.fixture
def agent_module() -> Callable[[str], ModuleType]:
    """Return a loader of one module of the agent."""
    folder = str(PLAYBOOKS / "module_utils")
    package = importlib.import_module("ansible.module_utils")
    if folder not in package.__path__:
        package.__path__.append(folder)
    return lambda name: importlib.import_module(f"{AGENT}.{name}")


@pytest.fixture
def tree_digest() -> Callable[[Path], dict[str, str]]:
    """Return a reader of everything under a folder, links and modes included."""

    def read(folder: Path) -> dict[str, str]:
        return {
            str(path.relative_to(folder)): f"{path.lstat().st_mode:o} "
            + (sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
            for path in sorted(folder.rglob("*"))
        }

    return read
