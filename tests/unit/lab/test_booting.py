import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.lab import boot, set_kernel
from fleetpolicy.lab.loader import _listed_choice
from fleetpolicy.lab.rules import NO_BOOT
from fleetpolicy.lab.tree import Tree
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

Describe = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
Run = Callable[..., subprocess.CompletedProcess[str]]
DROP_IN = """\
add_drivers+=" nvgrace_gpu_vfio_pci vfio_pci "
install_items+=" /etc/modprobe.d/fleetpolicy.conf /etc/udev/rules.d/70-fleetpolicy.rules "
"""
GPU, DATA_DISK, ROOT_DISK = "0009:01:00.0", "0004:01:00.0", "0002:01:00.0"


def put(host: InventoryHost, files: dict[str, str]) -> None:
    for path, text in files.items():
        Path(host.root, path).write_text(text)


def deploy(host: InventoryHost, files: dict[str, str], run: Run) -> None:
    put(host, files)
    assert run(host, "update-grub").returncode == 0
    assert run(host, "update-initramfs", "-u", "-k", "all").returncode == 0


def trace_of(host: InventoryHost) -> list[str]:
    return Path(host.root, "var/log/boot-trace").read_text().splitlines()


def why_it_does_not_boot(host: InventoryHost) -> str:
    with pytest.raises(FleetPolicyError) as caught:
        boot(host)
    (finding,) = caught.value.diagnostics
    assert finding.rule is NO_BOOT
    return finding.why


def test_boot_with_the_files_of_a_policy_binds_devices_as_asked(
    make: Describe, look: Look, run: Run, policy_files: dict[str, str]
) -> None:
    host = make()
    before = look(host).identity
    deploy(host, policy_files, run)

    reboot = run(host, "reboot")

    assert (reboot.returncode, reboot.stdout, reboot.stderr) == (0, "", "")
    record = look(host)
    bindings = record.state.bindings
    assert (bindings[GPU].driver, bindings[GPU].override) == ("nvgrace_gpu_vfio_pci",) * 2
    assert (bindings[DATA_DISK].driver, bindings[DATA_DISK].override) == ("vfio-pci",) * 2
    assert (bindings[ROOT_DISK].driver, bindings[ROOT_DISK].override) == ("nvme", None)
    assert record.state.command_line.endswith(" ro iommu.strict=1 quiet")
    assert record.state.next_command_line == record.state.command_line
    assert record.state.module_parameters["vfio_pci"] == {
        "disable_denylist": "N",
        "disable_idle_d3": "Y",
        "enable_sriov": "N",
        "nointxmask": "N",
    }
    assert record.identity.boot_id != before.boot_id
    assert record.identity.machine_id == before.machine_id
    links = Path(host.root, "sys/bus/pci/drivers/vfio-pci").iterdir()
    assert [link.name for link in links] == [DATA_DISK]


def test_boot_after_the_files_are_gone_gives_devices_back(
    make: Describe, look: Look, run: Run, policy_files: dict[str, str]
) -> None:
    host = make()
    before = look(host).state
    deploy(host, policy_files, run)
    boot(host)
    for path in policy_files:
        Path(host.root, path).unlink()
    deploy(host, {}, run)

    boot(host)

    assert look(host).state == before


def test_boot_without_the_programs_that_carry_files_over_changes_little(
    make: Describe, look: Look, policy_files: dict[str, str]
) -> None:
    host = make()
    rules = "etc/udev/rules.d/70-fleetpolicy.rules"
    takes_nothing_back = "".join(
        line
        for line in policy_files[rules].splitlines(keepends=True)
        if "unbind" not in line and "drivers_probe" not in line
    )
    put(host, {**policy_files, rules: takes_nothing_back})

    boot(host)

    state = look(host).state
    assert "iommu.strict" not in state.command_line
    assert state.bindings[DATA_DISK].driver == "nvme"  # bound in the initramfs, without the rule
    assert state.bindings[DATA_DISK].override == "vfio-pci"
    assert state.bindings[GPU].driver == "nvgrace_gpu_vfio_pci"


@pytest.mark.accepts("FP803")
def test_boot_of_another_kernel_shows_its_evidence(make: Describe, look: Look) -> None:
    host = make()
    before = look(host)
    set_kernel(host, "6.1.176-arm64")
    chosen = look(host).state.next_command_line or ""

    boot(host)

    after = look(host)
    assert chosen == after.state.command_line
    assert after.state.command_line == before.state.command_line.replace("7.3.4", "6.1.176")
    assert (after.facts.kernel.release, after.facts.kernel.page_size_kib) == ("6.1.176-arm64", 4)
    assert (after.facts.kernel.normal_nc_marker, after.facts.kernel.capability_on_vm) == (
        False,
        "0",
    )
    assert before.facts.kernel.capability_on_vm == "1"
    assert list(after.facts.modules) == ["vfio", "vfio_pci", "vfio_pci_core", "vfio_virqfd"]
    assert after.state.files == before.state.files


def test_boot_that_takes_the_root_disk_away_fails_and_changes_nothing(
    make: Describe,
    run: Run,
    policy_files: dict[str, str],
    tree_digest: Callable[[Path], dict[str, str]],
) -> None:
    host = make()
    rules = "etc/udev/rules.d/70-fleetpolicy.rules"
    everything = 'ACTION=="add", ATTR{class}=="0x0108*", ATTR{driver_override}="vfio-pci"\n'
    deploy(host, {**policy_files, rules: everything}, run)
    before = tree_digest(Path(host.root))

    reboot = run(host, "reboot")

    assert reboot.returncode == 1
    assert reboot.stderr.startswith(
        "reboot: the root disk 0002:01:00.0 is not there: bound to vfio-pci: "
        "driver_override=vfio-pci (/etc/udev/rules.d/70-fleetpolicy.rules:1: "
    )
    assert tree_digest(Path(host.root)) == before


@pytest.mark.shows("FP803")
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("boot/grub/grub.cfg", "/boot/grub/grub.cfg is gone"),
        ("boot/vmlinuz-7.3.4-arm64", "there is no kernel 7.3.4-arm64"),
        ("boot/initrd.img-7.3.4-arm64", "/boot/initrd.img-7.3.4-arm64 is missing or damaged"),
    ],
)
def test_boot_without_a_file_that_it_needs_fails(make: Describe, path: str, why: str) -> None:
    host = make()
    Path(host.root, path).unlink()

    assert why_it_does_not_boot(host) == why


@pytest.mark.shows("FP803")
@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("", "/boot/grub/grub.cfg has no entry that starts a kernel"),
        (
            "menuentry 'x' {\nlinux /boot/vmlinuz-7.3.4-arm64 root='\n}\n",
            "/boot/grub/grub.cfg has a line that GRUB cannot read: No closing quotation",
        ),
        (
            "menuentry 'x' {\nlinux /boot/vmlinuz-9 ro\n}\n",
            "there is no kernel 9",
        ),
    ],
)
def test_boot_from_a_spoilt_menu_fails(make: Describe, config: str, why: str) -> None:
    host = make()
    Path(host.root, "boot/grub/grub.cfg").write_text(config)

    assert why_it_does_not_boot(host) == why


@pytest.mark.shows("FP803")
def test_boot_takes_modules_whose_files_are_gone_as_gone(make: Describe) -> None:
    host = make()
    Path(host.root, "lib/modules/7.3.4-arm64/modules.dep").write_text("")
    Path(host.root, "boot/initrd.img-7.3.4-arm64").unlink()
    Path(host.root, "boot/grub/grub.cfg").write_text(
        "menuentry 'x' {\nlinux /boot/vmlinuz-7.3.4-arm64 ro\n}\n"
    )

    why = why_it_does_not_boot(host)

    assert why.startswith("the root disk 0002:01:00.0 is not there: no driver: ")


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("disable_idle_d3=y", ("disable_idle_d3", "Y")),
        ("disable_idle_d3=on", ("disable_idle_d3", "Y")),
        ("disable_idle_d3", ("disable_idle_d3", "Y")),
        ("disable_idle_d3=off", ("disable_idle_d3", "N")),
        ("disable_idle_d3=maybe", ("disable_idle_d3", "N")),
        ("ids=10de:2342", None),
        ("invented=1", None),
    ],
)
def test_boot_shows_parameters_as_the_kernel_would(
    make: Describe, look: Look, option: str, shown: tuple[str, str] | None
) -> None:
    host = make()
    put(
        host,
        {
            "etc/modprobe.d/x.conf": f"options vfio_pci {option}\n",
            "etc/modules-load.d/x.conf": "vfio_pci\n",
        },
    )

    boot(host)

    defaults = dict.fromkeys(
        ("disable_denylist", "disable_idle_d3", "enable_sriov", "nointxmask"), "N"
    )
    expected = {**defaults, **dict([shown] if shown else [])}
    assert look(host).state.module_parameters["vfio_pci"] == expected


def test_boot_shows_numbers_as_numbers(make: Describe, look: Look) -> None:
    host = make()
    text = "options vfio_iommu_type1 dma_entry_limit=0x10 disable_hugepages=1\n"
    put(host, {"etc/modprobe.d/x.conf": text, "etc/modules-load.d/x.conf": "vfio_iommu_type1\n"})

    boot(host)

    assert look(host).state.module_parameters["vfio_iommu_type1"] == {
        "allow_unsafe_interrupts": "N",
        "disable_hugepages": "Y",
        "dma_entry_limit": "16",
    }


def test_boot_without_the_network_driver_leaves_no_default_route(
    make: Describe, look: Look
) -> None:
    host = make()
    put(host, {"etc/modprobe.d/x.conf": "blacklist i40e\n"})
    Path(host.root, "boot/initrd.img-7.3.4-arm64").write_text(
        '{"load": [], "modprobe.d": {}, "modules": ["nvme", "nvme_core"], "rules.d": {}}'
    )

    boot(host)

    record = look(host)
    assert record.state.bindings["0006:01:00.0"].driver is None
    assert [device.used_by for device in record.facts.devices if device.used_by] == [("root disk",)]


def test_boot_leaves_every_step_and_its_cause_behind(make: Describe) -> None:
    host = make()

    assert trace_of(host)[1] == (
        "kernel: 0009:00:00.0: bound to pcieport: alias pci:v*d*sv*sd*bc06sc04i00* "
        "(kernel: built into 7.3.4-arm64)"
    )


@pytest.mark.parametrize("dropped_in", [False, True])
def test_boot_from_a_generic_image_of_dracut_needs_our_drop_in(
    make: Describe,
    look: Look,
    run: Run,
    policy_files: dict[str, str],
    dropped_in: bool,  # noqa: FBT001 a parameter of the test
) -> None:
    host = make(initramfs="dracut")
    put(host, policy_files)
    assert run(host, "update-grub").returncode == 0
    if dropped_in:
        Path(host.root, "etc/dracut.conf.d/fleetpolicy.conf").write_text(DROP_IN)
    run(host, "dracut", "-f", "--regenerate-all")

    boot(host)

    bound = [line for line in trace_of(host) if f": {DATA_DISK}: bound to " in line]
    owners = [line.split(": bound to ")[1].partition(":")[0] for line in bound]
    assert owners == (["vfio-pci"] if dropped_in else ["nvme", "vfio-pci"])
    image = look(host).state.initramfs
    assert image
    assert len(image.files) == (2 if dropped_in else 0)
    assert {"nvme", "vfio_pci"} <= set(image.modules)


def test_boot_switches_guests_off(make: Describe, run: Run, look: Look) -> None:
    host = make()
    Path(host.root, "etc/libvirt/qemu/guest.xml").write_text("<domain/>\n")
    run(host, "virsh", "start", "guest")
    before = look(host).state.running

    boot(host)

    assert (before, look(host).state.running) == (("guest",), ())


@pytest.mark.shows("FP803")
def test_boot_of_an_entry_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(FleetPolicyError):
        _listed_choice(Tree(tmp_path))
