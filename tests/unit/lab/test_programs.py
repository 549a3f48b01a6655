import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.lab import build, ensure
from fleetpolicy.model.inventory import InventoryHost

Describe = Callable[..., InventoryHost]
Run = Callable[..., subprocess.CompletedProcess[str]]


def test_virsh_tells_the_versions_of_the_model(make: Describe, run: Run) -> None:
    assert run(make(), "virsh", "version").stdout == (
        "Compiled against library: libvirt 9.0.0\n"
        "Using library: libvirt 9.0.0\n"
        "Using API: QEMU 9.0.0\n"
        "Running hypervisor: QEMU 7.2.22\n"
    )


def test_virsh_lists_starts_and_stops_domains(make: Describe, run: Run) -> None:
    host = make()
    for name in ("b", "a"):
        Path(host.root, f"etc/libvirt/qemu/{name}.xml").write_text("<domain/>\n")

    run(host, "virsh", "start", "a")

    assert run(host, "virsh", "list", "--all", "--name").stdout == "a\nb\n\n"
    assert run(host, "virsh", "list", "--name").stdout == "a\n\n"
    assert run(host, "virsh", "domstate", "a").stdout == "running\n\n"
    run(host, "virsh", "shutdown", "a")
    assert run(host, "virsh", "list", "--name").stdout == "\n"
    assert run(host, "virsh", "domstate", "a").stdout == "shut off\n\n"


@pytest.mark.parametrize("name", ["gone", "../../hostname", ".", ""])
def test_virsh_finds_no_domain_by_another_name(make: Describe, run: Run, name: str) -> None:
    done = run(make(), "virsh", "dumpxml", "--inactive", name)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: failed to get domain '{name}'\n"


def test_virsh_refuses_commands_that_it_does_not_have(make: Describe, run: Run) -> None:
    host = make()

    done = run(host, "virsh", "migrate", "a")
    nothing = run(host, "virsh")

    assert (done.returncode, done.stderr) == (1, "error: unknown command: 'migrate'\n")
    assert (nothing.returncode, nothing.stderr) == (1, "error: unknown command: ''\n")


def test_programs_work_after_their_host_was_moved(make: Describe, run: Run, tmp_path: Path) -> None:
    host = make()
    moved = InventoryHost("gh-01", (), {}, str(tmp_path / "it's moved"), host.simulated)
    Path(host.root).rename(moved.root)
    before = Path(moved.root, "proc/sys/kernel/random/boot_id").read_text()

    done = run(moved, "reboot")

    assert (done.returncode, done.stderr) == (0, "")
    assert Path(moved.root, "proc/sys/kernel/random/boot_id").read_text() != before
    assert not Path(host.root).exists()


def test_program_whose_interpreter_is_gone_says_so(make: Describe, run: Run) -> None:
    host = make()
    program = Path(host.root, "usr/sbin/reboot")
    text = program.read_text()
    interpreter = text.partition("[ -x ")[2].partition(" ]")[0]
    program.write_text(text.replace(interpreter, "/gone/python"))

    done = run(host, "reboot")
    ensure(host)

    assert done.returncode == 127
    assert done.stderr == f"{program}: /gone/python is gone; run: fleetpolicy lab up\n"
    assert program.read_text() == text


@pytest.mark.parametrize(
    ("changes", "programs"),
    [
        (
            {},
            [
                "dmesg",
                "mkinitramfs",
                "modinfo",
                "reboot",
                "update-grub",
                "update-initramfs",
                "virsh",
            ],
        ),
        ({"initramfs": "dracut"}, ["dmesg", "dracut", "modinfo", "reboot", "update-grub", "virsh"]),
        (
            {"initramfs": "none", "loader": "unknown", "libvirt": None},
            ["dmesg", "modinfo", "reboot"],
        ),
    ],
)
def test_host_has_the_programs_of_its_kind(
    describe: Describe, changes: dict[str, object], programs: list[str]
) -> None:
    kernel = {"normalNcMarker": True, "cacheableCapability": "known", "builtin": ["nvme"]}
    host = describe(kernel="7", kernels={"7": kernel}, **changes)

    build(host)

    assert sorted(path.name for path in Path(host.root, "usr/sbin").iterdir()) == programs
