import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fleetpolicy.lab
from fleetpolicy.diagnostics import FleetPolicyError
from fleetpolicy.lab import boot, build, ensure, remove, set_kernel, status
from fleetpolicy.lab.rules import NO_BOOT, NO_HOST_FOLDER, NO_KERNEL, NOT_WRITTEN
from fleetpolicy.model.inventory import InventoryHost

Describe = Callable[..., InventoryHost]


def said(caught: pytest.ExceptionInfo[FleetPolicyError], root: str) -> tuple[str, str, str]:
    (finding,) = caught.value.diagnostics
    why, fix = finding.why.replace(root, "ROOT"), finding.fix.replace(root, "ROOT")
    return finding.rule.id, why, fix


def beside(host: InventoryHost) -> list[str]:
    return sorted(path.name for path in Path(host.root).parent.iterdir())


@pytest.mark.accepts("FP801", "FP804")
def test_ensure_builds_a_host_once(describe: Describe) -> None:
    host = describe()

    first, second = ensure(host), ensure(host)

    assert (first, second) == (True, False)
    assert status(host) == "runs 7.3.4-arm64; 0 devices on VFIO drivers; 0 domains"
    assert beside(host) == [".gh-01.lock", "gh-01"]


def test_ensure_writes_programs_anew_that_somebody_changed(make: Describe) -> None:
    host = make()
    program = Path(host.root, "usr/sbin/reboot")
    program.write_text("#!/gone/python\n")

    ensure(host)

    assert program.read_text().startswith("#!/bin/sh\n")


def test_build_takes_a_host_back_to_its_factory_state(make: Describe) -> None:
    host = make()
    stray = Path(host.root, "etc/modprobe.d/stray.conf")
    stray.write_text("blacklist nvme\n")

    build(host)

    assert not stray.exists()


def test_build_gives_equal_hosts_equal_files_but_for_what_names_them(make: Describe) -> None:
    first, second = make("gh-01"), make("gh-02")

    def read(host: InventoryHost) -> dict[str, bytes]:
        root = Path(host.root)
        files = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): path.read_bytes() for path in files}

    one, other = read(first), read(second)
    assert one.keys() == other.keys()
    assert sorted(path for path in one if one[path] != other[path]) == [
        ".hardware.json",
        "boot/grub/grub.cfg",
        "boot/grub/grubenv",
        "etc/hostname",
        "etc/machine-id",
        "proc/cmdline",
        "proc/sys/kernel/random/boot_id",
        "var/log/dmesg",
    ]


def test_remove_leaves_nothing(make: Describe) -> None:
    host = make()

    remove(host)
    remove(host)

    assert status(host) == "not built"
    assert beside(host) == []


@pytest.mark.shows("FP801")
@pytest.mark.parametrize("act", [build, ensure, remove, boot, status])
def test_folder_of_somebody_else_is_left_alone(
    describe: Describe, act: Callable[[InventoryHost], object]
) -> None:
    host = describe()
    Path(host.root).mkdir(parents=True)
    Path(host.root, "thesis.tex").write_text("\\end")

    with pytest.raises(FleetPolicyError) as caught:
        act(host)

    assert said(caught, host.root) == (
        NO_HOST_FOLDER.id,
        "ROOT has no /.hardware.json: fleetpolicy did not build it",
        "move it away, or set fleetpolicy_root",
    )
    assert Path(host.root, "thesis.tex").read_text() == "\\end"


@pytest.mark.shows("FP801")
def test_link_in_the_place_of_a_host_is_left_alone(make: Describe, describe: Describe) -> None:
    real, link = make(), describe("link")
    Path(link.root).symlink_to(real.root)

    with pytest.raises(FleetPolicyError) as caught:
        remove(link)

    why = "ROOT is a symbolic link, and what is behind it may be anything"
    assert said(caught, link.root)[1] == why
    assert status(real).startswith("runs ")


@pytest.mark.shows("FP801")
def test_boot_of_a_host_that_is_not_built_says_what_to_run(describe: Describe) -> None:
    host = describe()

    with pytest.raises(FleetPolicyError) as caught:
        boot(host)

    assert said(caught, host.root) == (
        NO_HOST_FOLDER.id,
        "ROOT is not built yet",
        "run: fleetpolicy lab up",
    )


@pytest.mark.shows("FP801")
def test_host_that_exists_for_real_is_no_business_of_the_lab() -> None:
    host = InventoryHost("db-01", ("all",), {}, "/", None)

    with pytest.raises(FleetPolicyError) as caught:
        remove(host)

    assert said(caught, "/nowhere") == (
        NO_HOST_FOLDER.id,
        "db-01 has no host variable fleetpolicy_model",
        "leave hosts that exist to their operators",
    )


@pytest.mark.shows("FP801")
def test_damaged_description_is_named(make: Describe) -> None:
    host = make()
    Path(host.root, ".hardware.json").write_text('{"name": ')

    with pytest.raises(FleetPolicyError) as caught:
        status(host)

    assert said(caught, host.root) == (
        NO_HOST_FOLDER.id,
        "ROOT/.hardware.json is missing or damaged",
        "build the host anew: fleetpolicy lab reset",
    )


@pytest.mark.shows("FP802")
def test_kernel_that_is_not_installed_is_refused(make: Describe) -> None:
    host = make()

    with pytest.raises(FleetPolicyError) as caught:
        set_kernel(host, "6.17.0")

    assert said(caught, host.root) == (
        NO_KERNEL.id,
        "gh-01 has no kernel 6.17.0",
        "choose one of: 6.1.176-arm64, 7.3.4-arm64",
    )


@pytest.mark.shows("FP804")
def test_folder_that_cannot_be_written_is_a_finding(describe: Describe, tmp_path: Path) -> None:
    host = describe()
    Path(host.root).parent.write_text("a file in the place of a folder")

    with pytest.raises(FleetPolicyError) as caught:
        ensure(host)

    assert said(caught, str(tmp_path)) == (
        NOT_WRITTEN.id,
        "ROOT/.lab: File exists",
        "give the folder to the user who runs fleetpolicy, and make room on its disk",
    )


def test_build_that_fails_leaves_the_host_as_it_was(make: Describe, describe: Describe) -> None:
    make()
    disk = {"address": "0000:01:00.0", "id": "144d:a80a", "class": "010802"}
    host = describe(devices=[{**disk, "usedBy": ["root disk"]}])
    mark = Path(host.root, "etc/modprobe.d/mark.conf")
    mark.write_text("")

    with pytest.raises(FleetPolicyError):
        build(host)

    assert mark.exists()
    assert beside(host) == [".gh-01.lock", "gh-01"]


def test_build_of_a_host_that_cannot_boot_leaves_nothing(describe: Describe) -> None:
    disk = {"address": "0000:01:00.0", "id": "144d:a80a", "class": "010802"}
    host = describe(devices=[{**disk, "usedBy": ["root disk"]}])

    with pytest.raises(FleetPolicyError) as caught:
        build(host)

    assert caught.value.diagnostics[0].rule is NO_BOOT
    assert beside(host) == []


@pytest.mark.accepts("FP802")
def test_status_tells_which_kernel_boots_next(make: Describe) -> None:
    host = make()

    set_kernel(host, "6.1.176-arm64")

    assert status(host) == (
        "runs 7.3.4-arm64, boots 6.1.176-arm64 next; 0 devices on VFIO drivers; 0 domains"
    )


def test_two_processes_build_one_host_one_after_the_other(describe: Describe) -> None:
    host = describe()
    program = (
        "import sys; from fleetpolicy.lab import ensure; "
        "from fleetpolicy.model.inventory import InventoryHost; "
        "from fleetpolicy.model.simulated import SimulatedHost; "
        "model = SimulatedHost.model_validate_json(sys.argv[2]); "
        "print(ensure(InventoryHost('gh-01', (), {}, sys.argv[1], model)))"
    )
    assert host.simulated
    text = host.simulated.model_dump_json(by_alias=True)
    command = [sys.executable, "-c", program, host.root, text]

    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = sorted(process.communicate()[0].strip() for process in both)

    assert answers == ["False", "True"]


def test_lab_has_no_other_names() -> None:
    with pytest.raises(AttributeError) as caught:
        fleetpolicy.lab.virsh  # noqa: B018 the access is the act

    assert str(caught.value) == "module 'fleetpolicy.lab' has no attribute 'virsh'"
