"""GRUB's own grub-mkconfig reads our drop-in next to those of others."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetpolicy.lab import build
from fleetpolicy.model.commandline import DROP_IN, kernel_tokens, words_in
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.simulated import SimulatedHost
from tests.integration.consumers.programs import needs
from tests.integration.consumers.rooms import run_in_room
from tests.unit.render.fleets import HEAD, rendered

Load = Callable[[str], ModuleType]
LEGAL = "ABCXYZabcxyz0189_.,:=+/@%*![]-"
TOKENS = st.from_regex(
    r"[A-Za-z][A-Za-z0-9_.-]{0,9}(=[A-Za-z0-9_.,:=+/@%*!\[\]-]{0,12})?", fullmatch=True
)
RELEASE = "6.12.1-arm64"
SETTINGS = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n'
# What Ubuntu's cloud images and kdump-tools bring, in their own words.
FOREIGN = {
    "50-cloudimg-settings.cfg": 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty1 console=ttyAMA0"\n',
    "kdump-tools.cfg": (
        'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=512M"\n'
    ),
    "10-site.cfg": 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1"\n',
}
# No disk of this machine is looked at: what grub-probe finds out is not what is tested.
PROBE = """\
#!/bin/sh
case "$*" in
*--target=device*) echo /dev/vda1 ;;
*--target=fs_uuid*) echo 11111111-2222-3333-4444-555555555555 ;;
*--target=fs*) echo ext2 ;;
*--target=partmap*) echo gpt ;;
*--target=abstraction*) ;;
*) exit 1 ;;
esac
"""


class Room:
    """A host's /etc/default and /boot, for programs that know no other place.

    Args:
        folder: Holds them.
    """

    def __init__(self, folder: Path, loader: ModuleType, host: ModuleType) -> None:
        self.folder = folder
        self._loader = loader
        self._host = host
        for name in ("etc/default/grub.d", "boot/grub", "proc"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name in (f"vmlinuz-{RELEASE}", f"initrd.img-{RELEASE}"):
            (folder / "boot" / name).write_text("content\n")
        (folder / "probe").write_text(PROBE)
        (folder / "probe").chmod(0o755)
        (folder / "proc/cmdline").write_text("BOOT_IMAGE=/boot/vmlinuz ro\n")

    def write(self, path: str, text: str) -> None:
        (self.folder / path.lstrip("/")).write_text(text)

    def make_config(self) -> str:
        """Return the configuration that grub-mkconfig writes, and that GRUB's parser takes."""
        mounts = {
            "/etc/default": self.folder / "etc/default",
            "/boot": self.folder / "boot",
            needs("grub-probe"): self.folder / "probe",
        }
        done = run_in_room([needs("grub-mkconfig"), "-o", "/boot/grub/grub.cfg"], mounts)
        assert done.returncode == 0, done.stderr
        config = self.folder / "boot/grub/grub.cfg"
        checked = run_in_room([needs("grub-script-check"), str(config)], {})
        assert (checked.returncode, checked.stderr) == (0, "")
        return config.read_text()

    def next_line(self) -> str:
        """Return what our own reader says of the next boot."""
        line = self._loader.next_command_line(self._host.Host(str(self.folder)))
        assert isinstance(line, str)
        return line

    def next_words(self) -> list[str]:
        """Return the same without the kernel's path and the root file system."""
        return [token.text for token in kernel_tokens(self.next_line())][2:]


@pytest.fixture
def room(tmp_path: Path, agent_module: Load) -> Room:
    needs("grub-mkconfig")
    made = Room(tmp_path / "room", agent_module("loader"), agent_module("host"))
    made.write("/etc/default/grub", SETTINGS)
    return made


def drop_in(folder: Path, words: dict[str, str]) -> str:
    """Return our drop-in as it is rendered for a policy."""
    asked = ", ".join(f'{name}: "{value}"' for name, value in words.items())
    old = '{iommu.strict: "1", iommu.passthrough: "0"}'
    assert old in HEAD
    files, findings = rendered(folder, HEAD.replace(old, f"{{{asked}}}"))
    assert findings == ()
    return files[DROP_IN].content


def test_grub_adds_our_words_to_those_of_everybody_else(room: Room, tmp_path: Path) -> None:
    for name, text in FOREIGN.items():
        room.write(f"/etc/default/grub.d/{name}", text)
    room.write(DROP_IN, drop_in(tmp_path, {"iommu.passthrough": "0", "hugepagesz": "2M"}))

    room.make_config()

    assert room.next_words() == [
        "ro",
        "audit=1",
        "iommu.passthrough=0",
        "hugepagesz=2M",
        "console=tty1",
        "console=ttyAMA0",
        "crashkernel=512M",
    ]


def test_drop_in_that_sets_the_variable_anew_takes_our_words_away(
    room: Room, tmp_path: Path
) -> None:
    room.write(DROP_IN, drop_in(tmp_path, {"iommu.passthrough": "0"}))
    room.write("/etc/default/grub.d/zz-last.cfg", 'GRUB_CMDLINE_LINUX="audit=1"\n')

    room.make_config()

    assert room.next_words() == ["ro", "audit=1", "quiet"]


def test_every_legal_character_survives_in_every_place(room: Room) -> None:
    words = [f"k.{number}={a}x{a}{a}x" for number, a in enumerate(LEGAL)]
    words += [f"k.{a}" for a in LEGAL if a.isalnum()]
    room.write(DROP_IN, f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(words)}"\n')

    room.make_config()

    assert room.next_words() == ["ro", *words, "quiet"]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(TOKENS, min_size=1, max_size=30))
def test_words_of_the_language_come_back_as_they_were(room: Room, words: list[str]) -> None:
    text = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(words)}"\n'
    room.write(DROP_IN, text)

    room.make_config()

    assert list(words_in(DROP_IN, text)) == words
    assert room.next_words() == ["ro", *words, "quiet"]


def test_simulated_host_makes_the_line_that_grub_makes(
    room: Room, tmp_path: Path, agent_module: Load
) -> None:
    model = SimulatedHost.model_validate(
        {
            "arch": "aarch64",
            "kernel": RELEASE,
            "kernels": {
                RELEASE: {"normalNcMarker": True, "cacheableCapability": "unknown"},
            },
            "cpu": {"model": "Neoverse-N1"},
            "firmware": {"vendor": "Demo", "product": "Demo"},
            "commandLine": ["ro", "quiet", "console=ttyAMA0"],
        }
    )
    host = InventoryHost("lab-01", ("all",), {}, str(tmp_path / "lab-01"), model)
    build(host)
    root = Path(host.root)
    texts = {**FOREIGN, DROP_IN.rpartition("/")[2]: drop_in(tmp_path, {"iommu.strict": "1"})}
    for name, text in texts.items():
        (root / "etc/default/grub.d" / name).write_text(text)
        room.write(f"/etc/default/grub.d/{name}", text)
    settings_text = (root / "etc/default/grub").read_text()
    room.write("/etc/default/grub", settings_text.replace("=saved", "=0"))

    run_in_room([str(root / "usr/sbin/update-grub")], {}).check_returncode()
    room.make_config()

    line = agent_module("loader").next_command_line(agent_module("host").Host(str(root)))
    assert [token.text for token in kernel_tokens(line)][2:] == room.next_words()
