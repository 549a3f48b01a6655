"""Two labs side by side, and what goes wrong with them; the tests build on each other.

Run by `make test-lab`. The second lab keeps its state on a small disk, in a mount namespace of its
own. The image is made in a cache of its own, where commands that make it are killed. What was said,
and how long it took, is in .cache/lab-faults-one.txt and -two.txt afterwards.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.emulate.cache import cache_folder
from fleetpolicy.emulate.hosts import _FORWARDING as TAKEN
from fleetpolicy.emulate.machine import Machine, start
from fleetpolicy.emulate.process import find
from fleetpolicy.emulate.qemu import find_emulator
from fleetpolicy.emulate.qmp import WORDS
from fleetpolicy.emulate.rules import MACHINE_NOT_STARTED
from tests.lab.story import FLEET, Said, Story, emulated

CARD = "0000:01:00.0"
HOSTS = """\
all:
  hosts:
    arm-01:
      fleetpolicy_machine:
        {kernels: ["6.12"], cpu: neoverse-n1, memory: 1GiB, devices: [{model: e1000e}]}
"""
DEVICE = """\
---
apiVersion: fleetpolicy/v1alpha1
kind: DevicePolicy
metadata: {name: card}
spec: {match: {device: {id: "8086:10d3"}}, driver: vfio-pci}
"""
POLICY = FLEET + DEVICE
# As in /proc/net/tcp.
LOOPBACK, LISTENS = "0100007F", "0A"
DISK_MIB, FULL_MIB = 2048, 60
FILLING_MIB = 1200
SHARED = ("apt", "inventory", "packages", "programs", "qemu")

pytestmark = pytest.mark.lab


@dataclass(frozen=True, slots=True)
class Labs:
    """Two labs whose hosts have one name.

    Args:
        cache: Theirs, with whatever an image is made of.
        two: Its state is on a disk of its own.
        filling: A file there.
    """

    cache: Path
    one: Story
    two: Story
    filling: Path


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    folder = tmp_path_factory.mktemp("faults")
    cache = folder / "cache"
    cache.mkdir()
    for name in SHARED:
        (cache_folder() / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(cache_folder() / name)
    env = ("env", f"--chdir={folder / 'one'}", f"FLEETPOLICY_CACHE={cache}")
    # Whoever enters a namespace of mounts leaves his folder.
    env_of_two = ("env", f"--chdir={folder / 'two'}", f"FLEETPOLICY_CACHE={cache}")
    with (
        small_disk(folder / "two" / "lab" / ".lab") as enter,
        emulated(folder / "one", "lab-faults-one", HOSTS, POLICY, env) as one,
        emulated(folder / "two", "lab-faults-two", HOSTS, POLICY, (*enter, *env_of_two)) as two,
    ):
        yield Labs(cache, one, two, two.fleet / ".lab" / "filling")


@contextmanager
def small_disk(place: Path, mib: int = DISK_MIB) -> Iterator[tuple[str, ...]]:
    """Yield the words that enter a namespace where a place is a small file system of its own."""
    place.mkdir(parents=True)
    mount = f"mount -t tmpfs -o mode=700,size={mib}M tmpfs '{place}' && echo && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"\n"
        yield ("nsenter", f"--target={keeper.pid}", "--user", "--mount", "--preserve-credentials")
        keeper.kill()


def inside(story: Story, *words: str) -> str:
    """Run a command where the state of a lab is."""
    command = [*story.before, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def interrupt(story: Story, line: str, number: signal.Signals) -> Said:
    """Send a signal to lab up once it says something, and return how it ended."""
    said = ""
    command = story.command("lab", "up")
    with subprocess.Popen(
        command, cwd=story.fleet.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        while line not in said:
            said += (word := process.stderr.readline())
            assert word, said + process.stdout.read()
        time.sleep(0.3)
        process.send_signal(number)
        out, rest = process.stdout.read(), process.stderr.read()
    return Said(process.returncode, out, said + rest)


def together(*stories: Story) -> list[Said]:
    """Run lab up of several stories at once."""
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(
            item.command("lab", "up"), cwd=item.fleet.parent, stdout=pipe, stderr=pipe, text=True
        )
        for item in stories
    ]
    said = [process.communicate() for process in running]
    return [Said(process.returncode, *words) for process, words in zip(running, said, strict=True)]


def told(said: Said) -> str:
    """Return what a command said, without that it is still at work."""
    lines = said.err.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("still at work"))


def process_of(story: Story) -> int:
    """Return the process id of the host's QEMU, as status shows it."""
    found = re.search(r"process (\d+)", story.run("lab", "status").out)
    assert found
    return int(found[1])


def works(pid: int) -> bool:
    """Tell whether a process is there, and not only its exit status."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in {"X", "Z"}


def addresses(port: int) -> set[str]:
    """Return the addresses at which somebody listens on a port, as the kernel writes them."""
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    fields = [line.split() for table in tables for line in table.splitlines()[1:]]
    return {
        local.partition(":")[0]
        for _, local, _, state, *_ in fields
        if state == LISTENS and int(local.partition(":")[2], 16) == port
    }


def ours(folder: Path) -> list[int]:
    """Return the QEMUs of all labs below a folder, by their words alone."""
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and is_qemu_below(path, folder)
    ]


def is_qemu_below(process: Path, folder: Path) -> bool:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        return WORDS[1].encode() in words and str(folder) in str((process / "cwd").readlink())
    except OSError:
        return False


@pytest.mark.parametrize(
    ("cpu", "words", "why"),
    [
        ("pentium", (), "unable to find CPU model 'pentium'"),
        ("max", ("-device", "flux"), "-device flux: 'flux' is not a valid device model name"),
        ("max", ("-m", "4096G"), "cannot set up guest memory 'mach-virt.ram': Cannot allocate"),
        ("max", ("-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22"), TAKEN),
    ],
    ids=["cpu", "device", "memory", "port"],
)
def test_machine_that_qemu_refuses_is_reported_with_its_words(
    tmp_path: Path, cpu: str, words: tuple[str, ...], why: str
) -> None:
    emulator = find_emulator()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        machine = Machine(cpu, 512, 1, (), tuple(word.format(port=port) for word in words))
        with pytest.raises(FleetPolicyError) as caught:
            start(emulator, machine, tmp_path / "host")

    (finding,) = caught.value.diagnostics
    assert finding.rule is MACHINE_NOT_STARTED
    assert why in finding.why
    assert find(tmp_path / "host") is None


def test_cache_whose_disk_is_full_says_so_and_keeps_nothing_half_made(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with small_disk(cache, FULL_MIB) as enter:
        env = ("env", f"--chdir={tmp_path}", f"FLEETPOLICY_CACHE={cache}")
        with emulated(tmp_path, "lab-faults-full", HOSTS, POLICY, (*enter, *env)) as story:
            kept = [str(cache_folder() / name) for name in ("apt", "inventory", "packages")]
            inside(story, "ln", "-s", *kept, str(cache))
            said = story.run("lab", "up")
            left = inside(story, "find", str(cache), "-name", "*.partial")

    assert "error FP812 cache-not-written\n" in said.out
    full = rf"No space left on device; \d MiB are free in {cache}\n"
    assert re.search(full, said.out)
    assert left == ""


@pytest.mark.parametrize("line", ["unpacking 6.12", "laying out", "making the disk"])
def test_command_that_is_killed_leaves_nothing_that_is_taken_for_whole(
    labs: Labs, line: str
) -> None:
    said = interrupt(labs.one, line, signal.SIGKILL)

    assert said.status == -signal.SIGKILL
    assert labs.one.run("lab", "status").out == "arm-01: not built\n"
    assert [path for path in (labs.cache / "images").glob("*") if path.name[0] != "."] == []


def test_two_labs_come_up_at_once_and_one_makes_the_image(labs: Labs) -> None:
    (kernel,) = (labs.cache / "kernels").glob("6.12*")
    (vmlinuz,) = kernel.rglob("vmlinuz*")
    os.truncate(vmlinuz, 4096)

    said = together(labs.one, labs.two)

    assert [item.status for item in said] == [0, 0], said
    words = told(said[0]) + told(said[1])
    for line in ("unpacking 6.12", "laying out", "making the disk"):
        assert words.count(line) == 1
    assert f"or what it started, to be done with {labs.cache}/images/" in words


def test_hosts_of_one_name_are_told_apart(labs: Labs) -> None:
    stories = (labs.one, labs.two)
    ports = {inside(item, "cat", str(item.fleet / ".lab/arm-01/port")) for item in stories}
    for item, text in zip(stories, ("one", "two"), strict=True):
        item.on("arm-01", f"echo {text} > /root/marker")

    assert len(ports) == 2
    assert [addresses(int(port)) for port in ports] == [{LOOPBACK}, {LOOPBACK}]
    assert [item.on("arm-01", "cat /root/marker") for item in stories] == ["one\n", "two\n"]
    assert len({item.on("arm-01", "cat /etc/machine-id") for item in stories}) == 2
    assert len({process_of(item) for item in stories}) == 2


def test_key_of_one_lab_does_not_open_the_other(labs: Labs) -> None:
    folder = labs.one.fleet / ".lab" / "arm-01"
    port = inside(labs.two, "cat", str(labs.two.fleet / ".lab/arm-01/port")).strip()
    command = ["ssh", "-F", str(folder / "ssh_config"), "-o", f"Port={port}", "arm-01", "true"]

    strange = subprocess.run(command, capture_output=True, text=True, check=False)
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    closed = subprocess.run(
        [*command[:3], *options, *command[3:]], capture_output=True, text=True, check=False
    )

    assert (strange.returncode, closed.returncode) == (255, 255)
    assert "Host key verification failed." in strange.stderr
    assert "Permission denied (publickey)" in closed.stderr


def test_device_in_use_is_not_measured(labs: Labs) -> None:
    device = f"/sys/bus/pci/devices/{CARD}"
    labs.one.on(
        "arm-01",
        f"modprobe vfio-pci; echo vfio-pci > {device}/driver_override; "
        f"echo {CARD} > {device}/driver/unbind; echo {CARD} > /sys/bus/pci/drivers_probe; "
        f"group=$(basename $(readlink {device}/iommu_group)); "
        'systemd-run -q sh -c "exec sleep 600 < /dev/vfio/$group"',
    )
    assert labs.one.run("facts", "collect").status == 0

    said = labs.one.run("verify", "--measure", "--no-checks")

    assert said.status == 4, said.out + said.err
    assert "error FP721" in said.out
    held = r"IOMMU group (\d+) cannot be had: /dev/vfio/\1: EBUSY\n"
    assert re.search(rf"why: {CARD} on vfio-pci: {held}", said.out)


def test_emulator_that_was_stopped_is_told_at_once(labs: Labs) -> None:
    pid = process_of(labs.one)
    os.kill(pid, signal.SIGSTOP)
    try:
        status = labs.one.run("lab", "status")
        said = [labs.one.run("lab", *words) for words in (("up",), ("ssh", "arm-01", "true"))]
    finally:
        os.kill(pid, signal.SIGCONT)

    held = f"process {pid} was stopped by a signal; kill -CONT {pid} lets it go on"
    assert status.out == f"arm-01: is held: {held}\n"
    assert [item.status for item in said] == [3, 3]
    assert all(f"why: {held}\n" in item.out for item in said)
    assert labs.one.on("arm-01", "cat /root/marker") == "one\n"


def test_disk_that_is_full_pauses_the_host_and_lab_up_lets_it_go_on(labs: Labs) -> None:
    place = str(labs.two.fleet / ".lab")
    fill = f"dd if=/dev/zero of='{labs.filling}' bs=1M count={DISK_MIB} status=none || true"
    inside(labs.two, "sh", "-c", fill)
    write = "dd if=/dev/urandom of=/root/data bs=1M count=32 conv=fsync"
    words = labs.two.command("lab", "ssh", "arm-01", write)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(words, cwd=labs.two.fleet.parent, stdout=quiet, stderr=quiet) as writer:
        while "is held" not in (status := labs.two.run("lab", "status").out):
            assert writer.poll() is None
        refused = labs.two.run("lab", "up")
        inside(labs.two, "rm", str(labs.filling))
        said = labs.two.run("lab", "up")
        written = writer.wait()

    full = f"QEMU paused it: its disk could not be written; 0 MiB are free in {place}/arm-01"
    assert status == f"arm-01: is held: {full}\n"
    assert "error FP844 emulator-held" in refused.out
    assert (said.status, written) == (0, 0)


def test_emulator_that_was_killed_is_started_again_by_one_of_two_commands(labs: Labs) -> None:
    os.kill(process_of(labs.two), signal.SIGKILL)
    assert labs.two.run("lab", "status").out == "arm-01: off\n"

    interrupted = interrupt(labs.two, "booting", signal.SIGINT)
    pid = process_of(labs.two)
    os.kill(pid, signal.SIGKILL)
    said = together(labs.two, labs.two)

    assert interrupted.status == 130
    assert told(interrupted).endswith(
        f"arm-01: QEMU works on as process {pid}; lab up waits for it, lab down ends it\n"
        "interrupted; nothing is half-written, run the command again\n"
    )
    assert [item.status for item in said] == [0, 0], said
    assert sorted(re.findall(r"arm-01: (booting|is on)", told(said[0]) + told(said[1]))) == [
        "booting",
        "is on",
    ]
    assert labs.two.on("arm-01", "cat /root/marker") == "two\n"


def test_host_key_that_was_changed_is_refused(labs: Labs) -> None:
    labs.two.on(
        "arm-01",
        "rm /etc/ssh/ssh_host_ed25519_key*; ssh-keygen -q -t ed25519 -N '' "
        "-f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh",
    )

    entered = labs.two.run("lab", "ssh", "arm-01", "true")
    said = labs.two.run("lab", "up")

    assert entered.status == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in entered.err
    assert "error FP843 host-refuses-ssh" in said.out
    assert "why: ssh says: Host key verification failed.\n" in said.out


def test_down_of_one_lab_leaves_the_other(labs: Labs) -> None:
    pid = process_of(labs.two)

    assert labs.two.run("lab", "down").status == 0

    assert not works(pid)
    assert inside(labs.two, "ls", str(labs.two.fleet / ".lab")) == ""
    assert labs.one.on("arm-01", "cat /root/marker") == "one\n"


def test_disk_without_room_for_a_host_is_refused_and_nothing_is_left(labs: Labs) -> None:
    fill = f"dd if=/dev/zero of='{labs.filling}' bs=1M count={FILLING_MIB} status=none"
    inside(labs.two, "sh", "-c", fill)

    said = labs.two.run("lab", "up")

    inside(labs.two, "rm", str(labs.filling))
    assert "error FP830 emulated-host-not-made" in said.out
    place = labs.two.fleet / ".lab" / "arm-01"
    assert re.search(rf"why: [\d,]+ MiB are needed, and [\d,]+ MiB are free in {place}\n", said.out)
    assert labs.two.run("lab", "status").out == "arm-01: half built; lab up goes on\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["KILL", "TERM"])
@pytest.mark.parametrize("line", ["making its disk", "booting"])
def test_host_of_a_command_that_was_killed_is_ended(
    labs: Labs, line: str, number: signal.Signals
) -> None:
    said = interrupt(labs.two, line, number)

    assert said.status == (130 if number == signal.SIGTERM else -number)
    assert "Traceback" not in said.err
    assert ("QEMU works on" in said.err) is (line == "booting" and number == signal.SIGTERM)
    assert labs.two.run("lab", "down").status == 0
    assert ours(labs.two.fleet) == []
    assert inside(labs.two, "ls", str(labs.two.fleet / ".lab")) == ""


def test_kernel_that_panics_at_boot_is_reported_and_its_host_ended(labs: Labs) -> None:
    labs.one.on("arm-01", r"sed -i '/^\s*initrd/d' /boot/grub/grub.cfg; sync")

    said = [labs.one.run("lab", *words) for words in (("boot", "arm-01"), ("up",))]

    for item in said:
        assert item.status == 3
        assert "error FP833 kernel-panicked\n" in item.out
        assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in item.out
    assert labs.one.run("lab", "status").out == "arm-01: off\n"


def test_host_that_left_the_inventory_is_ended(labs: Labs) -> None:
    assert interrupt(labs.one, "booting", signal.SIGKILL).status == -signal.SIGKILL
    (labs.one.fleet / "hosts.yaml").write_text("all: {hosts: {other: }}\n")
    folder = labs.one.fleet / ".lab" / "arm-01"
    assert find(folder) is not None

    shown = labs.one.run("lab", "status").out
    ended = labs.one.run("lab", "down")

    assert shown.endswith("; the inventory has it no more\n")
    assert (ended.status, told(ended)) == (0, "arm-01: removed\n")
    assert ours(labs.one.fleet) == []
    assert not folder.exists()
