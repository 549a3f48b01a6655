import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import Diagnostic, FleetPolicyError
from fleetpolicy.emulate import boots, hostfolder, hosts
from fleetpolicy.emulate.hostfolder import HostFolder
from fleetpolicy.emulate.image import Image
from fleetpolicy.emulate.machine import Machine
from fleetpolicy.emulate.process import find, stop
from fleetpolicy.emulate.programs import Programs
from fleetpolicy.emulate.qemu import Emulator
from fleetpolicy.emulate.qmp import WORDS
from fleetpolicy.model.emulated import EmulatedHost
from fleetpolicy.model.inventory import InventoryHost
from tests.unit.emulate.shells import shell

MARKER = {"format": "fleetpolicy emulated host 1", "releases": ["6.12.1-arm64", "7.3.4-arm64"]}
# A process in QEMU's place that answers on its monitor.
ANSWERS = """
import socket
server = socket.create_server("qmp", family=socket.AF_UNIX)
while True:
    with server.accept()[0].makefile("rw") as stream:
        print("{}", file=stream, flush=True)
        for line in stream:
            print("{\\"return\\": 1}", file=stream, flush=True)
"""
NO_PROGRAMS = Programs(Path("/nowhere"), "0")


@pytest.fixture
def host(tmp_path: Path) -> InventoryHost:
    return InventoryHost(
        "arm-01", ("all",), {}, "/", None, EmulatedHost(), str(tmp_path / ".lab" / "arm-01")
    )


def folder_of(host: InventoryHost, *, with_disk: bool = True) -> Path:
    folder = Path(host.lab)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "host.json").write_text(json.dumps(MARKER))
    if with_disk:
        (folder / "disk").touch()
    return folder


@pytest.fixture
def running(host: InventoryHost) -> Iterator[Path]:
    """Return the folder of a process that is taken for QEMU and answers nobody."""
    folder = folder_of(host)
    program = folder / "qemu-system-aarch64"
    program.symlink_to(sys.executable)
    command = [str(program), "-c", "import time; time.sleep(600)", *WORDS]
    with subprocess.Popen(command, cwd=folder) as process:
        # A process that is being replaced by exec() shows no words for a moment.
        while find(folder) is None:
            time.sleep(0.01)
        yield folder
        process.kill()


def refused(error: FleetPolicyError) -> tuple[str, str, str]:
    [finding] = error.diagnostics
    assert isinstance(finding, Diagnostic)
    return (finding.rule.id, finding.why, finding.fix)


@pytest.mark.accepts("FP832", "FP838")
def test_status_tells_how_far_a_host_is(host: InventoryHost) -> None:
    assert hosts.status(host) == "not built"

    folder = folder_of(host, with_disk=False)
    assert hosts.status(host) == "half built; lab up goes on"

    (folder / "disk").touch()
    assert hosts.status(host) == "off"


def test_status_of_a_host_that_answers_nobody_names_its_process(
    host: InventoryHost, running: Path
) -> None:
    said = f"Can't open user config file {running}/ssh_config: No such file or directory"
    assert hosts.status(host) == f"does not answer; process {find(running)}; ssh says: {said}"


@pytest.mark.accepts("FP835", "FP836")
def test_switch_off_ends_and_removes_a_host(host: InventoryHost, running: Path) -> None:
    (running / "nvme1.0").touch()

    assert hosts.switch_off(host) is True

    assert find(running) is None
    assert not running.exists()
    assert hosts.switch_off(host) is False


@pytest.mark.shows("FP835")
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_switch_off_leaves_alone_what_is_not_ours(host: InventoryHost, kind: str) -> None:
    place = Path(host.lab)
    place.parent.mkdir()
    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "thesis.tex").touch()
    if kind == "link":
        place.symlink_to(elsewhere)
    else:
        elsewhere.rename(place)

    with pytest.raises(FleetPolicyError) as caught:
        hosts.switch_off(host)

    why = "it is a symbolic link" if kind == "link" else "it has no host.json of ours"
    assert refused(caught.value) == ("FP835", why, "move it away")
    assert (place / "thesis.tex").exists()


@pytest.mark.shows("FP836")
def test_session_of_a_host_that_is_off_is_refused(host: InventoryHost) -> None:
    folder_of(host)

    with pytest.raises(FleetPolicyError) as caught:
        hosts.session(host)

    assert refused(caught.value) == ("FP836", "it does not run", "run: fleetpolicy lab up")


@pytest.mark.accepts("FP837")
def test_session_of_a_host_that_runs_is_an_ssh_command(host: InventoryHost, running: Path) -> None:
    assert hosts.session(host) == ("ssh", "-F", f"{running}/ssh_config", "arm-01")


@pytest.mark.shows("FP837")
def test_reboot_into_a_kernel_that_is_not_there_is_refused(host: InventoryHost) -> None:
    folder_of(host)

    with pytest.raises(FleetPolicyError) as caught:
        hosts.reboot(host, "6.1")

    assert refused(caught.value) == (
        "FP837",
        "no kernel of its disk is 6.1",
        "name one of: 6.12.1-arm64, 7.3.4-arm64",
    )


@pytest.mark.shows("FP836")
@pytest.mark.parametrize("kernel", ["6.12", "6.12.1", "6.12.1-arm64", "newest"])
def test_reboot_of_a_host_that_is_off_cannot_choose_a_kernel(
    host: InventoryHost, kernel: str
) -> None:
    folder_of(host)
    release = "7.3.4-arm64" if kernel == "newest" else "6.12.1-arm64"

    with pytest.raises(FleetPolicyError) as caught:
        hosts.reboot(host, kernel)

    why = f"it cannot be told to boot {release}: it does not answer"
    assert refused(caught.value) == ("FP836", why, "run: fleetpolicy lab up")


def test_console_is_what_was_printed_without_carriage_returns(host: InventoryHost) -> None:
    assert hosts.console(host) == ""

    (folder_of(host) / "console").write_bytes(b"EFI\r\nLinux\r\n")
    assert hosts.console(host) == "EFI\nLinux\n"


@pytest.mark.shows("FP832")
def test_memory_that_the_machine_lacks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4194304 kB\nMemAvailable:    1048576 kB\n")
    monkeypatch.setattr(hosts, "_MEMINFO", tmp_path / "meminfo")

    with pytest.raises(FleetPolicyError) as caught:
        hosts._need_memory(HostFolder(tmp_path, "arm-01"), EmulatedHost())

    assert refused(caught.value) == (
        "FP832",
        "2,560 MiB are needed and 1,024 MiB are free",
        "end other hosts, or give it less memory",
    )


@pytest.mark.shows("FP838")
def test_disk_of_other_kernels_is_kept_and_refused(host: InventoryHost, tmp_path: Path) -> None:
    folder = HostFolder(folder_of(host), "arm-01")
    image = Image(tmp_path / "image", ("6.1.9-arm64",), libvirt=True)

    with pytest.raises(FleetPolicyError) as caught:
        folder.make(image, EmulatedHost(), NO_PROGRAMS)

    assert refused(caught.value) == (
        "FP838",
        "it was made with 6.12.1-arm64, 7.3.4-arm64, and 6.1.9-arm64, libvirt is asked for",
        "run: fleetpolicy lab reset, or leave the machine as it was",
    )


@pytest.mark.shows("FP833")
@pytest.mark.accepts("FP834")
def test_panic_ends_the_host_and_shows_the_consoles_last_lines(
    host: InventoryHost, running: Path
) -> None:
    console = "early\r\n[ 1.0] Kernel panic - not syncing: VFS\r\n---[ end ]---\r\n"
    (running / "console").write_text(console, newline="")

    with pytest.raises(FleetPolicyError) as caught:
        hosts.await_host(host)

    shown = "early\n[ 1.0] Kernel panic - not syncing: VFS\n---[ end ]---"
    why = f"its kernel panicked; the console's last lines:\n{shown}"
    assert refused(caught.value) == (
        "FP833",
        why,
        "run: fleetpolicy lab reset; started again, it boots this kernel again",
    )
    assert find(running) is None


@pytest.mark.shows("FP834")
def test_wait_for_a_host_whose_qemu_ended_shows_its_words(host: InventoryHost) -> None:
    (folder_of(host) / "log").write_text("could not open disk\n")

    with pytest.raises(FleetPolicyError) as caught:
        hosts.await_host(host)

    assert refused(caught.value) == (
        "FP834",
        "QEMU ended: could not open disk",
        "run: fleetpolicy lab up",
    )


@pytest.mark.shows("FP834")
@pytest.mark.accepts("FP833")
def test_wait_ends_in_time(host: InventoryHost, running: Path) -> None:
    with pytest.raises(FleetPolicyError) as caught:
        boots.await_boot(running, host.name, seconds=0)

    assert refused(caught.value) == (
        "FP834",
        (
            "nobody answered for 0 s; ssh says: "
            f"Can't open user config file {running}/ssh_config: No such file or directory"
        ),
        f"see {running}/console, then run: fleetpolicy lab boot or lab reset",
    )


def test_state_is_private(host: InventoryHost) -> None:
    folder = HostFolder(Path(host.lab), "arm-01")

    with pytest.raises((FleetPolicyError, OSError)):
        folder.make(Image(Path("/nowhere"), ()), EmulatedHost(), NO_PROGRAMS)

    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.is_made
    assert not folder.has_disk


@pytest.mark.shows("FP830")
@pytest.mark.usefixtures("room")
def test_disk_that_cannot_be_copied_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostfolder, "need_room", lambda *_: None)
    (tmp_path / "image").touch()
    image = Image(tmp_path / "image", ("6.12.1-arm64",))

    with pytest.raises(FleetPolicyError):
        HostFolder(tmp_path / "missing", "arm-01")._make_disk(image, NO_PROGRAMS)


@pytest.mark.parametrize(("refusals", "starts"), [(2, 3), (3, 3)])
def test_start_takes_another_port_where_one_was_taken(
    host: InventoryHost, tmp_path: Path, refusals: int, starts: int
) -> None:
    folder = HostFolder(folder_of(host), "arm-01")
    count = tmp_path / "count"
    count.touch()
    program = tmp_path / "qemu-system-aarch64"
    refusal = "Could not set up host forwarding rule 'tcp:127.0.0.1:1-:22'"
    program.write_text(
        f"#!/bin/sh\necho >> {count}\n"
        f'[ "$(wc -l < {count})" -gt {refusals} ] || {{ echo "{refusal}" >&2; exit 1; }}\n'
        f"exec {sys.executable} -c '{ANSWERS}' \"$@\"\n"
    )
    program.chmod(0o755)
    ports: list[int] = []

    def board(port: int) -> Machine:
        ports.append(port)
        return Machine("max", 1024, 1, ())

    try:
        if refusals < starts:
            hosts._start(folder, Emulator((str(program),), "10.0"), board)
            assert find(folder.path) is not None
        else:
            with pytest.raises(FleetPolicyError) as caught:
                hosts._start(folder, Emulator((str(program),), "10.0"), board)
            assert refused(caught.value)[:2] == ("FP814", refusal)
    finally:
        stop(folder.path)

    assert len(ports) == starts
    assert (folder.path / "port").read_text() == f"{ports[-1]}\n"


def test_disk_that_was_cut_off_is_made_anew(host: InventoryHost, tmp_path: Path) -> None:
    folder = HostFolder(folder_of(host, with_disk=False), "arm-01")
    (folder.path / ".disk").write_text("half")
    (tmp_path / "image").write_text("whole")
    image = Image(tmp_path / "image", ("6.12.1-arm64",))
    machine = EmulatedHost.model_validate({"devices": [{"model": "nvme"}]})
    said = "Allocated inode: 1\n" * 6
    programs = shell(tmp_path / "programs", "debugfs", f"cat > /dev/null; echo '{said}'")

    folder.make(image, machine, programs)

    assert (folder.path / "disk").read_text() == "whole"
    assert folder.releases == ("6.12.1-arm64",)
    assert (folder.path / "nvme1.0").stat().st_size == 64 << 20
    assert {path.name for path in folder.path.iterdir()} == {
        "disk",
        "host.json",
        "host_key",
        "host_key.pub",
        "key",
        "key.pub",
        "known_hosts",
        "nvme1.0",
    }


def test_restart_of_this_machine_is_told_as_the_disk_may_be_damaged(
    host: InventoryHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = HostFolder(folder_of(host), "arm-01")
    (folder.path / "started").write_text(hosts._THIS_BOOT.read_text())
    said: list[str] = []
    hosts._tell_of_restart(folder, said.append)
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(hosts, "_THIS_BOOT", tmp_path / "boot_id")

    hosts._tell_of_restart(folder, said.append)

    assert said == [
        (
            "arm-01: this machine was restarted since it ran; where that was no orderly end, "
            "its disk may be damaged: lab reset makes it anew"
        )
    ]
