import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.model.inventory import InventoryHost

Describe = Callable[..., InventoryHost]
Run = Callable[..., subprocess.CompletedProcess[str]]


def image(host: InventoryHost, release: str = "7.3.4-arm64") -> dict[str, Any]:
    text = Path(host.root, f"boot/initrd.img-{release}").read_text()
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_image_of_a_new_host_carries_storage_and_network_drivers(make: Describe) -> None:
    assert image(make()) == {
        "early": [],
        "format": "fleetpolicy lab initramfs 1",
        "load": [],
        "modprobe.d": {},
        "modules": ["i40e", "nvme", "nvme_core"],
        "release": "7.3.4-arm64",
        "rules.d": {},
    }


def test_update_initramfs_copies_files_and_follows_soft_dependencies(
    make: Describe, run: Run, policy_files: dict[str, str]
) -> None:
    host = make()
    for path, text in policy_files.items():
        Path(host.root, path).write_text(text)

    done = run(host, "update-initramfs", "-u", "-k", "all")

    assert done.stdout == (
        "update-initramfs: Generating /boot/initrd.img-7.3.4-arm64\n"
        "update-initramfs: Generating /boot/initrd.img-6.1.176-arm64\n"
    )
    made = image(host)
    assert list(made["modprobe.d"]) == ["/etc/modprobe.d/fleetpolicy.conf"]
    assert list(made["rules.d"]) == ["/etc/udev/rules.d/70-fleetpolicy.rules"]
    assert made["modules"] == [
        "i40e",
        "nvme",
        "nvme_core",
        "vfio",
        "vfio_iommu_type1",
        "vfio_pci",
        "vfio_pci_core",
    ]


def test_update_initramfs_carries_and_loads_what_its_list_names(make: Describe, run: Run) -> None:
    host = make()
    path = Path(host.root, "etc/initramfs-tools/modules")
    path.write_text("# a comment\n\nvfio-pci ids=144d:a80a\n")

    run(host, "update-initramfs", "-u")

    made = image(host)
    assert made["load"] == ["vfio-pci ids=144d:a80a"]
    assert "vfio_pci" in made["modules"]


def test_update_initramfs_means_the_newest_kernel_where_none_is_named(
    make: Describe, run: Run
) -> None:
    host = make()

    done = run(host, "update-initramfs", "-u")

    assert done.stdout == "update-initramfs: Generating /boot/initrd.img-7.3.4-arm64\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Usage: update-initramfs {-c|-u} [-k RELEASE|all]\n"),
        (["-u", "-k"], "Usage: update-initramfs {-c|-u} [-k RELEASE|all]\n"),
        (["-u", "-k", "9.9"], "E: /lib/modules/9.9 is missing\n"),
    ],
)
def test_update_initramfs_refuses_what_makes_no_sense(
    make: Describe, run: Run, arguments: list[str], said: str
) -> None:
    done = run(make(), "update-initramfs", *arguments)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_mkinitramfs_writes_an_image_where_it_is_told(make: Describe, run: Run) -> None:
    host = make()

    done = run(host, "mkinitramfs", "-o", "/boot/copy", "7.3.4-arm64")
    refused = run(host, "mkinitramfs")

    assert done.returncode == 0
    copy = Path(host.root, "boot/copy").read_bytes()
    assert copy == Path(host.root, "boot/initrd.img-7.3.4-arm64").read_bytes()
    assert (refused.returncode, refused.stderr) == (1, "Usage: mkinitramfs -o FILE RELEASE\n")


def test_update_initramfs_runs_hooks_that_are_executable(make: Describe, run: Run) -> None:
    host = make()
    hook = Path(host.root, "etc/initramfs-tools/hooks/fleetpolicy")
    hook.write_text("#!/bin/sh\nmanual_add_modules vfio_pci\n")

    run(host, "update-initramfs", "-u")
    unmade = image(host)["modules"]
    hook.chmod(0o755)
    run(host, "update-initramfs", "-u")

    assert "vfio_pci" not in unmade
    assert "vfio_pci" in image(host)["modules"]


def dracut_image(
    make: Describe, run: Run, policy_files: dict[str, str], **conf: str
) -> dict[str, Any]:
    host = make(initramfs="dracut")
    for path, text in policy_files.items():
        Path(host.root, path).write_text(text)
    for name, text in conf.items():
        Path(host.root, f"etc/dracut.conf.d/{name}.conf").write_text(text)
    assert run(host, "dracut", "-f", "--regenerate-all").returncode == 0
    assert image(host, "6.1.176-arm64")["rules.d"] == image(host)["rules.d"]
    return image(host)


def test_dracut_leaves_local_rules_and_options_out_of_a_generic_image(
    make: Describe, run: Run, policy_files: dict[str, str]
) -> None:
    made = dracut_image(make, run, policy_files)

    assert (made["rules.d"], made["modprobe.d"]) == ({}, {})
    assert "vfio_pci" in made["modules"]


def test_dracut_copies_local_rules_and_options_into_a_host_only_image(
    make: Describe, run: Run, policy_files: dict[str, str]
) -> None:
    made = dracut_image(make, run, policy_files, site='hostonly="yes"\n')

    assert list(made["rules.d"]) == ["/etc/udev/rules.d/70-fleetpolicy.rules"]
    assert list(made["modprobe.d"]) == ["/etc/modprobe.d/fleetpolicy.conf"]


def test_dracut_takes_in_and_loads_what_its_configuration_names(
    make: Describe, run: Run, policy_files: dict[str, str]
) -> None:
    made = dracut_image(
        make,
        run,
        policy_files,
        a='add_drivers+=" nvgrace_gpu_vfio_pci "\n',
        b='install_items+=" /etc/udev/rules.d/70-fleetpolicy.rules "\n',
        c='force_drivers+=" vfio-pci "\n',
    )

    assert list(made["rules.d"]) == ["/etc/udev/rules.d/70-fleetpolicy.rules"]
    assert made["modprobe.d"] == {}
    assert "nvgrace_gpu_vfio_pci" in made["modules"]
    assert made["early"] == ["vfio_pci"]


def test_dracut_refuses_what_it_does_not_know(make: Describe, run: Run) -> None:
    refused = run(make(initramfs="dracut"), "dracut", "-f")

    assert (refused.returncode, refused.stderr) == (
        1,
        "dracut: a simulated host knows --regenerate-all alone\n",
    )
