"""Image-based hosts: what the agent sees of deployments, and how words come into their entries."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleetpolicy.lab import boot, set_kernel
from fleetpolicy.model.commandline import IMAGE_WORDS, words_in
from fleetpolicy.model.inventory import InventoryHost
from fleetpolicy.model.record import HostRecordDocument

Make = Callable[..., InventoryHost]
Look = Callable[[InventoryHost], HostRecordDocument]
Run = Callable[..., subprocess.CompletedProcess[str]]

OSTREE = {"loader": "ostree", "initramfs": "dracut"}
KERNEL, OLD = "7.3.4-arm64", "6.1.176-arm64"
RULES, MODPROBE = "/etc/udev/rules.d/70-fleetpolicy.rules", "/etc/modprobe.d/fleetpolicy.conf"


def put(host: InventoryHost, path: str, text: str) -> Path:
    place = Path(host.root) / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def put_into_image(host: InventoryHost, *words: str) -> None:
    put(host, f"/sysroot/image{IMAGE_WORDS}", f"kargs = {json.dumps(words)}\n")


def shown(host: InventoryHost) -> str:
    return (Path(host.root) / "proc/cmdline").read_text().strip()


def entries(host: InventoryHost) -> dict[str, str]:
    folder = Path(host.root) / "boot/loader/entries"
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_loader_is_told_by_its_evidence_and_the_first_deployment_boots_next(
    make: Make, look: Look
) -> None:
    host = make(**OSTREE)
    record = look(host)

    assert (record.facts.boot.loader, record.facts.boot.initramfs) == ("ostree", "image")
    assert record.state.next_command_line == record.state.command_line == shown(host)
    assert shown(host).startswith("BOOT_IMAGE=(hd0,gpt2)/ostree/lab-")
    assert f"/vmlinuz-{KERNEL} root=UUID=" in shown(host)
    assert list(entries(host)) == ["ostree-1.conf", "ostree-2.conf"]
    assert record.state.next_kernel is None


def test_modules_of_another_deployment_are_read_from_its_own_tree(make: Make, look: Look) -> None:
    host = make(**OSTREE)
    set_kernel(host, OLD)

    tree = entries(host)["ostree-2.conf"].split("ostree=")[1].strip()
    (Path(host.root) / tree.lstrip("/") / "usr/lib").unlink()
    put(host, f"{tree}/usr/lib/modules/{OLD}/modules.dep", "kernel/own_vfio_pci.ko:\n")

    following = look(host).state.next_kernel
    assert following is not None
    assert (following.release, following.modules) == (OLD, {"own_vfio_pci": "module"})
    boot(host)
    assert look(host).facts.kernel.release == OLD


def test_initramfs_is_read_though_nothing_of_ours_is_on_the_host(make: Make, look: Look) -> None:
    image = look(make(**OSTREE)).state.initramfs

    assert image is not None
    assert image.path.startswith("/boot/ostree/lab-")
    assert (image.files, image.modules) == ({}, ("i40e", "nvme"))


@pytest.mark.parametrize(
    ("change", "loader"),
    [
        ("no entries", None),
        ("a version that is no number", None),
        ("a unified image", None),
        ("an entry of somebody else", "ostree"),
    ],
)
def test_evidence_that_is_not_whole_shows_no_loader(
    make: Make, look: Look, change: str, loader: str | None
) -> None:
    host = make(**OSTREE)
    folder = Path(host.root) / "boot/loader/entries"
    match change:
        case "no entries":
            for path in folder.iterdir():
                path.unlink()
        case "a version that is no number":
            path = folder / "ostree-1.conf"
            path.write_text(path.read_text().replace("version 1", "version 1.0"))
        case "a unified image":
            variable = "StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
            put(host, f"/sys/firmware/efi/efivars/{variable}", "\6\0\0\0s\0")
        case _:
            (folder / "other.conf").write_text("version 9\nlinux /vmlinuz\noptions ro\n")

    assert look(host).facts.boot.loader == loader


def test_deployment_that_is_staged_leaves_the_next_boot_unknown(
    make: Make, look: Look, run: Run
) -> None:
    host = make(**OSTREE)
    before = entries(host)

    done = run(host, "rpm-ostree", "kargs", "--append-if-missing=iommu.strict=1")

    assert done.returncode == 0, done.stderr
    assert entries(host) == before
    state = look(host).state
    assert (state.next_command_line, state.initramfs) == (None, None)
    boot(host)
    state = look(host).state
    assert state.next_command_line == state.command_line == shown(host)
    assert " ro quiet iommu.strict=1 ostree=" in shown(host)
    assert list(entries(host)) == ["ostree-1.conf", "ostree-2.conf"]
    assert "iommu.strict" not in entries(host)["ostree-1.conf"]


@pytest.mark.parametrize(
    ("line", "is_known"),
    [
        ("next_entry=ostree-1", False),
        ("saved_entry=1", False),
        ("saved_entry=ostree-2", True),
        ("saved_entry=0123-6.1", True),
        ("next_entry=", True),
    ],
)
def test_entry_that_grub_was_told_to_start_leaves_the_next_boot_unknown_unless_it_is_the_first(
    make: Make, look: Look, line: str, *, is_known: bool
) -> None:
    host = make(**OSTREE)
    put(host, "/boot/grub2/grubenv", f"# GRUB Environment Block\n{line}\n")

    assert (look(host).state.next_command_line is not None) == is_known


@pytest.mark.parametrize(("default", "is_known"), [("ostree-1.conf", False), ("ostree-2*", True)])
def test_entry_that_systemd_boot_starts_has_to_be_the_first(
    make: Make, look: Look, default: str, *, is_known: bool
) -> None:
    host = make(**OSTREE)
    variable = Path(host.root) / "sys/firmware/efi/efivars"
    variable.mkdir(parents=True)
    (variable / "LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f").write_bytes(
        b"\6\0\0\0" + "systemd-boot 255\0".encode("utf-16-le")
    )
    put(host, "/boot/loader/loader.conf", f"default {default}\n")

    assert (look(host).state.next_command_line is not None) == is_known


def test_word_that_is_there_is_passed_over_and_appended_when_it_is_asked_for(
    make: Make, run: Run
) -> None:
    host = make(**OSTREE)

    run(host, "rpm-ostree", "kargs", "--append-if-missing=quiet", "--append=ro")
    boot(host)

    assert " ro quiet ro ostree=" in shown(host)


def test_difference_between_images_is_applied_and_words_of_the_machine_stay(
    make: Make, look: Look, run: Run
) -> None:
    host = make(**OSTREE)
    run(host, "rpm-ostree", "kargs", "--append-if-missing=own=1")
    boot(host)
    put_into_image(host, "iommu.strict=1", "hugepages=16")
    assert run(host, "bootc", "upgrade").returncode == 0
    boot(host)

    assert " ro quiet own=1 iommu.strict=1 hugepages=16 ostree=" in shown(host)
    kept = look(host).state.files[IMAGE_WORDS]
    assert words_in(IMAGE_WORDS, kept.content or "") == ("iommu.strict=1", "hugepages=16")

    put_into_image(host, "hugepages=16")
    run(host, "bootc", "upgrade")
    boot(host)
    assert " ro quiet own=1 hugepages=16 ostree=" in shown(host)


def test_image_without_a_folder_of_words_takes_none_back(make: Make, run: Run) -> None:
    host = make(**OSTREE)
    put_into_image(host, "iommu.strict=1")
    run(host, "bootc", "upgrade")
    boot(host)
    (Path(host.root) / f"sysroot/image{IMAGE_WORDS}").unlink()
    (Path(host.root) / f"sysroot/image{IMAGE_WORDS}").parent.rmdir()

    run(host, "bootc", "upgrade")
    boot(host)

    assert " ro quiet iommu.strict=1 iommu.strict=1 ostree=" in shown(host)
    assert not (Path(host.root) / IMAGE_WORDS.lstrip("/")).exists()


def test_initramfs_of_an_image_carries_what_the_image_was_built_with_alone(
    make: Make, look: Look, run: Run
) -> None:
    host = make(**OSTREE)
    put(host, RULES, "# On the host.\n")
    put(host, f"/sysroot/image{MODPROBE}", "options vfio_pci disable_idle_d3=1\n")
    put(
        host,
        "/sysroot/image/etc/dracut.conf.d/fleetpolicy.conf",
        f'add_drivers+=" vfio_pci "\ninstall_items+=" {MODPROBE} {RULES} "\n',
    )
    run(host, "bootc", "upgrade")
    boot(host)

    image = look(host).state.initramfs
    assert image is not None
    assert (list(image.files), "vfio_pci" in image.modules) == ([MODPROBE], True)
    assert (Path(host.root) / MODPROBE.lstrip("/")).exists()
    assert (Path(host.root) / RULES.lstrip("/")).read_text() == "# On the host.\n"


def test_entry_with_several_initramfs_is_not_judged(make: Make, look: Look) -> None:
    host = make(**OSTREE)
    path = Path(host.root) / "boot/loader/entries/ostree-2.conf"
    path.write_text(path.read_text() + "initrd /ostree/overlay.img\n")

    assert look(host).state.initramfs is None


def test_agent_refuses_to_write_into_the_image(
    make: Make, ask_agent: Callable[..., dict[str, Any]]
) -> None:
    host = make(**OSTREE)
    step = {"verb": "create", "path": IMAGE_WORDS, "kind": "kernel command line", "mode": 0o644}
    step |= {"before": "", "after": "", "content": "kargs = []\n"}
    body = {"host": host.name, "plan": "p", "release": KERNEL, "domains": [], "reboot": True}

    reply = ask_agent(
        verb="apply", root=host.root, bundle={**body, "files": [step], "manifest": ""}
    )

    assert reply == {
        "status": "failed",
        "message": f"{IMAGE_WORDS} is none of the files that fleetpolicy owns",
    }


@pytest.mark.parametrize(
    ("program", "arguments", "said"),
    [
        ("bootc", ["switch", "x"], "bootc: a simulated host knows upgrade alone\n"),
        (
            "rpm-ostree",
            ["kargs", "--delete=ro"],
            "rpm-ostree: a simulated host knows kargs --append[-if-missing] alone\n",
        ),
    ],
)
def test_programs_refuse_what_they_do_not_know(
    make: Make, run: Run, program: str, arguments: list[str], said: str
) -> None:
    done = run(make(**OSTREE), program, *arguments)

    assert (done.returncode, done.stderr) == (1, said)
